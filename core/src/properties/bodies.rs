//! Generates bodies of responses and webhooks: valid, almost valid and invalid ones.

use std::sync::OnceLock;

use bolero::{Driver, ValueGenerator};
use serde::Deserialize;

use super::{Bytes, below, one_in, pick, pieces};

pub(super) const SESSION_ID: &str = "55c20771-9d75-4241-8e0f-94d3a37671ca";
/// The client's keys, which a response may repeat.
pub(super) const KEYS: [&str; 2] = ["sk/live+0123456789abcdef==", "sk/live+0123"];
/// The digits of the number that a session is asked about.
pub(super) const PHONE_NUMBER: &str = "46701740605";
/// The digits that all of [`PHONE_NUMBERS`] contain.
pub(super) const PHONE_DIGITS: &str = "701740605";

const PHONE_NUMBERS: [&str; 10] = [
    "+46701740605",
    "0701740605",
    "+46 70 174 06 05",
    "070-174 06 05",
    "(+46) 701.740.605",
    "+46_701_740_605",
    "%2B46701740605",
    "0701/74 06 05",
    "+46\u{200b}701\u{feff}740\u{202d}605",
    "+46\u{1}701\u{8}740\n605",
];

const IDS: [&str; 6] = [
    SESSION_ID,
    "55C20771-9D75-4241-8E0F-94D3A37671CA",
    "another-session",
    "a/../b",
    "",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
];

const STATUSES: [&str; 16] = [
    "accepted",
    "finished",
    "Accepted",
    "FINISHED",
    "accepted ",
    "ac-cepted",
    "created",
    "ready_to_start",
    "pending",
    "failed",
    "can-celled",
    "Declined",
    "time out",
    "success",
    "",
    "aссepted",
];

const URLS: [&str; 16] = [
    "https://test-gateway.zignsec.com/go?id=1#x",
    "http://127.0.0.1:8466/go",
    "http://localhost/",
    "http://[::1]:1/",
    "http://gateway.example/",
    "http://localhost.example/",
    "javascript:alert(1)",
    "//gateway.example/go",
    "HTTPS://user:secret@gateway.example/",
    "https://gateway.example:99999/",
    "https://gateway.example/\r\nset-cookie: a=b",
    "https://gateway.example/\u{85}",
    "https://gateway.example/a\u{202e}b",
    "https://",
    "data:text/html,x",
    "",
];

const NAMES: [&str; 28] = [
    "data",
    "id",
    "status",
    "errors",
    "result",
    "redirect_url",
    "phone_number",
    "request_data",
    "metadata",
    "locale",
    "redirect_success",
    "redirect_failure",
    "relay_state",
    "webhook",
    "event",
    "error",
    "description",
    "detail",
    "message",
    "title",
    "code",
    "type",
    "Errors",
    "ERROR",
    "Result",
    "Status",
    "unknown",
    "",
];

const SPACES: [&str; 5] = ["", "", "", " ", "\r\n\t"];

const OTHER_VALUES: [&str; 16] = [
    "null",
    "true",
    "false",
    "0",
    "-1.5e3",
    "1e999",
    "46701740605",
    "\"\"",
    "[]",
    "[ ]",
    "[1]",
    "{}",
    "{ }",
    "{\"a\":1}",
    "[[[]]]",
    r#""\ud800""#,
];

/// Text that makes JSON invalid or almost does.
const TOKENS: [&str; 22] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\/",
    "\u{0}",
    "\u{feff}",
    "//",
    "NaN",
    "null",
    "{\"data\":",
    "\"id\":",
    "\"status\":\"accepted\"",
    "<html>",
    "é",
    "\n",
];

/// Generates the body of a response or a webhook.
pub(super) struct Bodies;

impl ValueGenerator for Bodies {
    type Output = Bytes;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Bytes> {
        let mut body = match below(driver, 8)? {
            0 => pick(driver, known())?.to_owned(),
            1 => pieces(driver, 24, &TOKENS)?,
            2 => words(driver)?,
            3 => value(driver, "", 0)?,
            4 => session(driver)?,
            _ => format!("{{\"data\":{}}}", session(driver)?),
        }
        .into_bytes();
        if one_in(driver, 4)? {
            for _ in 0..=below(driver, 4)? {
                mutate(driver, &mut body)?;
            }
        }
        Some(Bytes(body))
    }
}

/// The bodies of the shared cases in `tests/vectors`.
pub(super) fn known() -> &'static [&'static str] {
    #[derive(Deserialize)]
    struct Case {
        body: serde_json::Value,
    }
    static KNOWN: OnceLock<Vec<&str>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut bodies = Vec::new();
        for file in ["sessions.json", "verdicts.json", "webhooks.json"] {
            let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
            let cases: Vec<Case> =
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            bodies.extend(cases.into_iter().filter_map(|case| {
                Some(&*case.body.as_str()?.to_owned().leak()).filter(|body| body.len() < 4096)
            }));
        }
        bodies
    })
}

/// An object with the fields that a session requires.
pub(super) fn session<D: Driver>(driver: &mut D) -> Option<String> {
    let mut fields = vec![("id", literal(driver, SESSION_ID)?)];
    let status = pick(driver, &STATUSES)?;
    fields.push(("status", literal(driver, status)?));
    fields.extend(more_fields(driver, 0)?);
    object(driver, fields)
}

fn more_fields<D: Driver>(driver: &mut D, depth: usize) -> Option<Vec<(&'static str, String)>> {
    let count = below(driver, 6)?;
    (0..count)
        .map(|_| {
            let name = pick(driver, &NAMES)?;
            Some((name, value(driver, name, depth + 1)?))
        })
        .collect()
}

fn object<D: Driver>(driver: &mut D, mut fields: Vec<(&str, String)>) -> Option<String> {
    let mut out = "{".to_owned();
    while !fields.is_empty() {
        let (name, value) = fields.swap_remove(below(driver, fields.len())?);
        out += pick(driver, &SPACES)?;
        out += &literal(driver, name)?;
        out += pick(driver, &SPACES)?;
        out.push(':');
        out += &value;
        out += pick(driver, &SPACES)?;
        if !fields.is_empty() {
            out.push(',');
        }
    }
    out.push('}');
    Some(out)
}

/// A valid or invalid value for a field with this name.
pub(super) fn value<D: Driver>(driver: &mut D, name: &str, depth: usize) -> Option<String> {
    const MAX_DEPTH: usize = 4;
    if one_in(driver, 6)? {
        return Some(pick(driver, &OTHER_VALUES)?.to_owned());
    }
    let text = match name {
        "id" => pick(driver, &IDS)?.to_owned(),
        "status" | "Status" => pick(driver, &STATUSES)?.to_owned(),
        "phone_number" => pick(driver, &PHONE_NUMBERS)?.to_owned(),
        "redirect_url" | "redirect_success" | "redirect_failure" | "webhook" => {
            pick(driver, &URLS)?.to_owned()
        }
        "errors" | "Errors" | "error" | "ERROR" if one_in(driver, 2)? => {
            return Some(pick(driver, &["null", "[]", "{}", "\"\"", "[ ]", "[{}]"])?.to_owned());
        }
        "data" | "result" | "Result" | "request_data" | "metadata" | "errors" | "error" | ""
            if depth < MAX_DEPTH =>
        {
            let fields = more_fields(driver, depth)?;
            return object(driver, fields);
        }
        _ => words(driver)?,
    };
    literal(driver, &text)
}

/// Text that a response may contain, including secrets.
fn words<D: Driver>(driver: &mut D) -> Option<String> {
    let count = below(driver, 6)?;
    let mut out = String::new();
    for _ in 0..count {
        out += match below(driver, 5)? {
            0 => pick(driver, &KEYS)?,
            1 => pick(driver, &PHONE_NUMBERS)?,
            2 => pick(driver, &URLS)?,
            3 => pick(driver, &TOKENS)?,
            _ => pick(driver, &["the number is blocked", "Ошибка", "x\u{200d}y", "🙂", "<b>"])?,
        };
        out += pick(driver, &[" ", " ", "", ",", "?", "\"", "\u{200b}", "\u{0}"])?;
    }
    Some(out)
}

/// A text as a JSON string, in which any character may be escaped.
fn literal<D: Driver>(driver: &mut D, text: &str) -> Option<String> {
    let plain = serde_json::to_string(text).unwrap();
    if !one_in(driver, 8)? {
        return Some(plain);
    }
    let mut out = "\"".to_owned();
    for c in text.chars() {
        if c == '/' && one_in(driver, 2)? {
            out += "\\/";
        } else if matches!(c, '"' | '\\') || c.is_control() || one_in(driver, 4)? {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out += &format!("\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out.push('"');
    Some(out)
}

fn mutate<D: Driver>(driver: &mut D, body: &mut Vec<u8>) -> Option<()> {
    let start = below(driver, body.len() + 1)?;
    let end = (start + below(driver, 16)?).min(body.len());
    match below(driver, 5)? {
        0 => drop(body.drain(start..end)),
        1 => body.truncate(start),
        2 => {
            let copy = body[start..end].to_vec();
            let at = below(driver, body.len() + 1)?;
            body.splice(at..at, copy);
        }
        3 => drop(body.splice(start..end, [driver.produce::<u8>()?])),
        _ => drop(body.splice(start..start, pick(driver, &TOKENS)?.bytes())),
    }
    Some(())
}
