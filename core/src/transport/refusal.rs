//! Why a proxy opened no tunnel, and what to do about it.

use std::io;

use httparse::Header;

use crate::error::ErrorKind;
use crate::{os_error, url};

/// A proxy did not open a tunnel.
#[derive(Debug)]
pub(crate) struct ProxyError {
    pub(crate) kind: ErrorKind,
    /// It is redacted before it is shown, since it may contain text of the proxy.
    pub(crate) cause: String,
    pub(crate) advice: &'static str,
    pub(crate) is_transient: bool,
}

pub(crate) const CHECK_ADDRESS: &str = "check the proxy and its address";
pub(crate) const ADD_LOGIN: &str = "put user and password into the proxy URL";
pub(crate) const CHECK_LOGIN: &str = "check the user and password in the proxy URL";
pub(crate) const ALLOW_GATEWAY: &str = "the proxy must allow connections to the gateway";
pub(crate) const CHECK_ACCESS: &str =
    "check the base URL, and whether the proxy can reach the gateway";
pub(crate) const TRY_AGAIN: &str =
    "try again, raise the time limits, or check whether the proxy can reach the gateway";
/// For an https proxy whose handshake failed.
pub(crate) const USE_HTTP: &str =
    "if the proxy does not use TLS, begin its URL with http:// or socks5h://";
const LOG_IN_LOCALLY: &str =
    "allow Basic on the proxy, or run a local proxy that logs in to it and name that one";

/// The login schemes that are named. Other text of the proxy is not shown.
const LOGIN_SCHEMES: [&str; 7] =
    ["Basic", "Bearer", "Digest", "Kerberos", "Negotiate", "NTLM", "SCRAM-SHA-256"];

impl ProxyError {
    /// An error that a later attempt may not meet.
    pub(crate) fn transient(cause: impl Into<String>, advice: &'static str) -> Self {
        Self { kind: ErrorKind::Connect, cause: cause.into(), advice, is_transient: true }
    }

    /// An error that every attempt would meet.
    pub(crate) fn permanent(cause: impl Into<String>, advice: &'static str) -> Self {
        Self { is_transient: false, ..Self::transient(cause, advice) }
    }

    /// The proxy closed the connection, with this error of the socket.
    pub(crate) fn closed(error: Option<&io::Error>, advice: &'static str) -> Self {
        const CAUSE: &str = "the proxy closed the connection without a response";
        match error.filter(|error| error.raw_os_error().is_some()) {
            Some(error) => {
                Self::transient(format!("{CAUSE}: {}", os_error::describe(error)), advice)
            }
            None => Self::transient(CAUSE, advice),
        }
    }

    /// The proxy answered `CONNECT` with this status. Only the status and known words are reported:
    /// the rest may quote the request. `headers` is empty if the response was not read in full.
    pub(crate) fn status(status: u16, headers: &[Header<'_>], has_login: bool) -> Self {
        let (detail, advice) = match status {
            300..=399 => (
                redirect_host(headers).map(|host| format!(", a redirect to {host}")),
                "log in to the network with a browser, or check the proxy and its address",
            ),
            407 => login_problem(headers, has_login),
            // A web server that is no proxy.
            400 | 404 | 405 | 501 => (None, "check that it is a proxy that allows CONNECT"),
            401..=499 => (None, ALLOW_GATEWAY),
            500..=599 => (None, CHECK_ACCESS),
            _ => (None, CHECK_ADDRESS),
        };
        let cause = format!("the proxy returned HTTP {status}{}", detail.unwrap_or_default());
        // A proxy that refuses will refuse again, and may count failed logins.
        Self { is_transient: status >= 500, ..Self::transient(cause, advice) }
    }
}

fn values<'a>(headers: &'a [Header<'_>], name: &str) -> impl Iterator<Item = &'a str> {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.filter_map(|header| str::from_utf8(header.value).ok())
}

/// The host in `Location`. The rest of the address may contain secrets.
fn redirect_host(headers: &[Header<'_>]) -> Option<String> {
    let location = values(headers, "location").next()?;
    url::absolute(location.trim()).ok()?.host().map(str::to_owned)
}

/// What is wrong with a login, and what to do.
fn login_problem(headers: &[Header<'_>], has_login: bool) -> (Option<String>, &'static str) {
    let challenges: Vec<&str> = values(headers, "proxy-authenticate").collect();
    let is_offered = |scheme: &&&str| challenges.iter().any(|value| names_scheme(value, scheme));
    let offered: Vec<&str> = LOGIN_SCHEMES.iter().filter(is_offered).copied().collect();
    let advice = if has_login { CHECK_LOGIN } else { ADD_LOGIN };
    if challenges.is_empty() {
        return (None, advice);
    }
    if offered.is_empty() {
        return (
            Some(": it offers no login that this library supports".to_owned()),
            LOG_IN_LOCALLY,
        );
    }
    let list = format!(": it offers {}", enumerate(&offered));
    match offered.contains(&"Basic") {
        true => (Some(list), advice),
        false => (Some(format!("{list}, and this library speaks Basic")), LOG_IN_LOCALLY),
    }
}

/// Whether a value of `Proxy-Authenticate` offers a login scheme. The value is a list of schemes
/// and their parameters, such as `Digest realm="a, b", qop=auth, Basic realm=c`.
fn names_scheme(value: &str, scheme: &str) -> bool {
    let mut is_quoted = false;
    let mut parts = value.split(|c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    parts.any(|part| {
        part.split_ascii_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case(scheme))
    })
}

/// `a, b and c`.
fn enumerate(words: &[&str]) -> String {
    match words {
        [start @ .., last] if !start.is_empty() => format!("{} and {last}", start.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(name: &'a str, value: &'a str) -> Header<'a> {
        Header { name, value: value.as_bytes() }
    }

    #[test]
    fn a_407_names_the_offered_schemes_and_what_to_do() {
        let cause = "the proxy returned HTTP 407";
        for (challenges, has_login, detail, advice) in [
            (&[][..], false, "", ADD_LOGIN),
            (&[], true, "", CHECK_LOGIN),
            (&["Basic realm=\"squid, digest \""], false, ": it offers Basic", ADD_LOGIN),
            (&["bAsIc"], true, ": it offers Basic", CHECK_LOGIN),
            (
                &["NTLM", "Negotiate", "Basic realm=x"],
                true,
                ": it offers Basic, Negotiate and NTLM",
                CHECK_LOGIN,
            ),
            (
                &["Digest realm=\"Basic, Basic x\", qop=auth, NTLM"],
                true,
                ": it offers Digest and NTLM, and this library speaks Basic",
                LOG_IN_LOCALLY,
            ),
            (
                &["Digest realm=x"],
                false,
                ": it offers Digest, and this library speaks Basic",
                LOG_IN_LOCALLY,
            ),
            (
                &["X-Secret-Word abc"],
                false,
                ": it offers no login that this library supports",
                LOG_IN_LOCALLY,
            ),
        ] {
            let headers: Vec<Header<'_>> =
                challenges.iter().map(|value| header("Proxy-Authenticate", value)).collect();
            let error = ProxyError::status(407, &headers, has_login);
            assert_eq!(error.cause, format!("{cause}{detail}"));
            assert_eq!((error.advice, error.is_transient), (advice, false), "{challenges:?}");
        }
    }

    #[test]
    fn a_redirect_names_the_host_only() {
        for (location, detail) in [
            (
                "https://u:secret@portal.example:1/login?token=secret",
                ", a redirect to portal.example",
            ),
            ("/login", ""),
            ("\u{e5}", ""),
        ] {
            let error = ProxyError::status(302, &[header("location", location)], true);
            assert_eq!(error.cause, format!("the proxy returned HTTP 302{detail}"));
            assert!(!error.is_transient);
        }
    }

    #[test]
    fn only_an_error_of_the_proxy_itself_may_be_over_later() {
        for (status, is_transient, advice) in [
            (101, false, CHECK_ADDRESS),
            (403, false, ALLOW_GATEWAY),
            (404, false, "check that it is a proxy that allows CONNECT"),
            (429, false, ALLOW_GATEWAY),
            (503, true, CHECK_ACCESS),
            (999, true, CHECK_ADDRESS),
        ] {
            let error = ProxyError::status(status, &[], false);
            assert_eq!((error.is_transient, error.advice), (is_transient, advice), "{status}");
        }
    }
}
