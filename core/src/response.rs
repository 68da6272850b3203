//! Turns a response of the gateway into a session or an error.

use std::fmt;

use crate::decode;
use crate::endpoint::ApiRequest;
use crate::error::{Error, ErrorKind};
use crate::redact;
use crate::session::Session;
use crate::transport::Response;

/// Reads the session in the response to `request`. `secrets` are removed from error messages.
pub(crate) fn read(
    request: &ApiRequest<'_>,
    response: &Response,
    secrets: &[&str],
) -> Result<Session, Error> {
    let error = |kind, what: &dyn fmt::Display, in_doubt: bool| {
        Error::failed(kind, what, request.creates() && in_doubt).with_http(
            response.status,
            truncated_body(&response.body),
            response.request_id.clone(),
            response.retry_after,
        )
    };
    if !response.is_success() {
        let what = match reason(&response.body, secrets) {
            Some(reason) => format!("the gateway returned HTTP {}: {reason}", response.status),
            None => format!("the gateway returned HTTP {}", response.status),
        };
        let kind = ErrorKind::of_http_status(response.status);
        return Err(error(kind, &what, may_have_created(response)));
    }
    let invalid = |reason: &dyn fmt::Display| error(ErrorKind::Protocol, reason, true);
    if response.too_large {
        return Err(invalid(&"the response is larger than 1 MiB"));
    }
    let body =
        std::str::from_utf8(&response.body).map_err(|_| invalid(&"the response is not UTF-8"))?;
    decode::decode(body, request).map_err(|error| invalid(&format_args!("the response {error}")))
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

/// The body of a response as an error keeps it: text without NUL, at most 64 KiB.
fn truncated_body(body: &[u8]) -> String {
    const LIMIT: usize = 64 * 1024;
    let body = &body[..body.len().min(LIMIT)];
    let mut text = String::from_utf8_lossy(body).replace('\0', "\u{fffd}");
    // A replacement character is longer than the byte it replaces.
    text.truncate(text.floor_char_boundary(LIMIT));
    text
}

/// The reason that the gateway gives for an error. ZignSec documents error bodies of several
/// products, in different forms: the first of the usual names that leads to a text is used.
fn reason(body: &[u8], secrets: &[&str]) -> Option<String> {
    const MAX_LENGTH: usize = 300;
    let text = std::str::from_utf8(body).ok()?.trim();
    let reason = match serde_json::from_str(text) {
        Ok(value) => reason_in_json(&value)?,
        // HTML is not quoted.
        Err(_) if text.starts_with('<') => return None,
        Err(_) => text.lines().next()?.to_owned(),
    };
    // Truncated last: half a key or half a number would not be recognised and redacted.
    let mut reason = redact::text(&reason, secrets);
    reason.truncate(reason.floor_char_boundary(MAX_LENGTH));
    (!reason.is_empty()).then_some(reason)
}

fn reason_in_json(value: &serde_json::Value) -> Option<String> {
    const NAMES: [&str; 8] =
        ["errors", "error", "description", "detail", "message", "title", "code", "type"];
    match value {
        serde_json::Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        serde_json::Value::Array(list) => list.iter().find_map(reason_in_json),
        serde_json::Value::Object(map) => {
            NAMES.iter().find_map(|name| reason_in_json(map.get(*name)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_in_every_known_form() {
        for (body, expected) in [
            (r#"{"errors":[{"code":"c","description":"why"}]}"#, Some("why")),
            (r#"{"errors":{"detail":"why"}}"#, Some("why")),
            (r#"{"errors":[{"title":"t","source":{"pointer":"p"},"message":"why"}]}"#, Some("why")),
            (r#"{"error":{"type":"t","message":"why"}}"#, Some("why")),
            (r#"{"type":"t","message":"why"}"#, Some("why")),
            (r#"{"error":"","message":"why"}"#, Some("why")),
            ("Internal Server Error\n", Some("Internal Server Error")),
            ("<html><title>502</title></html>", None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(reason(body.as_bytes(), &[]).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_long_reason_is_redacted_before_it_is_truncated() {
        let key = "averylongsecretapikey0123456789";
        for padding in 200..300 {
            let body = format!("{} {key} +46703339954", "x".repeat(padding));
            let shown = reason(body.as_bytes(), &[key]).unwrap();
            assert!(!shown.contains("avery") && !shown.contains("4670"), "{shown}");
            assert!(shown.len() <= 300);
        }
    }

    #[test]
    fn a_kept_body_contains_no_nul_and_is_truncated() {
        assert_eq!(truncated_body(b"a\0b\xff"), "a\u{fffd}b\u{fffd}");
        assert!(truncated_body(&[b'\xff'; 100_000]).len() <= 64 * 1024);
    }
}
