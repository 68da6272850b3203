//! The reason that the gateway gives for an error.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::json::Field;
use crate::redact;
use crate::transport::MAX_ERROR_BODY;

/// The names that lead to a reason, the most useful first.
const NAMES: [&str; 8] =
    ["errors", "error", "description", "detail", "message", "title", "code", "type"];

/// The reason that the gateway gives for an error. ZignSec documents error bodies of several
/// products, in different forms: the first of the usual names that leads to a text is used. Only
/// the part of the body that an error keeps is read.
pub(crate) fn reason(body: &[u8], secrets: &[&str]) -> Option<String> {
    /// Leaves room in a message of 300 characters for the base URL and for what to do.
    const MAX_LENGTH: usize = 160;
    /// How much of the reason is redacted: that takes several copies.
    const MAX_READ: usize = 4 * 1024;
    let text = utf8(&body[..body.len().min(MAX_ERROR_BODY)])?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let (reason, mut is_cut) = search(text, body.len() >= MAX_ERROR_BODY)?;
    let read = &reason[..reason.floor_char_boundary(MAX_READ)];
    is_cut |= read.len() < reason.len();
    // Truncated last: half a key or half a number would not be recognised and redacted. For the
    // same reason, the end of a text that was cut is never shown.
    let mut reason = redact::text(read, secrets);
    if reason.is_empty() || (is_cut && reason.len() <= MAX_LENGTH) {
        return None;
    }
    reason.truncate(reason.floor_char_boundary(MAX_LENGTH));
    Some(reason)
}

/// The reason in a body, and whether it was cut with the body.
fn search(text: &str, is_cut: bool) -> Option<(Cow<'_, str>, bool)> {
    let mut search = Search { found: None };
    let mut json = serde_json::Deserializer::from_str(text);
    match (search.deserialize(&mut json).and_then(|()| json.end()), search.found) {
        (Ok(()), found) => Some((found?, false)),
        // The body is incomplete, but its reason is not.
        (Err(error), Some(found)) if error.is_eof() => Some((found, false)),
        // HTML is not quoted.
        (Err(_), _) if text.starts_with('<') => None,
        (Err(_), _) => {
            let line = text.lines().next()?;
            Some((Cow::Borrowed(line), is_cut && line.len() == text.len()))
        }
    }
}

/// Text that may end inside a character.
fn utf8(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// Looks for a reason in a JSON value, and keeps what it found if the value turns out to be
/// incomplete. It builds nothing but the texts that can be the reason.
struct Search<'a> {
    found: Option<Cow<'a, str>>,
}

impl<'de> DeserializeSeed<'de> for &mut Search<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Search<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.found = (!text.is_empty()).then_some(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.found = (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while self.found.is_none() {
            if list.next_element_seed(&mut *self)?.is_none() {
                return Ok(());
            }
        }
        while list.next_element_seed(&mut Field::<()>::default())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Not on the stack: an error body may have 127 levels, and a thread little stack.
        let mut found = vec![None; NAMES.len()];
        let read = read_fields(&mut map, &mut found);
        self.found = found.into_iter().flatten().next();
        read
    }
}

/// Reads an object. `found` gets the reason under each of the names; the last of several fields
/// with the same name counts.
fn read_fields<'de, A: MapAccess<'de>>(
    map: &mut A,
    found: &mut [Option<Cow<'de, str>>],
) -> Result<(), A::Error> {
    while let Some(Name(position)) = map.next_key()? {
        match position {
            Some(position) => {
                let mut search = Search { found: None };
                let read = map.next_value_seed(&mut search);
                found[position] = search.found;
                read?;
            }
            None => map.next_value_seed(&mut Field::<()>::default())?,
        }
    }
    Ok(())
}

/// The position of a key in [`NAMES`].
struct Name(Option<usize>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Name, E> {
                Ok(Name(NAMES.iter().position(|name| *name == key)))
            }
        }

        deserializer.deserialize_str(NameVisitor)
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
            ("\u{feff}{\"message\":\"why\"}", Some("why")),
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
        for padding in 100..160 {
            let body = format!("{} {key} +46703339954", "x".repeat(padding));
            let shown = reason(body.as_bytes(), &[key]).unwrap();
            assert!(!shown.contains("avery") && !shown.contains("4670"), "{shown}");
            assert!(shown.len() <= 160);
        }
    }

    #[test]
    fn the_reason_is_found_before_the_body_was_cut() {
        let padding = "x".repeat(MAX_ERROR_BODY);
        let numbers = "1,".repeat(MAX_ERROR_BODY);
        for (body, expected) in [
            (format!(r#"{{"message":"why","trace":"{padding}"}}"#), Some("why")),
            (format!(r#"{{"errors":[{{"title":"why"}},{{"detail":"{padding}"}}]}}"#), Some("why")),
            (format!(r#"{{"error":{{"code":"why","trace":[{numbers}0]}}}}"#), Some("why")),
            (format!(r#"["why",{numbers}0]"#), Some("why")),
            (format!("why\n{padding}"), Some("why")),
            (format!("<html>{padding}"), None),
        ] {
            assert_eq!(reason(body.as_bytes(), &[]).as_deref(), expected, "{}", &body[..30]);
        }
        // Without a reason before the cut, the text is quoted like any other.
        let body = format!(r#"{{"trace":"{padding}"}}"#);
        let quoted = reason(body.as_bytes(), &[]).unwrap();
        assert!(quoted.starts_with(r#"{"trace":"xxx"#) && quoted.len() == 160, "{quoted}");
    }

    #[test]
    fn a_body_cut_in_a_key_or_in_a_character_does_not_show_the_part() {
        let key = "averylongsecretapikey0123456789";
        for kept in 1..key.len() {
            // Invisible characters are removed, so the cut is within the 160 characters shown.
            let invisible = "\u{200b}".repeat((MAX_ERROR_BODY - kept) / 3);
            let body = format!("{invisible}{}{key}", "é".repeat((MAX_ERROR_BODY - kept) % 3));
            let shown = reason(body.as_bytes(), &[key]).unwrap_or_default();
            assert!(!shown.contains(&key[..kept.min(3)]), "{shown}");
            let in_json = format!(r#"{{"message":"{body}"}}"#);
            let shown = reason(in_json.as_bytes(), &[key]).unwrap_or_default();
            assert!(!shown.contains(&key[..kept.min(3)]), "{shown}");
        }
    }
}
