//! URLs: absolute, and safe to connect to or to redirect to.
//!
//! They are parsed by the `http` crate, which ureq uses too. The `url` crate would add the tables
//! of internationalised domain names to every program; a property test compares the two.

mod punycode;
mod syntax;

use std::net::{Ipv4Addr, Ipv6Addr};

use ureq::http::Uri;

use syntax::Use;

/// The longest URL: the limit of the parser.
const MAX_LENGTH: usize = 65_534;

/// Checks a URL that is sent to the gateway: an absolute http or https URL. The error continues a
/// sentence that names the URL.
pub(crate) fn check(text: &str) -> Result<(), String> {
    syntax::problem(text, Use::Link).map_or(Ok(()), Err)
}

/// Parses an absolute http or https URL, also one whose syntax is not exact. The error is a rule; it
/// continues a sentence that names the URL.
pub(crate) fn absolute(text: &str) -> Result<Uri, &'static str> {
    const RULE: &str = "must be an absolute http or https URL, such as https://example.com/path";
    let uri: Uri = text.parse().map_err(|_| RULE)?;
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(RULE);
    };
    let host = authority.host();
    // The parser accepts `host:` and `host:99999`, and returns no port for them.
    let before_host = authority.as_str().strip_suffix(host);
    let has_port = !before_host.is_some_and(|text| text.is_empty() || text.ends_with('@'));
    if host.is_empty() || (has_port && authority.port().is_none()) {
        return Err(RULE);
    }
    Ok(uri)
}

/// Whether the host of a URL is loopback: `localhost`, `*.localhost`, 127.0.0.0/8 or `[::1]`.
pub(crate) fn is_loopback(host: &str) -> bool {
    is_loopback_name(host)
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || ip_v6(host).is_some_and(|address| address.is_loopback())
}

/// Whether the host is `localhost` or `*.localhost`.
pub(crate) fn is_loopback_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// The IPv6 address in brackets, such as `[::1]`.
pub(crate) fn ip_v6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// The URL of the gateway, to which the paths of the endpoints are appended.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    /// Without a trailing slash.
    text: String,
    authority: String,
    host: String,
    port: u16,
    https: bool,
    uri: Uri,
}

impl BaseUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // Servers commonly refuse request lines of more than 8 KiB.
        const MAX_LENGTH: usize = 2048;
        if text.len() > MAX_LENGTH {
            return Err("must not be longer than 2048 characters".to_owned());
        }
        if let Some(problem) = syntax::problem(text, Use::Setting) {
            return Err(problem);
        }
        let uri = absolute(text)?;
        let host = uri.host().unwrap_or_default().to_owned();
        let https = uri.scheme_str() == Some("https");
        // Also in a path, into which a `/` in a password would cut it: the path is shown and sent.
        if text.contains('@') {
            return Err("must not contain a user name or password".to_owned());
        }
        // The parser drops fragments.
        if uri.query().is_some() || text.contains('#') {
            return Err("must not contain a query or a fragment".to_owned());
        }
        if !https && !is_loopback(&host) {
            return Err("must be https: plain http is allowed only for loopback, because it \
                        sends the API key unencrypted"
                .to_owned());
        }
        let default_port = if https { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let authority = if port == default_port { host.clone() } else { format!("{host}:{port}") };
        Ok(Self { text: text.trim_end_matches('/').to_owned(), authority, host, port, https, uri })
    }

    /// The path of the base URL, without a trailing slash. The paths of the endpoints follow it.
    pub(crate) fn path(&self) -> &str {
        self.uri.path().trim_end_matches('/')
    }

    /// Host and port for the header `host`: without the default port.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_url_is_absolute_and_http() {
        for good in [
            "https://my_success_url.com",
            "http://example.com/a/b?c=d#e",
            "HTTPS://example.com:8443/",
            "https://[::1]:8080/x",
        ] {
            assert!(absolute(good).is_ok() && check(good).is_ok(), "{good}");
        }
        assert!(absolute("https://user@example.com/").is_ok());
        assert!(check("https://user@example.com/").is_err());
        for bad in [
            "",
            "/path",
            "example.com",
            "ftp://example.com",
            "javascript:alert(1)",
            "https://",
            "https:///path",
            "https://example.com:99999",
            "https://example.com:",
            "https://9:99999",
            "https://u@9:99999",
            "https://:80",
            "https://exa mple.com",
            "https://example.com/\r\nx",
            "https://u@:80",
        ] {
            assert!(absolute(bad).is_err() && check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_base_url_is_https_or_loopback() {
        for good in [
            "https://gateway.example",
            "https://gateway.example/path/",
            "http://localhost:1",
            "http://a.LOCALHOST",
            "http://127.0.0.1:8466",
            "http://127.255.0.1",
            "http://[::1]:1",
        ] {
            assert!(BaseUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://gateway.example",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://0.0.0.0",
            "http://[::2]",
            "http://127.1",
            "https://u:p@gateway.example",
            "https://u:1/2@gateway.example",
            "https://gateway.example?a",
            "https://gateway.example/#a",
            "gateway.example",
            "",
        ] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_in_the_base_url_is_kept() {
        for (text, path) in [
            ("https://gateway.example/zs//", "/zs"),
            ("https://gateway.example/", ""),
            ("https://gateway.example", ""),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().path(), path);
        }
    }

    #[test]
    fn the_authority_contains_the_port_unless_it_is_the_default() {
        for (text, authority) in [
            ("https://gateway.example:443", "gateway.example"),
            ("https://gateway.example:80", "gateway.example:80"),
            ("http://localhost:80", "localhost"),
            ("http://[::1]:8466/", "[::1]:8466"),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().authority(), authority);
        }
    }
}
