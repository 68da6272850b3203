//! The URL of a proxy, with its user and password.

use std::fmt::Write;

use ureq::http::Uri;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::text_problem::{self, is_blank};
use crate::transport::{Login, Proxy, ProxyScheme, socks};
use crate::url;

/// Parses the URL of a proxy. `name` is the option or variable, for errors.
pub(super) fn parse(name: &str, given: &str) -> Result<Proxy, Error> {
    let refused = |problem: &str| Error::configuration(format!("{name} {problem}; {RULE}"));
    if let Some(problem) = text_problem::find_in_secret(given, &|c| !is_blank(c)) {
        return Err(refused(&problem));
    }
    // As in curl, a proxy without a scheme is an http proxy.
    let (scheme, rest) = given.split_once("://").unwrap_or(("http", given));
    // A message shows nothing of the value but a scheme of this list: any other part may be the
    // password, even the part before `://`.
    if let Some(scheme) =
        UNSUPPORTED_SCHEMES.iter().find(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(Error::configuration(format!(
            "{name}: {scheme} proxies are not supported, only http, https, socks5 and socks5h"
        )));
    }
    let proxy = known_scheme(scheme).and_then(|scheme| parse_rest(scheme, rest)).ok_or_else(
        || match given.starts_with('<').then(|| text_problem::find(given, &|c| c != '<')) {
            Some(Some(problem)) => refused(&problem),
            _ => refused(problem(scheme, rest)),
        },
    )?;
    if proxy.scheme.is_socks() && proxy.login.as_ref().is_some_and(is_too_long_for_socks) {
        return Err(Error::configuration(format!(
            "{name} has a user name or password of more than {} bytes, the limit of SOCKS5",
            socks::MAX_LENGTH
        )));
    }
    Ok(proxy)
}

// Without a user name in the example, which redaction would remove.
const RULE: &str = "it must be like http://proxy.example:3128, with special characters of a user \
                    name and password percent-encoded";

/// Schemes of proxies that other programs support.
const UNSUPPORTED_SCHEMES: [&str; 5] = ["socks4", "socks4a", "ftp", "quic", "ssh"];

const SCHEMES: [(&str, ProxyScheme); 5] = [
    ("http", ProxyScheme::Http),
    ("https", ProxyScheme::Https),
    ("socks5", ProxyScheme::Socks5),
    ("socks5h", ProxyScheme::Socks5h),
    // GNOME sets it. As in other programs, the proxy looks the host up.
    ("socks", ProxyScheme::Socks5h),
];

fn known_scheme(text: &str) -> Option<ProxyScheme> {
    let mut schemes = SCHEMES.iter();
    schemes.find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, scheme)| *scheme)
}

/// Parses what is right of `://`.
fn parse_rest(scheme: ProxyScheme, rest: &str) -> Option<Proxy> {
    let (authority, path) = split_authority(rest);
    if has_mistyped_scheme(rest) || path.contains('@') {
        return None;
    }
    // The parser knows the rules of http URLs. They are the same for all schemes.
    let url = encode_login(authority);
    let uri: Uri = url::absolute(&url).ok()?;
    let parsed = ureq::Proxy::new(&url).ok()?;
    let text = |text: Option<&str>| Zeroizing::new(text.unwrap_or_default().to_owned());
    let (user, password) = (parsed.username(), parsed.password());
    let has_login = user.is_some() || password.is_some();
    let port = uri.port_u16().unwrap_or(scheme.default_port());
    (port != 0).then(|| Proxy {
        scheme,
        host: parsed.host().to_owned(),
        port,
        login: has_login.then(|| Login { user: text(user), password: text(password) }),
    })
}

/// A `/`, `?` or `#` in the user name or password cuts the authority short. What is left of
/// `http://user:12/34@proxy` has the host `user` and the port 12, so there must be no `@` behind it.
fn split_authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// A scheme that is not followed by `//` looks like a user name.
fn has_mistyped_scheme(rest: &str) -> bool {
    SCHEMES.iter().any(|(scheme, _)| {
        let (start, after) = rest.split_once(':').unwrap_or_default();
        start.eq_ignore_ascii_case(scheme) && after.starts_with(['/', '\\'])
    })
}

/// A URL with the same authority, in whose user name and password all is percent-encoded that
/// people write without it and that cannot be mistaken: letters that are not ASCII, and the
/// backslash of a Windows domain. As in curl, the login ends at the last `@`.
fn encode_login(authority: &str) -> Zeroizing<String> {
    // Its final size, so that it leaves no copy of the password behind.
    let mut url = Zeroizing::new(String::with_capacity("http://".len() + 3 * authority.len()));
    url.push_str("http://");
    let at = authority.rfind('@').unwrap_or(0);
    let (login, host) = authority.split_at(at);
    for byte in login.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'@' | b'['..=b'^' | b'`' | b'{'..=b'}' | 0x7f.. => {
                write!(url, "%{byte:02X}").expect("a String can be written to");
            }
            _ => url.push(char::from(byte)),
        }
    }
    url.push_str(host);
    url
}

fn is_too_long_for_socks(login: &Login) -> bool {
    login.user.len() > socks::MAX_LENGTH || login.password.len() > socks::MAX_LENGTH
}

/// What else is wrong with a proxy URL. It does not say which characters a password may contain.
fn problem(scheme: &str, rest: &str) -> &'static str {
    if has_mistyped_scheme(rest) && !rest.contains("//") {
        return "must have two slashes after the scheme";
    }
    let (authority, path) = split_authority(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if known_scheme(scheme).is_none() {
        return "must begin with http://, https://, socks5:// or socks5h://, or have no scheme";
    }
    if rest.contains("://") {
        return "has two schemes";
    }
    if path.contains('@') {
        return "has a /, ? or # in its user name or password";
    }
    if host.is_empty() || host.starts_with(':') {
        return "has no host";
    }
    match host.strip_prefix('[') {
        Some(address) if !address.contains(']') => "has an IPv6 address without ] at its end",
        None if host.contains(':') && port(host).is_none() => {
            "has an invalid port: it must be a number from 1 to 65535"
        }
        _ if !host.is_ascii() => "has a character that is not ASCII in its host",
        _ => "is not a valid proxy URL",
    }
}

fn port(host: &str) -> Option<u16> {
    host.split_once(':').and_then(|(_, port)| port.parse().ok()).filter(|port| *port > 0)
}

#[cfg(test)]
pub(crate) fn parse_proxy(text: &str) -> Result<Proxy, Error> {
    parse("proxy", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_displayed_without_its_login() {
        for (text, expected) in [
            ("http://u:secret@proxy.example", "http://proxy.example:80"),
            ("HTTPS://u@proxy.example:8443/path", "https://proxy.example:8443"),
            ("https://proxy.example", "https://proxy.example:443"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("http://[fd00::1]:1", "http://[fd00::1]:1"),
            ("socks5://u:secret@proxy.example", "socks5://proxy.example:1080"),
            ("SOCKS5H://proxy.example:1/", "socks5h://proxy.example:1"),
            ("socks://[fd00::1]", "socks5h://[fd00::1]:1080"),
        ] {
            assert_eq!(parse("proxy", text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_login_is_decoded_and_may_have_unencoded_characters_that_are_unambiguous() {
        for (text, user, password) in [
            ("user:p", "user", "p"),
            ("user", "user", ""),
            (":p", "", "p"),
            ("m%40x:p%2Fw%23%25", "m@x", "p/w#%"),
            ("user:a+b%2541", "user", "a+b%41"),
            ("user:p\u{e5}", "user", "p\u{e5}"),
            ("DOM\\user:p", "DOM\\user", "p"),
            ("m@x.y:p@w", "m@x.y", "p@w"),
            ("user:{a}|^`<b>\"[c]", "user", "{a}|^`<b>\"[c]"),
            ("user:a:b", "user", "a:b"),
            ("user:100%", "user", "100%"),
        ] {
            for scheme in ["", "http://", "socks5://"] {
                let proxy = parse("proxy", &format!("{scheme}{text}@proxy.example:3128")).unwrap();
                let login = proxy.login.unwrap();
                assert_eq!((&**login.user, &**login.password), (user, password), "{text}");
                assert_eq!((&*proxy.host, proxy.port), ("proxy.example", 3128), "{text}");
            }
        }
        assert!(parse("proxy", "proxy.example:3128").unwrap().login.is_none());
    }

    #[test]
    fn a_refused_url_is_explained() {
        for (text, says) in [
            (
                "socks4://proxy.example",
                "socks4 proxies are not supported, only http, https, socks5",
            ),
            ("http:/proxy.example", "two slashes"),
            ("http:\\\\u:p@proxy.example", "two slashes"),
            ("socks5:/u:p@proxy.example", "two slashes"),
            ("htp://proxy.example", "must begin with http://, https://, socks5:// or socks5h://"),
            ("http://http://proxy.example", "two schemes"),
            ("user:p#x@proxy.example", "has a /, ? or # in its user name or password"),
            ("socks5://user:p/x@proxy.example", "has a /, ? or # in its user name or password"),
            ("socks5://", "has no host"),
            ("socks5://[fd00::1:1080", "without ]"),
            ("socks5://proxy.example:0", "invalid port"),
            ("http://pr\u{f6}xy.example", "not ASCII"),
            ("<http://proxy.example>", "angle brackets around it"),
            ("http://u:%ff@proxy.example", "is not a valid proxy URL"),
        ] {
            let error = parse("ALL_PROXY", text).map(|_| ()).unwrap_err();
            assert!(error.message().starts_with("ALL_PROXY"), "{error}");
            assert!(error.message().contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_login_for_socks_has_a_limit() {
        let long = "x".repeat(256);
        for login in [format!("{long}:p"), format!("u:{long}")] {
            assert!(parse("proxy", &format!("http://{login}@p:1")).is_ok());
            let error = parse("proxy", &format!("socks5h://{login}@p:1")).map(|_| ()).unwrap_err();
            assert!(error.message().contains("255 bytes"), "{error}");
        }
        assert!(parse("proxy", &format!("socks5://u:{}@p:1", &long[1..])).is_ok());
    }
}
