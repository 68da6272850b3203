//! The URL parser, compared with the crate `url`, which follows the rules of browsers: both find
//! the same scheme, host and port. URLs that only one parser accepts are skipped: their hosts, such
//! as `127.0.0.256`, cannot be reached.

use std::sync::LazyLock;

use bolero::{Driver, ValueGenerator, check};
use regex::Regex;
use url::{Host, Url};

use super::{one_in, pick, pieces};
use crate::url::{self as zignsec_url, BaseUrl, absolute};

const PIECES: [&str; 66] = [
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
    "{id}",
    "<id>",
    "|",
    "\"",
    "'",
    "*",
    "[]",
    "?a[]=b",
    "%2f",
    "\r\n",
    "\u{a0}",
    "\u{200b}",
    "m\u{fc}ller",
    "0x7f",
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

/// The documented syntax of a URL that is sent, but for the host.
static SYNTAX: LazyLock<Regex> = LazyLock::new(|| {
    let pchar = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
    Regex::new(&format!(
        r"\A(?i:https?)://(?<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?<port>[0-9]+))?(?:/(?:{pchar}|/)*)?(?:\?(?:{pchar}|[/?\[\]])*)?(?:#(?:{pchar}|[/?\[\]])*)?\z"
    ))
    .unwrap()
});

fn is_documented(text: &str) -> bool {
    let Some(parts) = SYNTAX.captures(text) else { return false };
    let port = parts
        .name("port")
        .is_none_or(|port| port.as_str().parse::<u16>().is_ok_and(|port| port > 0));
    // An address in the form that browsers return, or a name that is none.
    let host = &parts["host"];
    port && match Host::parse(host) {
        Ok(Host::Domain(_)) | Err(_) => {
            let name = host.strip_suffix('.').unwrap_or(host);
            let last = name.rsplit('.').next().unwrap_or_default();
            let digits = last.strip_prefix("0x").unwrap_or("x");
            !host.starts_with('[')
                && !name.split('.').any(str::is_empty)
                && !last.bytes().all(|byte| byte.is_ascii_digit())
                && !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        Ok(Host::Ipv4(address)) => address.to_string() == host,
        Ok(Host::Ipv6(_)) => true,
    }
}

#[test]
fn a_url_that_is_sent_has_the_documented_syntax_and_a_refused_one_a_reason() {
    check!().with_generator(Urls).for_each(|text: &String| {
        let result = zignsec_url::check(text);
        assert_eq!(result.is_ok(), is_documented(text), "{result:?}");
        let Err(problem) = result else {
            // Browsers accept it too, unless it contains a name in an invalid ASCII form.
            let opened = Url::parse(text);
            assert!(opened.is_ok() || text.to_ascii_lowercase().contains("xn--"), "{opened:?}");
            assert!(absolute(text).is_ok());
            return;
        };
        assert!(problem.len() <= 200 && !problem.contains(char::is_control), "{problem}");
        assert!(problem.starts_with("has ") || problem.starts_with("must "), "{problem}");
    });
}

#[test]
fn a_valid_base_url_is_https_or_loopback() {
    check!().with_generator(Urls).for_each(|text: &String| {
        let (Ok(base), Ok(url)) = (BaseUrl::parse(text), Url::parse(text)) else { return };
        assert!(url.scheme() == "https" || is_loopback(&url));
        assert_eq!(is_loopback(&url), base.is_loopback());
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
