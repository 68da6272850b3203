//! Turns a response of the gateway into a session or an error.

use std::fmt;

use crate::decode;
use crate::endpoint::ApiRequest;
use crate::error::{Error, ErrorKind};
use crate::html;
use crate::memory;
use crate::reason::reason;
use crate::redact;
use crate::session::Session;
use crate::transport::{MAX_ERROR_BODY, Response};
use crate::url::{self, BaseUrl};

const CHECK_WHO_ANSWERS: &str =
    "check the base URL, and whether a proxy, portal or firewall answers in its place";

/// Reads the session in the response to `request`. `secrets` are removed from error messages.
pub(crate) fn read(
    request: &ApiRequest<'_>,
    response: &Response,
    base_url: &BaseUrl,
    secrets: &[&str],
) -> Result<Session, Error> {
    let error = |kind, problem: &Problem, in_doubt: bool| {
        // Without memory to read the body, there may be none for a copy.
        let body = if kind == ErrorKind::Internal { &[] } else { &*response.body };
        problem.error(kind, base_url, request.creates() && in_doubt).with_http(
            response.status,
            redact::body(body, MAX_ERROR_BODY, secrets),
            response.request_id.as_deref().and_then(|id| redact::request_id(id, secrets)),
            response.retry_after,
        )
    };
    if !response.is_success() {
        let kind = ErrorKind::of_http_status(response.status);
        let problem = error_status(response, base_url, secrets);
        return Err(error(kind, &problem, may_have_created(response)));
    }
    let invalid = |problem: &Problem| error(ErrorKind::Protocol, problem, true);
    if response.too_large {
        return Err(invalid(&Problem::new("the response is larger than 1 MiB")));
    }
    let Ok(body) = std::str::from_utf8(&response.body) else {
        return Err(invalid(&unreadable(response, &"is not UTF-8", secrets)));
    };
    memory::check(body.len())
        .map_err(|cause| error(ErrorKind::Internal, &Problem::new(cause), true))?;
    // RFC 8259, section 8.1: a parser may ignore a byte order mark.
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    decode::decode(body, request).map_err(|error| invalid(&unreadable(response, &error, secrets)))
}

/// What is wrong with a response.
struct Problem {
    what: String,
    /// Better advice than that of the kind. It is given for an error in doubt too.
    advice: Option<&'static str>,
}

impl Problem {
    fn new(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), advice: None }
    }

    fn with_advice(what: impl fmt::Display, advice: &'static str) -> Self {
        Self { what: what.to_string(), advice: Some(advice) }
    }

    fn error(&self, kind: ErrorKind, base_url: &BaseUrl, in_doubt: bool) -> Error {
        let what = format_args!("{}: {}", base_url.as_str(), self.what);
        match self.advice {
            Some(advice) => {
                let what = format_args!("{what}; {advice}");
                Error::failed_with_advice(kind, what, in_doubt, None)
            }
            None => Error::failed(kind, what, in_doubt),
        }
    }
}

/// A 2xx whose body is not a session. `rule` is what it violates.
fn unreadable(response: &Response, rule: &dyn fmt::Display, secrets: &[&str]) -> Problem {
    if response.body.is_empty() {
        Problem::with_advice("the response has an empty body", CHECK_WHO_ANSWERS)
    } else if let Some(compressed) = compressed(response, secrets) {
        compressed
    } else if let Some(page) = html::describe(response, secrets) {
        Problem::with_advice(format_args!("the response is {page}"), CHECK_WHO_ANSWERS)
    } else {
        Problem::new(format_args!("the response {rule}"))
    }
}

fn compressed(response: &Response, secrets: &[&str]) -> Option<Problem> {
    const MAX_LENGTH: usize = 20;
    let mut coding = redact::text(response.content_encoding.as_deref()?, secrets);
    coding.truncate(coding.floor_char_boundary(MAX_LENGTH));
    Some(Problem::with_advice(
        format_args!("the response is compressed ({coding}), though none was asked for"),
        "turn off compression in the proxy or server that answers",
    ))
}

/// A status that is not a 2xx.
fn error_status(response: &Response, base_url: &BaseUrl, secrets: &[&str]) -> Problem {
    let status = response.status;
    if let Some(problem) = redirect(response, base_url, secrets) {
        return problem;
    }
    let page = html::describe(response, secrets);
    let advice = status_advice(status).or(match status {
        // The gateway itself may answer these with a page.
        401 | 404 | 429 | 500..=599 => None,
        _ => page.is_some().then_some(CHECK_WHO_ANSWERS),
    });
    let what = match page.or_else(|| reason(&response.body, secrets)) {
        Some(reason) => format!("HTTP {status}: {reason}"),
        None => match compressed(response, secrets) {
            Some(compressed) => format!("HTTP {status}: {}", compressed.what),
            None => format!("HTTP {status}"),
        },
    };
    Problem { what, advice }
}

/// What can be done about a status, if it is more than for other errors of its kind.
fn status_advice(status: u16) -> Option<&'static str> {
    match status {
        407 => Some("a proxy on the way asks for a login: set the option proxy, with its password"),
        408 | 425 => Some("try again"),
        413 | 414 => Some("shorten the URLs and the relay_state of the request"),
        501 | 505 => Some("what answers does not support the request: check the base URL"),
        511 => Some("the network asks for a login: open a web page in a browser to log in"),
        _ => None,
    }
}

/// A redirect. It is not followed: the key is for the gateway only. Of the URL, only the host is
/// shown.
fn redirect(response: &Response, base_url: &BaseUrl, secrets: &[&str]) -> Option<Problem> {
    const MAX_LENGTH: usize = 60;
    if !(300..=399).contains(&response.status) {
        return None;
    }
    let location = response.location.as_deref()?;
    let scheme = if base_url.is_https() { "https" } else { "http" };
    let location = match location.strip_prefix("//") {
        Some(rest) => format!("{scheme}://{rest}"),
        None => location.to_owned(),
    };
    let target = url::absolute(&location).ok().and_then(|uri| {
        let (authority, to) = (uri.authority()?, uri.scheme_str()?);
        let (_, address) = authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
        let is_here = to == scheme && address.eq_ignore_ascii_case(base_url.authority());
        (!is_here).then(|| (to.to_owned(), authority.host().to_ascii_lowercase()))
    });
    let of_status =
        |what: fmt::Arguments<'_>| format!("HTTP {}: a redirect {what}", response.status);
    match target {
        Some((to, host)) => {
            let mut host = redact::text(&host, secrets);
            host.truncate(host.floor_char_boundary(MAX_LENGTH));
            Some(Problem::with_advice(
                of_status(format_args!("to {to}://{host}, which is not followed")),
                "set the base URL to the address that the gateway moved to",
            ))
        }
        None => Some(Problem::with_advice(
            of_status(format_args!("to another path, which is not followed")),
            "check the path of the base URL",
        )),
    }
}

/// Whether a POST that failed with this response may have created a session: not if the gateway
/// refused the request or asked to repeat it later.
fn may_have_created(response: &Response) -> bool {
    match response.status {
        400..=499 => false,
        503 => response.retry_after.is_none(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Phone2faRequest;

    const BASE: &str = "https://gateway.example/base";

    /// The error of a lookup, and of a start, for this response.
    fn errors(response: &Response) -> [Error; 2] {
        let base_url = BaseUrl::parse(BASE).unwrap();
        let start = Phone2faRequest::new("+46701740605");
        [ApiRequest::Get { session_id: "a" }, ApiRequest::Start(&start)].map(|request| {
            let error = read(&request, response, &base_url, &["averylongsecretapikey"]);
            let error = error.unwrap_err();
            let message = error.message();
            assert!(message.starts_with(&format!("{BASE}: ")), "{message}");
            assert!(message.contains("; ") && message.len() <= 300, "{message}");
            error
        })
    }

    fn response(status: u16, body: &str) -> Response {
        Response { status, body: body.into(), ..Response::default() }
    }

    #[test]
    fn an_error_says_who_answered_with_what_and_what_to_do() {
        let page = format!("<!doctype html><title>{}</title>", "Sign in ".repeat(20));
        let long = format!(r#"{{"message":"{}"}}"#, "why ".repeat(200));
        for (status, body, kind, parts) in [
            (200, "", ErrorKind::Protocol, ["an empty body", "check the base URL, and whether"]),
            (200, &*page, ErrorKind::Protocol, ["is an HTML page, from a proxy", "in its place"]),
            (200, "hello", ErrorKind::Protocol, ["is not JSON", "check that the base URL"]),
            (200, "{\"data\":", ErrorKind::Protocol, ["ends too early", "check that the base URL"]),
            (200, "{}", ErrorKind::Protocol, ["has no id", "check that the base URL"]),
            (400, &*long, ErrorKind::InvalidRequest, ["HTTP 400: why why", "check the values"]),
            (403, "{}", ErrorKind::Permission, ["HTTP 403; ", "ask ZignSec whether the key"]),
            (403, &*page, ErrorKind::Permission, ["HTTP 403: an HTML page", "in its place"]),
            (401, &*page, ErrorKind::Authentication, ["an HTML page", "check the API key"]),
            (404, &*page, ErrorKind::NotFound, ["an HTML page", "check the session ID"]),
            (407, &*page, ErrorKind::InvalidRequest, ["HTTP 407: an", "option proxy"]),
            (408, "", ErrorKind::InvalidRequest, ["HTTP 408; ", "try again"]),
            (413, "too long", ErrorKind::InvalidRequest, ["too long", "shorten the URLs"]),
            (425, "", ErrorKind::InvalidRequest, ["HTTP 425; ", "try again"]),
            (429, "", ErrorKind::RateLimited, ["HTTP 429; ", "wait"]),
            (502, &*page, ErrorKind::Server, ["HTTP 502: an HTML page", ""]),
            (500, &*long, ErrorKind::Server, ["HTTP 500: why why", ""]),
            (501, "", ErrorKind::Server, ["HTTP 501; ", "does not support"]),
            (505, "", ErrorKind::Server, ["HTTP 505; ", "check the base URL"]),
            (511, &*page, ErrorKind::Server, ["HTTP 511: an HTML page", "to log in"]),
            (304, "", ErrorKind::UnexpectedStatus, ["HTTP 304; ", ""]),
        ] {
            for error in errors(&response(status, body)) {
                assert_eq!(error.kind(), kind, "{error}");
                assert!(kind != ErrorKind::Permission || !error.in_doubt());
                let shown = |part: &&str| error.message().contains(*part);
                // For an error in doubt, that is said in place of the advice of its kind.
                let count = if error.in_doubt() { 1 } else { 2 };
                assert!(parts[..count].iter().all(shown), "{error}: {parts:?}");
                assert_eq!(shown(&"a retry may create a second one"), error.in_doubt(), "{error}");
            }
        }
    }

    #[test]
    fn a_compressed_response_is_named() {
        let body = b"\x1f\x8b\x08\x00\xff".to_vec();
        let content_encoding = Some("gzip".to_owned());
        for status in [200, 500] {
            let body = body.clone();
            let content_encoding = content_encoding.clone();
            let response = Response { status, body, content_encoding, ..Response::default() };
            for error in errors(&response) {
                let expected = "the response is compressed (gzip), though none was asked for; ";
                assert!(error.message().contains(expected), "{error}");
            }
        }
        // It says so, but is not.
        let body = br#"{"data":{"id":"a","status":"pending"}}"#.to_vec();
        let response = Response { status: 200, body, content_encoding, ..Response::default() };
        let base_url = BaseUrl::parse(BASE).unwrap();
        read(&ApiRequest::Get { session_id: "a" }, &response, &base_url, &[]).unwrap();
    }

    #[test]
    fn a_redirect_says_where_to_but_no_more_than_the_host() {
        for (location, says) in [
            ("https://new.example/base?key=1#a", "to https://new.example, "),
            ("HTTPS://User:secretword@New.Example:8443/", "to https://new.example, "),
            ("//portal.example/login", "to https://portal.example, "),
            ("http://gateway.example/base", "to http://gateway.example, "),
            ("https://gateway.example:8443/base", "to https://gateway.example, "),
            ("http://192.0.2.7:45651/", "to http://192.0.2.7, "),
            ("https://averylongsecretapikey/", "to https://[key], "),
            ("https://GATEWAY.example/other", "to another path, "),
            ("/base/averylongsecretapikey", "to another path, "),
            ("javascript:alert(1)", "to another path, "),
            ("https://", "to another path, "),
            ("", "to another path, "),
        ] {
            let response =
                Response { location: Some(location.to_owned()), ..response(308, "<html>") };
            for error in errors(&response) {
                let message = error.message();
                assert!(message.contains(&format!("HTTP 308: a redirect {says}")), "{message}");
                assert!(message.contains("base URL"), "{message}");
                assert!(!message.contains("secretword") && !message.contains("key=1"), "{message}");
            }
        }
        let long = format!("https://{}.example/", "a.".repeat(120));
        errors(&Response { location: Some(long), ..response(302, "") });
        assert!(!errors(&response(302, ""))[0].message().contains("redirect"));
    }

    #[test]
    fn a_byte_order_mark_is_ignored() {
        let base_url = BaseUrl::parse(BASE).unwrap();
        for data in
            [r#"{"id":"a","status":"accepted"}"#, r#"{"data":{"id":"a","status":"accepted"}}"#]
        {
            let response = response(200, &format!("\u{feff}{data}"));
            let request = ApiRequest::Get { session_id: "a" };
            let session = read(&request, &response, &base_url, &[]).unwrap();
            assert!(session.is_verified());
            assert_eq!(session.json(), r#"{"id":"a","status":"accepted"}"#);
        }
        for body in ["\u{feff}", "\u{feff}\u{feff}{}", "{\u{feff}}"] {
            let [error, _] = errors(&response(200, body));
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }
}
