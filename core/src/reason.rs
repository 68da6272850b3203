//! The reason that the gateway gives for an error.

use crate::redact;

/// The reason that the gateway gives for an error. ZignSec documents error bodies of several
/// products, in different forms: the first of the usual names that leads to a text is used.
pub(crate) fn reason(body: &[u8], secrets: &[&str]) -> Option<String> {
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
}
