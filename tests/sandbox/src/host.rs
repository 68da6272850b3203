//! Hosts: the one parser for the Host header, the target of a request, Origin, webhook URLs and
//! options, and the one definition of a loopback host.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host, compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// Parses a host as it is written in a URL: an IPv6 address in brackets, an IPv4 address of
    /// four decimal numbers, or a name. Everything else that some software accepts, such as
    /// `127.1` or `localhost.`, is rejected: no browser sends it for a loopback host.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(bracketed) = text.strip_prefix('[') {
            let address = bracketed.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?;
            return Some(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        let ends_in_number = last.bytes().all(|byte| byte.is_ascii_digit())
            || last.to_ascii_lowercase().starts_with("0x");
        let is_name = text.len() <= 253 && text.split('.').all(is_label) && !ends_in_number;
        is_name.then(|| Self::Name(text.to_ascii_lowercase()))
    }

    /// Parses a host as it is written in an option, where an IPv6 address needs no brackets.
    pub(crate) fn parse_option(text: &str) -> Option<Self> {
        text.parse().map(Self::Address).ok().or_else(|| Self::parse(text))
    }

    /// The addresses of a loopback host, or `None` for any other host.
    ///
    /// `localhost` and `*.localhost` are never resolved: a resolver could return another address.
    pub(crate) fn loopback_addresses(&self) -> Option<Vec<IpAddr>> {
        match self {
            Self::Address(address) => address.is_loopback().then(|| vec![*address]),
            Self::Name(name) => (name == "localhost" || name.ends_with(".localhost"))
                .then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        }
    }
}

impl fmt::Display for Host {
    /// Without brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Letters, digits, hyphens, and underscores, which names of containers contain.
fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&label.len()) && label.bytes().all(allowed) && !label.starts_with('-')
}

/// A host and a port, without user information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
}

impl Authority {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let colon = match text.rfind(']') {
            Some(bracket) => text[bracket..].find(':').map(|colon| bracket + colon),
            None => text.find(':'),
        };
        let (host, port) = match colon {
            Some(colon) => {
                let digits = &text[colon + 1..];
                // `parse` also accepts a sign.
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                (&text[..colon], Some(digits.parse().ok().filter(|_| is_number)?))
            }
            None => (text, None),
        };
        Host::parse(host).map(|host| Self { host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(host: &str) -> Option<Vec<IpAddr>> {
        Host::parse(host)?.loopback_addresses()
    }

    #[test]
    fn loopback_hosts_have_loopback_addresses_only() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "[0:0:0:0:0:0:0:1]", "localhost"] {
            let addresses = addresses(host).expect(host);
            assert!(addresses.iter().all(IpAddr::is_loopback), "{host}: {addresses:?}");
        }
        for host in ["A.LocalHost", "a.b.localhost", "my_app.localhost"] {
            assert_eq!(addresses(host).expect(host).len(), 2);
        }
    }

    #[test]
    fn other_hosts_have_none() {
        for host in ["0.0.0.0", "10.0.0.1", "[::]", "localhost.example", "evillocalhost"] {
            assert!(Host::parse(host).is_some(), "{host}");
            assert_eq!(addresses(host), None, "{host}");
        }
        // A mapped address reaches 127.0.0.1, but is none of the documented loopback hosts.
        assert_eq!(addresses("[::ffff:127.0.0.1]"), None);
    }

    #[test]
    fn invalid_hosts_are_rejected() {
        let long = format!("{}.localhost", "a".repeat(64));
        for host in [
            "",
            ".",
            ".localhost",
            "a..localhost",
            "localhost.",
            "-a.localhost",
            &long,
            "[[127.0.0.1]]",
            "[127.0.0.1]",
            "[localhost]",
            "[::1",
            "::1",
            "::1]",
            "[::1]]",
            "[]",
            "[::1%25lo]",
            "[fe80::1%lo]",
            "2130706433",
            "127.1",
            "127.0.1",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.01",
            "127.0.0.1.",
            "127.0.0.256",
            "a.0x7f",
            "%6cocalhost",
            "127%2e0.0.1",
            "l\u{f6}calhost",
            "\u{ff11}27.0.0.1",
            "localhost\u{3002}",
            "local host",
            " localhost",
            "localhost\t",
            "user@localhost",
            "localhost@",
            "localhost/",
            "localhost?",
            "localhost#",
            "local\\host",
            "localhost,localhost",
            "localhost\0",
        ] {
            assert_eq!(Host::parse(host), None, "{host:?}");
        }
    }

    #[test]
    fn ports_are_numbers_that_a_port_can_have() {
        for (text, port) in [
            ("localhost", None),
            ("localhost:1", Some(1)),
            ("127.0.0.1:65535", Some(65535)),
            ("[::1]:80", Some(80)),
            ("[::1]", None),
        ] {
            assert_eq!(Authority::parse(text).expect(text).port, port);
        }
        for text in [
            "localhost:",
            "[::1]:",
            "127.0.0.1:99999999",
            "127.0.0.1:65536",
            "localhost:+80",
            "localhost:-1",
            "localhost:0x50",
            "localhost:80:80",
            "localhost::80",
            "[::1]80",
            "[::1]x:80",
            "::1:80",
            ":80",
            "",
            "user:pass@localhost:80",
            "localhost:80 ",
            "localhost:80/",
            "localhost:\u{661}",
        ] {
            assert_eq!(Authority::parse(text), None, "{text:?}");
        }
    }
}
