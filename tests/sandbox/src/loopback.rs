//! The one definition of a loopback host, for the Host check and for webhooks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of a loopback host as it is written in a URL or a Host header (without port), or
/// `None` for any other host.
///
/// `localhost` and `*.localhost` are never resolved: a resolver could return another address.
pub(crate) fn loopback_addresses(host: &str) -> Option<Vec<IpAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return address.is_loopback().then(|| vec![address]);
    }
    let name = host.to_ascii_lowercase();
    (name == "localhost" || name.ends_with(".localhost"))
        .then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_hosts_have_loopback_addresses_only() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "::1", "localhost", "A.LocalHost"] {
            let addresses = loopback_addresses(host).expect(host);
            assert!(addresses.iter().all(IpAddr::is_loopback), "{host}: {addresses:?}");
        }
    }

    #[test]
    fn other_hosts_have_none() {
        for host in ["0.0.0.0", "10.0.0.1", "[::]", "localhost.example", "evillocalhost", ""] {
            assert_eq!(loopback_addresses(host), None, "{host}");
        }
    }
}
