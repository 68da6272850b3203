//! The reason in an error body, compared with a search in the whole parsed body.

use std::sync::atomic::{AtomicUsize, Ordering};

use bolero::check;
use serde_json::Value;

use super::bodies::{self, Bodies, KEYS};
use crate::reason::reason;
use crate::redact;

#[test]
fn the_reason_of_a_body_that_is_json_is_the_first_usual_name_that_leads_to_a_text() {
    // Shows that the generated cases are useful: reasons are found in many.
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    let compare = |body: &[u8]| {
        let Ok(value) = serde_json::from_slice(body.trim_ascii()) else { return };
        let expected = reason_in_json(&value).map(|reason| redact::text(&reason, &KEYS));
        let expected = expected.filter(|reason| !reason.is_empty());
        FOUND.fetch_add(usize::from(expected.is_some()), Ordering::Relaxed);
        match (reason(body, &KEYS), expected) {
            (Some(found), Some(expected)) => {
                assert!(expected.starts_with(&found));
                assert!(found == expected || found.len() > 156);
            }
            (found, expected) => assert_eq!(found, expected),
        }
    };
    for body in bodies::known() {
        compare(body.as_bytes());
    }
    check!().with_generator(Bodies).for_each(|body| {
        compare(&body.0);
        // Fields with the usual names are rare at the top level of a session.
        let text = String::from_utf8_lossy(&body.0);
        for (name, usual) in [("data", "errors"), ("result", "error"), ("status", "message")] {
            compare(text.replace(&format!("\"{name}\""), &format!("\"{usual}\"")).as_bytes());
        }
    });
    assert!(FOUND.load(Ordering::Relaxed) > 100);
}

fn reason_in_json(value: &Value) -> Option<String> {
    const NAMES: [&str; 8] =
        ["errors", "error", "description", "detail", "message", "title", "code", "type"];
    match value {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Array(list) => list.iter().find_map(reason_in_json),
        Value::Object(map) => NAMES.iter().find_map(|name| reason_in_json(map.get(*name)?)),
        _ => None,
    }
}
