//! From an answer of the gateway to a session, or to an error that remembers it.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::redact;
use crate::session::{self, Session};
use crate::transport::{Answer, Call};

/// Reads the session that answers `call`. `secrets` are kept out of messages.
pub(crate) fn read(call: &Call<'_>, answer: &Answer, secrets: &[&str]) -> Result<Session, Error> {
    let failed = |kind, what: &dyn fmt::Display, in_doubt: bool| {
        Error::failed(kind, what, call.creates() && in_doubt).with_http(
            answer.status,
            shown(&answer.body),
            answer.request_id.clone(),
            answer.retry_after,
        )
    };
    if !answer.is_success() {
        let what = match reason(&answer.body, secrets) {
            Some(reason) => format!("the gateway answered {}: {reason}", answer.status),
            None => format!("the gateway answered {}", answer.status),
        };
        return Err(failed(ErrorKind::of_http_status(answer.status), &what, leaves_doubt(answer)));
    }
    let bad = |flaw: &dyn fmt::Display| failed(ErrorKind::Protocol, flaw, true);
    if answer.too_large {
        return Err(bad(&"the answer is larger than 1 MiB"));
    }
    let body = std::str::from_utf8(&answer.body).map_err(|_| bad(&"the answer is not UTF-8"))?;
    let session = session::parse(body).map_err(|flaw| bad(&format_args!("the answer {flaw}")))?;
    if call.session_id.is_some_and(|asked| !session.id().eq_ignore_ascii_case(asked)) {
        // Not for anybody's eyes: it can be the verdict on another user.
        return Err(bad(&"the answer is another session's"));
    }
    Ok(session)
}

/// Whether a POST that was not accepted may have opened a session all the same: only where the
/// gateway refused it can one be sure that it did not. One that says when to come back did not begin.
fn leaves_doubt(answer: &Answer) -> bool {
    match answer.status {
        400..=499 => false,
        503 => answer.retry_after.is_none(),
        _ => true,
    }
}

/// The body of an answer as an error keeps it: text that C can hold, at most 64 KiB of it.
fn shown(body: &[u8]) -> String {
    const LIMIT: usize = 64 * 1024;
    let body = &body[..body.len().min(LIMIT)];
    let mut text = String::from_utf8_lossy(body).replace('\0', "\u{fffd}");
    // A replacement is longer than what it replaces.
    text.truncate(text.floor_char_boundary(LIMIT));
    text
}

/// What the gateway says for itself. Its pages show the error bodies of several products, which
/// have no shape in common: the first of the usual names that leads to text counts.
fn reason(body: &[u8], secrets: &[&str]) -> Option<String> {
    const LONGEST: usize = 300;
    let text = std::str::from_utf8(body).ok()?.trim();
    let reason = match serde_json::from_str(text) {
        Ok(value) => reason_in_json(&value)?,
        // A page is for eyes, not for a message.
        Err(_) if text.starts_with('<') => return None,
        Err(_) => text.lines().next()?.to_owned(),
    };
    // Cut last: half a key or half a number would not be known for what it is.
    let mut reason = redact::text(&reason, secrets);
    reason.truncate(reason.floor_char_boundary(LONGEST));
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
    fn the_gateways_reason_is_found_in_every_known_shape() {
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
    fn a_long_reason_is_cut_only_after_it_was_redacted() {
        let key = "averylongsecretapikey0123456789";
        for padding in 200..300 {
            let body = format!("{} {key} +46703339954", "x".repeat(padding));
            let shown = reason(body.as_bytes(), &[key]).unwrap();
            assert!(!shown.contains("avery") && !shown.contains("4670"), "{shown}");
            assert!(shown.len() <= 300);
        }
    }

    #[test]
    fn a_kept_body_is_text_that_c_can_hold_and_is_cut() {
        assert_eq!(shown(b"a\0b\xff"), "a\u{fffd}b\u{fffd}");
        assert!(shown(&[b'\xff'; 100_000]).len() <= 64 * 1024);
    }
}
