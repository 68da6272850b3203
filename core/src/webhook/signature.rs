//! The signature of a webhook.

use std::time::Duration;

use ring::hmac;
use subtle::{Choice, ConstantTimeEq};

use crate::error::{Error, ErrorKind};
use crate::text_problem::unusual_end;

const SPACE: [char; 2] = [' ', '\t'];

/// A parsed signature header.
pub(super) struct Signature<'a> {
    header: &'a str,
    /// The timestamp as text, which is part of the signed data.
    timestamp: &'a str,
    signed_at: Duration,
}

impl<'a> Signature<'a> {
    pub(super) fn parse(header: &'a str) -> Result<Self, Error> {
        let malformed = |problem| {
            signature_error(format!(
                "the webhook signature {problem}; pass the value of X-ZignSec-Hmac-SHA256 as \
                 received"
            ))
        };
        if header.trim_matches(SPACE).is_empty() {
            return Err(malformed("is missing"));
        }
        if !header.is_ascii() {
            return Err(malformed("is not ASCII"));
        }
        let mut timestamps = values(header, "t");
        let timestamp = timestamps.next().ok_or_else(|| malformed("has no t"))?;
        if timestamps.next().is_some() {
            return Err(malformed("has more than one t"));
        }
        if values(header, "v1").next().is_none() {
            return Err(malformed("has no v1"));
        }
        let signed_at =
            parse_timestamp(timestamp).ok_or_else(|| malformed("has an invalid timestamp"))?;
        Ok(Self { header, timestamp, signed_at })
    }

    pub(super) fn check_digest(&self, body: &[u8], secret: &str) -> Result<(), Error> {
        let mut hmac =
            hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        hmac.update(self.timestamp.as_bytes());
        hmac.update(b".");
        hmac.update(body);
        let expected = Digest(hmac.sign());
        if expected.is_among(values(self.header, "v1").filter_map(decode_digest)) {
            return Ok(());
        }
        let hint = match unusual_end(secret) {
            Some(end) => format!(", which {end}"),
            None => String::new(),
        };
        Err(signature_error(format!(
            "the webhook signature does not match the body; pass the body byte for byte as \
             received, not parsed and serialized again, and check the webhook secret{hint}"
        )))
    }

    /// Checks that the signature was made at most `limit` before or after `now` (since 1970).
    pub(super) fn check_time(&self, now: Duration, limit: Duration) -> Result<(), Error> {
        let distance = now.abs_diff(self.signed_at);
        if distance <= limit {
            return Ok(());
        }
        let direction = if self.signed_at < now { "in the past" } else { "in the future" };
        Err(signature_error(format!(
            "the webhook was signed {} seconds {direction}, outside the tolerance; check this \
             machine's clock, and reject the webhook if the clock is correct",
            distance.as_millis().div_ceil(1000)
        )))
    }
}

/// The values with this name. Not collected: an untrusted header may contain any number of them.
fn values<'a>(header: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    header.split(',').filter_map(move |part| {
        let (key, value) = part.split_once('=')?;
        (key.trim_matches(SPACE) == name).then(|| value.trim_matches(SPACE))
    })
}

/// A timestamp since 1970: digits, in seconds or, from 10^11 on, in milliseconds.
fn parse_timestamp(text: &str) -> Option<Duration> {
    // Rust's parser would accept a sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = text.parse().ok()?;
    // 10^11 is the year 5138 in seconds, and 1973 in milliseconds.
    Some(match number {
        100_000_000_000.. => Duration::from_millis(number),
        _ => Duration::from_secs(number),
    })
}

/// The correct digest. It has no `==`, so that it can only be compared in constant time.
struct Digest(hmac::Tag);

impl Digest {
    /// Whether `digests` contains this digest. All of them are compared, so that the time does not
    /// depend on which one matches. The digest is computed once, because an untrusted header may
    /// contain any number of `v1`.
    fn is_among(&self, digests: impl Iterator<Item = [u8; 32]>) -> bool {
        let compare = |found: Choice, digest: [u8; 32]| found | self.0.as_ref().ct_eq(&digest);
        digests.fold(Choice::from(0), compare).into()
    }
}

/// Decodes 64 hexadecimal digits. They are the sender's, so the time of this reveals nothing.
fn decode_digest(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 {
        return None;
    }
    let mut digits = hex.chars().map(|digit| digit.to_digit(16));
    let mut bytes = [0; 32];
    for byte in &mut bytes {
        *byte = u8::try_from(digits.next()?? << 4 | digits.next()??).ok()?;
    }
    Some(bytes)
}

fn signature_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::WebhookSignature, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::tests::{BODY, DIGEST, SECRET, TIMESTAMP};

    #[test]
    fn a_timestamp_is_in_seconds_or_from_ten_to_the_eleventh_on_in_milliseconds() {
        for (text, expected) in [
            ("0", Some(Duration::ZERO)),
            ("1700000000", Some(Duration::from_secs(1_700_000_000))),
            ("99999999999", Some(Duration::from_secs(99_999_999_999))),
            ("100000000000", Some(Duration::from_secs(100_000_000))),
            ("1700000000123", Some(Duration::from_millis(1_700_000_000_123))),
            ("18446744073709551615", Some(Duration::from_millis(u64::MAX))),
            ("18446744073709551616", None),
            ("", None),
            ("+1700000000", None),
            ("-1", None),
            ("1e9", None),
        ] {
            assert_eq!(parse_timestamp(text), expected, "{text}");
        }
    }

    #[test]
    fn every_digest_is_compared_wherever_the_correct_one_is() {
        // The type allows only comparison in constant time. What remains to be shown is that the
        // first match does not end the search.
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let expected = Digest(hmac::sign(&key, &[TIMESTAMP.as_bytes(), b".", BODY].concat()));
        let correct = decode_digest(DIGEST).unwrap();
        for position in 0..4 {
            let mut digests = [[0; 32]; 4];
            digests[position] = correct;
            let mut compared = 0;
            assert!(expected.is_among(digests.into_iter().inspect(|_| compared += 1)));
            assert_eq!(compared, 4);
        }
        for byte in 0..32 {
            let mut wrong = correct;
            wrong[byte] ^= 1;
            assert!(!expected.is_among([wrong].into_iter()));
        }
        assert!(!expected.is_among([].into_iter()));
    }
}
