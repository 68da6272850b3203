//! Where the key may go, and a user may be sent: a URL that is taken names the same place to a
//! second parser, made by the browsers' rules. What only one of them takes leads nowhere: to a host
//! such as `127.0.0.256`.

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
fn a_url_that_is_taken_is_absolute_http() {
    check!().with_generator(Urls).for_each(|text: &String| {
        let (Ok(taken), Ok(url)) = (absolute(text), Url::parse(text)) else { return };
        assert!(["http", "https"].contains(&url.scheme()));
        assert_eq!(taken.scheme_str(), Some(url.scheme()));
        assert_eq!(Host::parse(taken.host().unwrap()).ok(), url.host().map(|host| host.to_owned()));
        let default = if url.scheme() == "https" { 443 } else { 80 };
        assert_eq!(Some(taken.port_u16().unwrap_or(default)), url.port_or_known_default());
    });
}

#[test]
fn the_key_goes_to_https_or_loopback() {
    check!().with_generator(Urls).for_each(|text: &String| {
        let (Ok(base), Ok(url)) = (BaseUrl::parse(text), Url::parse(text)) else { return };
        assert!(url.scheme() == "https" || is_loopback(&url));
        // Spellings such as 127.1 are names to the library: it takes them for less than they are.
        assert!(is_loopback(&url) || !base.is_loopback());
        assert_eq!(base.is_https(), url.scheme() == "https");
        assert_eq!(Some(base.port()), url.port_or_known_default());
        assert!(url.username().is_empty() && url.password().is_none());
        assert!(url.query().is_none() && url.fragment().is_none());
        // What is asked for is below the URL, on the same host.
        let scheme = if base.is_https() { "https" } else { "http" };
        let (authority, path) = (base.authority(), base.path());
        let joined = Url::parse(&format!("{scheme}://{authority}{path}/core/api")).unwrap();
        assert_eq!(joined.origin(), url.origin());
        assert!(joined.path().ends_with("/core/api"));
    });
}
