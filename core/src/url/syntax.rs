//! The syntax of URLs that the caller gives, and what is wrong with one that is refused.
//!
//! The rule is that of RFC 3986, which browsers, servers and proxies agree on: other characters are
//! percent-encoded. One exception: `[` and `]` are allowed in the query and after `#`, because
//! frameworks write them there and browsers send them as they are. User names and passwords are not
//! allowed (RFC 9110, 4.2.4): the gateway returns the URLs, and programs log them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{MAX_LENGTH, punycode};
use crate::text_problem::{find, has, is_blank, position};

/// Who opens a URL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A user, perhaps in an app, or the gateway.
    Link,
    /// This library.
    Setting,
}

/// What is wrong with a URL. The answer continues a sentence that names the URL.
pub(super) fn problem(text: &str, usage: Use) -> Option<String> {
    if text.len() > MAX_LENGTH && text.chars().count() > MAX_LENGTH {
        return Some(format!("is longer than {MAX_LENGTH} characters"));
    }
    let after_scheme = match before_parts(text) {
        Some(problem) => return Some(problem),
        None => match after_scheme(text, usage) {
            Ok(at) => at,
            Err(problem) => return Some(problem),
        },
    };
    let rest = &text[after_scheme..];
    let is_end = |byte| matches!(byte, b'/' | b'?' | b'#');
    let length = rest.bytes().position(is_end).unwrap_or(rest.len());
    authority_problem(text, after_scheme, &rest[..length])
        .or_else(|| path_problem(text, after_scheme + length))
}

/// What is described before the parts of the URL: characters that are not seen, which can be
/// anywhere, and marks around it. A space within is described later.
fn before_parts(text: &str) -> Option<String> {
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_visible && let Some(found) = find(text, &|c| c == ' ' || !is_blank(c)) {
        return Some(found);
    }
    let marks = [' ', '"', '\'', '<', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}'];
    if text.starts_with(marks) || text.ends_with([' ', '"']) {
        return find(text, &|c| !marks.contains(&c));
    }
    None
}

/// Where the host begins: after `http://` or `https://`.
fn after_scheme(text: &str, usage: Use) -> Result<usize, String> {
    for scheme in ["https://", "http://"] {
        let starts_with = |scheme: &str| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if starts_with(scheme) {
            return Ok(scheme.len());
        }
        let name = &scheme[..scheme.len() - 2];
        if starts_with(name) {
            return Err(format!("must have two slashes after {name}"));
        }
    }
    Err(match usage {
        Use::Link if has_scheme(text) => {
            "must begin with https:// or http://; an app needs an https link (Universal Links, App \
             Links)"
        }
        _ => "must begin with https:// or http://",
    }
    .to_owned())
}

/// Whether a text begins with a scheme, and not with a host and a port.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(is_allowed)
        && (rest.starts_with("//") || !(scheme.contains('.') || rest.starts_with(char::is_numeric)))
}

fn authority_problem(text: &str, start: usize, authority: &str) -> Option<String> {
    let count = |of| authority.bytes().filter(|byte| *byte == of).count();
    if count(b'@') > 0 {
        return Some("must not contain a user name or password".to_owned());
    }
    if ["https:", "http:"].iter().any(|scheme| authority.eq_ignore_ascii_case(scheme)) {
        return Some("has two schemes".to_owned());
    }
    if count(b':') > 1 && !authority.starts_with('[') {
        return Some("has more than one : in its host; an IPv6 address must be in [ ]".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else {
                return Some("has an IPv6 address without ] at its end".to_owned());
            };
            if address.parse::<Ipv6Addr>().is_err() {
                return Some("has an invalid IPv6 address".to_owned());
            }
            if !port.is_empty() && !port.starts_with(':') {
                return Some("has an invalid host: only a port can follow the ]".to_owned());
            }
            (None, port.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(authority), None),
        },
    };
    if let Some(problem) = host.and_then(|host| host_problem(text, start, host)) {
        return Some(problem);
    }
    match port {
        Some(port) if !is_port(port) => {
            Some("has an invalid port: it must be a number from 1 to 65535".to_owned())
        }
        _ => None,
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|number| number > 0)
}

/// The longest host that a message contains.
const MAX_SHOWN: usize = 100;

fn host_problem(text: &str, start: usize, host: &str) -> Option<String> {
    if host.is_empty() {
        return Some("has no host".to_owned());
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if let Some(at) = host.bytes().position(|byte| !is_allowed(byte)) {
        let c = host[at..].chars().next()?;
        let found = has(text, start + at, c);
        return Some(match c {
            '<' | '>' | '{' | '}' => format!("{found}{PLACEHOLDER}"),
            _ if c.is_ascii() => format!("{found}, which a host cannot contain"),
            _ => match punycode::ascii_form(host) {
                // With an @, this may be the beginning of a user name or a password.
                Some(form) if form.len() <= MAX_SHOWN && !text.contains('@') => {
                    format!("{found}: write the host as {form}")
                }
                _ => format!("{found}: write the host in its ASCII form (xn--...)"),
            },
        });
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    // As in browsers: such a host is an IPv4 address. Here it must be one in the usual form, because
    // programs do not agree on others, such as 127.1, 0177.0.0.1 and 2130706433.
    if is_number(last) && host.parse::<Ipv4Addr>().is_err() {
        return Some("has an invalid IPv4 address: write four numbers from 0 to 255".to_owned());
    }
    // A part that is too long for DNS is accepted: the lookup reports it.
    name.split('.')
        .any(str::is_empty)
        .then(|| "has an empty part in its host: check the dots".to_owned())
}

fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hex {
        Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

const PLACEHOLDER: &str = " (a placeholder that was not filled in?)";

/// What is wrong with the path, the query and what follows `#`, from the byte `start` on.
fn path_problem(text: &str, start: usize) -> Option<String> {
    #[derive(PartialEq, PartialOrd)]
    enum Part {
        Path,
        Query,
        Fragment,
    }
    let mut part = Part::Path;
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {}
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => {}
            b':' | b'@' | b'/' => {}
            b'#' if part < Part::Fragment => part = Part::Fragment,
            b'?' if part == Part::Path => part = Part::Query,
            b'?' => {}
            b'[' | b']' if part > Part::Path => {}
            b'%' if is_escape(&text[at..]) => {}
            // The bytes before are ASCII, so this is the first byte of a character.
            _ => return Some(path_character(text, at)),
        }
    }
    None
}

/// Describes a character that is not allowed in a path, a query or behind `#`.
fn path_character(text: &str, at: usize) -> String {
    let place = position(text, at);
    match text[at..].chars().next().unwrap_or_default() {
        '%' => format!(
            "has a percent sign at character {place} without two hexadecimal digits after it: \
             write %25"
        ),
        '#' => format!("has a second # at character {place}: {ENCODE}"),
        c @ ('<' | '>' | '{' | '}') => format!("{}{PLACEHOLDER}: {ENCODE}", has(text, at, c)),
        c => format!("{}: {ENCODE}", has(text, at, c)),
    }
}

const ENCODE: &str = "percent-encode it";

/// Whether a text begins with a percent sign and two hexadecimal digits.
fn is_escape(text: &str) -> bool {
    text.as_bytes().get(1..3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}
