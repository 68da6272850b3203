//! The URL parser, compared with the crate `url`, which follows the rules of browsers: both find
//! the same scheme, host and port. URLs that only one parser accepts are skipped: their hosts, such
//! as `127.0.0.256`, cannot be reached.

use bolero::{Driver, ValueGenerator, check};
use url::{Host, Url};

use super::{one_in, pick, pieces};
use crate::url::{BaseUrl, absolute};

const PIECES: [&str; 52] = [
    "http",
    "https",
    "HTTPS",
    "ftp",
    "javascript",
    ":",
    "//",
    "/",
    "\\",
    "@",
    "u:p@",
    "?",
    "#",
    "a",
    "gateway.example",
    "localhost",
    ".localhost",
    "LOCALHOST",
    "127.0.0.1",
    "127.1",
    "0x7f.0.0.1",
    "127.0.0.256",
    "0177.0.0.1",
    "2130706433",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::2]",
    "[",
    "]",
    "::1",
    "%",
    "%2e",
    "%40",
    "%00",
    ".",
    "..",
    "-",
    "_",
    ":80",
    ":443",
    ":0",
    ":99999",
    ":",
    "1",
    " ",
    "\t",
    "\n",
    "\0",
    "é",
    "\u{202e}",
    "\u{ff0e}",
    "xn--a",
];

struct Urls;

impl ValueGenerator for Urls {
    type Output = String;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
        let mut url = String::new();
        if !one_in(driver, 8)? {
            url += pick(driver, &["http://", "https://", "HTTP://", "http:/", "https:\\\\"])?;
        }
        url += &pieces(driver, 6, &PIECES)?;
        Some(url)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[test]
fn a_valid_url_is_absolute_http() {
    check!().with_generator(Urls).for_each(|text: &String| {
        let (Ok(parsed), Ok(url)) = (absolute(text), Url::parse(text)) else { return };
        assert!(["http", "https"].contains(&url.scheme()));
        assert_eq!(parsed.scheme_str(), Some(url.scheme()));
        assert_eq!(
            Host::parse(parsed.host().unwrap()).ok(),
            url.host().map(|host| host.to_owned())
        );
        let default = if url.scheme() == "https" { 443 } else { 80 };
        assert_eq!(Some(parsed.port_u16().unwrap_or(default)), url.port_or_known_default());
    });
}

#[test]
fn a_valid_base_url_is_https_or_loopback() {
    check!().with_generator(Urls).for_each(|text: &String| {
        let (Ok(base), Ok(url)) = (BaseUrl::parse(text), Url::parse(text)) else { return };
        assert!(url.scheme() == "https" || is_loopback(&url));
        // The library treats 127.1 as a host name, not as loopback. That is the stricter rule.
        assert!(is_loopback(&url) || !base.is_loopback());
        assert_eq!(base.is_https(), url.scheme() == "https");
        assert_eq!(Some(base.port()), url.port_or_known_default());
        assert!(url.username().is_empty() && url.password().is_none());
        assert!(url.query().is_none() && url.fragment().is_none());
        // The paths of requests are below the base URL, on the same host.
        let scheme = if base.is_https() { "https" } else { "http" };
        let (authority, path) = (base.authority(), base.path());
        let joined = Url::parse(&format!("{scheme}://{authority}{path}/core/api")).unwrap();
        assert_eq!(joined.origin(), url.origin());
        assert!(joined.path().ends_with("/core/api"));
    });
}
