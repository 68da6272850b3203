//! The choice of the proxy.

use std::net::IpAddr;

use ureq::Proxy;
use ureq::http::Uri;
use zeroize::Zeroizing;

use super::env::Env;
use crate::error::Error;
use crate::url::{self, BaseUrl};

/// The value of the option that means a direct connection.
pub(crate) const DIRECT: &str = "none";

/// Chooses the proxy: the option, else `HTTPS_PROXY` or `ALL_PROXY` unless `NO_PROXY` exempts the
/// gateway. Loopback is never proxied: a sandbox is always reached directly.
pub(super) fn choose(
    option: Option<&str>,
    base_url: &BaseUrl,
    env: &Env,
) -> Result<Option<Proxy>, Error> {
    if let Some(option) = option {
        if option.eq_ignore_ascii_case(DIRECT) {
            return Ok(None);
        }
        let proxy = parse("proxy", option)?;
        return Ok((!base_url.is_loopback()).then_some(proxy));
    }
    // A variable applies to every program of its user, so it is checked only if it is used.
    let is_exempt = match variable("NO_PROXY", env)? {
        Some(list) => is_exempt(&list, base_url.host(), base_url.port()),
        None => false,
    };
    if is_exempt || base_url.is_loopback() {
        return Ok(None);
    }
    for name in ["HTTPS_PROXY", "ALL_PROXY"] {
        if let Some(url) = variable(name, env)? {
            return parse(name, &url).map(Some);
        }
    }
    Ok(None)
}

/// A proxy as `scheme://host:port`, without its user and password, which are secrets.
pub(crate) fn display_without_login(proxy: &Proxy) -> String {
    let scheme = proxy.uri().scheme_str().unwrap_or_default();
    format!("{scheme}://{}:{}", proxy.host(), proxy.port())
}

/// A proxy variable. The lower-case spelling wins, as in curl.
fn variable(name: &str, env: &Env) -> Result<Option<String>, Error> {
    match env.get(&name.to_ascii_lowercase())? {
        Some(value) => Ok(Some(value)),
        None => env.get(name),
    }
}

fn parse(name: &str, text: &str) -> Result<Proxy, Error> {
    // As in curl, a proxy without a scheme is an http proxy.
    let text = Zeroizing::new(match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    });
    // A message shows nothing of the value but a scheme of this list: any other part may be the
    // password, even the part before `://`.
    if let Some(scheme) = UNSUPPORTED_SCHEMES.iter().find(|scheme| has_scheme(&text, scheme)) {
        return Err(Error::configuration(format!(
            "{name}: {scheme} proxies are not supported, only http and https"
        )));
    }
    let uri = url::absolute(&text).ok().filter(|uri| !cuts_off_login(uri, &text));
    uri.and_then(|_| Proxy::new(&text).ok()).ok_or_else(|| {
        Error::configuration(format!(
            "{name} is not a valid proxy URL, such as http://user:password@proxy.example:3128 with \
             special characters of the password percent-encoded"
        ))
    })
}

/// Schemes of proxies that other programs support.
const UNSUPPORTED_SCHEMES: [&str; 8] =
    ["socks", "socks4", "socks4a", "socks5", "socks5h", "ftp", "quic", "ssh"];

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.split_once("://").is_some_and(|(before, _)| before.eq_ignore_ascii_case(scheme))
}

/// Whether a `/`, `?` or `#` in the user name or password has cut the URL short. What is left of
/// `http://user:12/34@proxy` has the host `user` and the port 12.
fn cuts_off_login(uri: &Uri, text: &str) -> bool {
    let logins = uri.authority().map_or(0, |authority| authority.as_str().matches('@').count());
    text.matches('@').count() > logins
}

/// Whether `NO_PROXY` exempts a host. The list is separated by commas or spaces. An entry is a name
/// (with or without a leading dot; it includes the subdomains), an address or a CIDR block, each
/// with or without a port. `*` exempts every host.
pub(crate) fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        let (entry, only_port) = split_port(entry);
        if only_port.is_some_and(|only| only != port) {
            return false;
        }
        match address {
            Some(address) => in_block(address, entry),
            None => {
                let name = entry.trim_start_matches("*.").trim_start_matches('.');
                let name = name.to_ascii_lowercase();
                !name.is_empty() && (host == name || host.ends_with(&format!(".{name}")))
            }
        }
    })
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
        Some((network, length)) => (network, length.parse::<u32>().ok()),
        None => (block, Some(u32::MAX)),
    };
    match (address, network.parse(), length) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network)), Some(length)) => {
            let ignored = 32 - length.min(32);
            (address.to_bits() ^ network.to_bits()).checked_shr(ignored).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network)), Some(length)) => {
            let ignored = 128 - length.min(128);
            (address.to_bits() ^ network.to_bits()).checked_shr(ignored).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn chosen(
        option: Option<&str>,
        base_url: &str,
        env: fn(&str) -> Option<OsString>,
    ) -> Option<String> {
        choose(option, &BaseUrl::parse(base_url).unwrap(), &Env::of(env))
            .unwrap()
            .map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn the_option_wins_over_the_variables_and_none_means_direct() {
        let variables = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://upper:1".into()),
            "https_proxy" => Some("http://lower:1".into()),
            "NO_PROXY" => Some("gateway.example".into()),
            _ => None,
        };
        let direct = "https://gateway.example";
        let other = "https://other.example";
        assert_eq!(chosen(None, direct, variables), None);
        assert_eq!(chosen(None, other, variables).as_deref(), Some("lower"));
        // NO_PROXY applies to the variables, not to the option.
        assert_eq!(chosen(Some("option:3128"), direct, variables).as_deref(), Some("option"));
        assert_eq!(chosen(Some("none"), other, variables), None);
    }

    #[test]
    fn loopback_is_never_proxied() {
        let all = |name: &str| (name == "ALL_PROXY").then(|| "http://proxy:1".into());
        assert_eq!(chosen(None, "https://gateway.example", all).as_deref(), Some("proxy"));
        for loopback in ["http://127.0.0.1:1", "https://localhost", "http://[::1]:1"] {
            assert_eq!(chosen(None, loopback, all), None);
            assert_eq!(chosen(Some("http://proxy:1"), loopback, all), None);
        }
    }

    #[test]
    fn a_variable_that_is_not_used_is_not_checked() {
        let socks = |name: &str| match name {
            "ALL_PROXY" => Some("socks5://127.0.0.1:1080".into()),
            "NO_PROXY" => Some("gateway.example".into()),
            _ => None,
        };
        assert_eq!(chosen(None, "https://gateway.example", socks), None);
        assert_eq!(chosen(None, "http://127.0.0.1:1", socks), None);
        let other = BaseUrl::parse("https://other.example").unwrap();
        assert!(choose(None, &other, &Env::of(socks)).is_err());
    }

    #[test]
    fn a_proxy_is_displayed_without_its_login() {
        for (text, expected) in [
            ("http://u:secret@proxy.example", "http://proxy.example:80"),
            ("HTTPS://u@proxy.example:8443/path", "https://proxy.example:8443"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("http://[fd00::1]:1", "http://[fd00::1]:1"),
        ] {
            assert_eq!(display_without_login(&parse("proxy", text).unwrap()), expected);
        }
    }

    #[test]
    fn an_invalid_proxy_is_an_error_without_its_password() {
        let base_url = BaseUrl::parse("https://gateway.example").unwrap();
        for bad in ["socks5://u:secret@p:1", "http://", "http://u:secret@p:99999", "http://p p"] {
            let error = choose(Some(bad), &base_url, &Env::NONE).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Configuration);
            assert!(!error.message().contains("secret"), "{error}");
        }
    }

    #[test]
    fn no_proxy_supports_names_addresses_blocks_and_ports() {
        for (list, host) in [
            ("*", "a.example"),
            ("b.example, a.example", "a.example"),
            ("b.example a.example", "a.example"),
            (".example", "a.example"),
            ("*.example", "a.example"),
            ("example", "A.Example"),
            ("a.example:443", "a.example"),
            ("10.0.0.0/8", "10.9.8.7"),
            ("10.9.8.7", "10.9.8.7"),
            ("0.0.0.0/0", "10.9.8.7"),
            ("fd00::/8", "[fd12::1]"),
            ("[fd12::1]:443", "[fd12::1]"),
            ("fd12::1", "[fd12::1]"),
        ] {
            assert!(is_exempt(list, host, 443), "{list} {host}");
        }
        for (list, host) in [
            ("", "a.example"),
            (".", "a.example"),
            ("xample", "a.example"),
            ("a.example:8443", "a.example"),
            ("a.example.org", "a.example"),
            ("10.0.0.0/8", "11.9.8.7"),
            ("10.0.0.0/x", "10.9.8.7"),
            ("fd00::/8", "[fe12::1]"),
            ("10.0.0.0/8", "ten.example"),
        ] {
            assert!(!is_exempt(list, host, 443), "{list} {host}");
        }
    }
}
