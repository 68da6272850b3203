//! A webhook verifies only if it was signed with the secret, for this time and this body.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use bolero::{Driver, ValueGenerator, check};
use regex::Regex;
use ring::hmac;

use super::bodies::Bodies;
use super::{Bytes, below, one_in, pick, pieces};
use crate::error::ErrorKind;
use crate::webhook::{Tolerance, verify_at};

const SECRET: &str = "a-secret-of-hooks";
const NOW_S: u64 = 1_700_000_000;
const TOLERANCE_S: u64 = 300;

const TIMES: [&str; 14] = [
    "1700000000",
    "1700000300",
    "1700000301",
    "1699999700",
    "1699999699",
    "1700000000000",
    "1700000300000",
    "1700000300001",
    "01700000000",
    "+1700000000",
    "0",
    "18446744073709551616",
    "1700000000 ",
    "",
];

/// Parts of header values.
const TOKENS: [&str; 14] =
    ["t", "v1", "v0", "T", "=", ",", ";", " ", "\t", "\u{a0}", "é", "=1", "t=1", "v1="];

#[derive(Debug)]
struct Case {
    header: String,
    body: Bytes,
}

struct Cases;

impl ValueGenerator for Cases {
    type Output = Case;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Case> {
        let body = if one_in(driver, 4)? {
            Bodies.generate(driver)?
        } else {
            Bytes(br#"{"event":"session_finished","id":"55c20771","status":"accepted"}"#.to_vec())
        };
        let t = pick(driver, &TIMES)?;
        let mut parts = vec![format!("t={t}"), format!("v1={}", signature(t, &body.0, SECRET))];
        for _ in 0..below(driver, 4)? {
            let part = match below(driver, 7)? {
                0 => format!("v1={}", signature(t, &body.0, "another-secret")),
                1 => format!("v1={}", signature(pick(driver, &TIMES)?, &body.0, SECRET)),
                2 => format!("v1={}", signature(t, b"another body", SECRET)),
                3 => format!("v0={}", signature(t, &body.0, SECRET)),
                4 => format!("t={}", pick(driver, &TIMES)?),
                _ => pieces(driver, 4, &TOKENS)?,
            };
            parts.push(part);
        }
        let mut header = String::new();
        while !parts.is_empty() {
            let mut part = parts.swap_remove(below(driver, parts.len())?);
            if one_in(driver, 4)? {
                part = part.replace('=', pick(driver, &[" = ", "=\t", "=\u{a0}", "==", ""])?);
            }
            if one_in(driver, 4)? {
                let (head, tail) = part.split_at(part.find('=').unwrap_or(0));
                part = format!("{head}{}", tail.to_ascii_uppercase());
            }
            header += &part;
            if !parts.is_empty() {
                header += pick(driver, &[",", ",", ",", ", ", " ,\t", ",,", ";"])?;
            }
        }
        if one_in(driver, 4)? {
            mutate(driver, &mut header)?;
        }
        Some(Case { header, body })
    }
}

/// Changes one or two characters. Most of the header is the signature.
fn mutate<D: Driver>(driver: &mut D, header: &mut String) -> Option<()> {
    let mut characters: Vec<char> = header.chars().collect();
    for _ in 0..=below(driver, 2)? {
        let at = below(driver, characters.len())?;
        match below(driver, 3)? {
            0 => drop(characters.remove(at)),
            1 => characters[at] = pick(driver, &['0', 'f', 'F', 'g', '=', ',', ' ', 't'])?,
            _ => characters.insert(at, pick(driver, &['0', '1', ' ', ',', '=', '\0', '-'])?),
        }
        if characters.is_empty() {
            break;
        }
    }
    *header = characters.into_iter().collect();
    Some(())
}

fn signature(t: &str, body: &[u8], secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, &[t.as_bytes(), b".", body].concat()))
}

#[test]
fn a_webhook_verifies_if_and_only_if_its_signature_is_valid() {
    check!().with_generator(Cases).for_each(|Case { header, body }| {
        for tolerance in [Tolerance::Unlimited, Tolerance::Within(Duration::from_secs(TOLERANCE_S))]
        {
            let now = UNIX_EPOCH + Duration::from_secs(NOW_S);
            let error = match verify_at(&body.0, header, SECRET, tolerance, now) {
                Ok(event) => {
                    assert!(is_signed(header, &body.0, tolerance), "{tolerance:?}");
                    assert_eq!(event.json(), std::str::from_utf8(&body.0).unwrap().trim());
                    continue;
                }
                Err(error) => error,
            };
            // An invalid body with a valid signature is not reported as an invalid signature.
            let expected = if is_signed(header, &body.0, tolerance) {
                ErrorKind::Protocol
            } else {
                ErrorKind::WebhookSignature
            };
            assert_eq!(error.kind(), expected, "{tolerance:?} {error}");
            assert!(error.message().len() < 256 && !error.message().contains(SECRET));
        }
    });
}

/// Whether the header is valid. Parses it independently of the library.
fn is_signed(header: &str, body: &[u8], tolerance: Tolerance) -> bool {
    static PART: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?:\A|,)[ \t]*(t|v1)[ \t]*=[ \t]*([^,]*)").unwrap());
    let values = |name: &str| -> Vec<&str> {
        let parts = PART.captures_iter(header).map(|captures| captures.extract().1);
        parts
            .filter(|[key, _]| *key == name)
            .map(|[_, value]| value.trim_end_matches([' ', '\t']))
            .collect()
    };
    let [t] = values("t")[..] else { return false };
    let Some(number) = t.parse::<u64>().ok().filter(|_| !t.starts_with('+')) else { return false };
    let milliseconds = u128::from(number) * if number < 100_000_000_000 { 1000 } else { 1 };
    let is_fresh =
        milliseconds.abs_diff(u128::from(NOW_S) * 1000) <= u128::from(TOLERANCE_S) * 1000;
    let expected_signature = signature(t, body, SECRET);
    header.is_ascii()
        && values("v1").iter().any(|v1| v1.eq_ignore_ascii_case(&expected_signature))
        && (is_fresh || tolerance == Tolerance::Unlimited)
}
