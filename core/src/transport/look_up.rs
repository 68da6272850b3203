//! From a host to its addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::connect::{BeforeRequest, Phase};
use crate::url;

/// The system's look-up, but for hosts that are addresses, and for `localhost` and its kin: those
/// are this machine, whatever a name server says.
#[derive(Debug, Default)]
pub(crate) struct LookUp {
    system: DefaultResolver,
}

impl Resolver for LookUp {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        let known: Vec<IpAddr> = if url::is_loopback_name(host) {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        } else if let Ok(address) = host.parse::<Ipv4Addr>() {
            vec![address.into()]
        } else if let Some(address) = url::ip_v6(host) {
            vec![address.into()]
        } else {
            return self
                .system
                .resolve(uri, config, timeout)
                .map_err(|error| BeforeRequest::mark(Phase::Connect, error));
        };
        let port =
            uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let mut addresses = self.empty();
        for address in known {
            addresses.push(SocketAddr::new(address, port));
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_need_no_name_server() {
        for (uri, expected) in [
            ("http://localhost:1", vec!["127.0.0.1:1", "[::1]:1"]),
            ("https://sandbox.LOCALHOST", vec!["127.0.0.1:443", "[::1]:443"]),
            ("http://127.0.0.9", vec!["127.0.0.9:80"]),
            ("http://[::1]:2", vec!["[::1]:2"]),
        ] {
            let found = LookUp::default()
                .resolve(&uri.parse().unwrap(), &Config::default(), NextTimeout::default())
                .unwrap();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{uri}");
        }
    }
}
