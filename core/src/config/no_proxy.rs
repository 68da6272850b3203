//! The hosts that `NO_PROXY` exempts from the proxy.

use std::net::IpAddr;

use crate::text_problem::is_blank;

/// Whether `NO_PROXY` exempts a host. The list is separated by commas, spaces or line ends. An entry
/// is a name (with or without a leading dot; it includes the subdomains), an address, a CIDR block or
/// the start of an IPv4 address such as `10.*`, each with or without a port. A dot at the end of a
/// name does not count. `*` exempts every host.
pub(crate) fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let host = without_root(&host);
    let address: Option<IpAddr> = host.parse().ok();
    let entries = list.split(|c| c == ',' || is_blank(c)).filter(|entry| !entry.is_empty());
    entries.into_iter().any(|entry| {
        if entry == "*" {
            return true;
        }
        let (entry, only_port) = split_port(entry);
        if only_port.is_some_and(|only| only != port) {
            return false;
        }
        let entry = without_root(entry);
        match address {
            Some(address) => in_block(address, entry) || has_start(address, entry),
            None => {
                let name = entry.trim_start_matches("*.").trim_start_matches('.');
                let name = name.to_ascii_lowercase();
                !name.is_empty() && (host == name || host.ends_with(&format!(".{name}")))
            }
        }
    })
}

/// A name without the dot of the root domain at its end.
fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// `host:port`, `[v6]:port`, or an entry without a port (a bare IPv6 address among them).
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((bracketed, rest)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (bracketed, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

/// Whether `address` is in `block`, which is an address or `network/prefix length`.
fn in_block(address: IpAddr, block: &str) -> bool {
    let (network, length) = match block.split_once('/') {
        Some((network, length)) => match length.parse::<u32>() {
            Ok(length) => (network, Some(length)),
            Err(_) => return false,
        },
        None => (block, None),
    };
    match (address, network.parse()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) => {
            let Some(ignored) = 32u32.checked_sub(length.unwrap_or(32)) else { return false };
            (address.to_bits() ^ network.to_bits()).checked_shr(ignored).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) => {
            let Some(ignored) = 128u32.checked_sub(length.unwrap_or(128)) else { return false };
            (address.to_bits() ^ network.to_bits()).checked_shr(ignored).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Whether an IPv4 address begins with the numbers of `pattern`, such as `10.*` or `10.1.*.*`.
fn has_start(address: IpAddr, pattern: &str) -> bool {
    let (IpAddr::V4(address), Some(mut start)) = (address, pattern.strip_suffix(".*")) else {
        return false;
    };
    while let Some(shorter) = start.strip_suffix(".*") {
        start = shorter;
    }
    address.to_string().strip_prefix(start).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_supports_names_addresses_blocks_and_ports() {
        for (list, host) in [
            ("*", "a.example"),
            ("b.example, a.example", "a.example"),
            ("b.example a.example", "a.example"),
            ("b.example\na.example\r\n", "a.example"),
            ("a.example\r", "a.example"),
            (".example", "a.example"),
            ("*.example", "a.example"),
            ("example", "A.Example"),
            ("a.example.", "a.example"),
            (".example.", "a.example."),
            ("a.example", "a.example."),
            ("a.example.:443", "a.example"),
            ("a.example:443", "a.example"),
            ("10.0.0.0/8", "10.9.8.7"),
            ("10.9.8.7", "10.9.8.7"),
            ("10.9.8.7/32", "10.9.8.7"),
            ("0.0.0.0/0", "10.9.8.7"),
            ("10.*", "10.9.8.7"),
            ("10.*.*.*", "10.9.8.7"),
            ("10.9.8.*:443", "10.9.8.7"),
            ("fd00::/8", "[fd12::1]"),
            ("[fd12::1]:443", "[fd12::1]"),
            ("[fd12::1]", "[fd12::1]"),
            ("fd12::1", "[fd12::1]"),
            ("fd12::1/128", "[fd12::1]"),
        ] {
            assert!(is_exempt(list, host, 443), "{list} {host}");
        }
        for (list, host) in [
            ("", "a.example"),
            (".", "a.example"),
            ("..", "a.example"),
            ("xample", "a.example"),
            ("a.example:8443", "a.example"),
            ("a.example.org", "a.example"),
            ("10.0.0.0/8", "11.9.8.7"),
            ("10.0.0.0/x", "10.9.8.7"),
            ("10.9.8.7/33", "10.9.8.7"),
            ("1.*", "10.9.8.7"),
            ("10.*", "10.example"),
            ("10.9.8.7.*", "10.9.8.7"),
            (".*", "10.9.8.7"),
            ("*.*", "10.9.8.7"),
            ("10.*:8443", "10.9.8.7"),
            ("fd00::/8", "[fe12::1]"),
            ("fd12::1/129", "[fd12::1]"),
            ("10.0.0.0/8", "ten.example"),
        ] {
            assert!(!is_exempt(list, host, 443), "{list} {host}");
        }
    }
}
