//! Webhooks: whether one is ZignSec's own and new, and what it tells.
//!
//! The gateway posts one to a session's [`webhook`](crate::Phone2faRequest::webhook) address when
//! something happens to the session. Its header `X-ZignSec-Hmac-SHA256` is
//! `t=<timestamp>,v1=<hex>[,v1=<hex>...]`: each `v1` is an HMAC-SHA256, under the secret that you
//! share with ZignSec for webhooks, of the timestamp, a dot and the body. [`verify`] checks it.
//!
//! A webhook is a hint, not a verdict: it can be lost, late, out of order, and sent again by
//! anybody who saw it, as long as the [`Tolerance`] lasts. Drop an event that equals one you have
//! had, and ask [`Client::get_session`](crate::Client::get_session) how the session stands.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use subtle::{Choice, ConstantTimeEq};

use crate::error::{Error, ErrorKind};
use crate::session::{self, Flaw, SessionStatus};

/// How far the time of a signature may be from this machine's clock. The default is 300 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tolerance {
    /// This far into the past, and into the future, since clocks differ. It must not be zero.
    Within(Duration),
    /// The time is not checked: a webhook of any age passes. For webhooks that you kept, and tests.
    None,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::Within(Duration::from_secs(300))
    }
}

/// What a webhook tells.
///
/// `Debug` leaves the relay state and the JSON out, which can hold personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebhookEvent {
    session_id: String,
    name: String,
    status: SessionStatus,
    status_text: String,
    relay_state: Option<String>,
    json: String,
}

impl WebhookEvent {
    /// Reads an event back from its [`json`](WebhookEvent::json), say out of a store of your own.
    /// This checks no signature: what has just arrived is for [`verify`].
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol): not a JSON object, no `id` of a session, a repeated key
    /// among those read here, or U+0000 in a text.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        parse(json).map_err(|flaw| refused(&flaw))
    }

    /// The id of the session: what [`get_session`](crate::Client::get_session) asks for. 1 to 64
    /// letters, digits and hyphens.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// What happened, such as `session_finished`; empty where the webhook does not tell.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The status that the webhook tells, at its top level or in its `result`;
    /// [`Unknown`](SessionStatus::Unknown) where it tells none, or two that differ.
    #[must_use]
    pub fn status(&self) -> SessionStatus {
        self.status
    }

    /// The status as the gateway wrote it, the top level's where there are two; empty where the
    /// webhook tells none.
    #[must_use]
    pub fn status_text(&self) -> &str {
        &self.status_text
    }

    /// Your own text, where the session has one.
    #[must_use]
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    /// The whole body as the gateway wrote it, with the fields that this library does not know: a
    /// JSON object.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Debug for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookEvent")
            .field("session_id", &self.session_id)
            .field("name", &self.name)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Checks a webhook's signature and its time, then reads it.
///
/// `body` is the request's body byte for byte as it arrived: JSON that was parsed and written again
/// is another text. `signature` is the value of the header `X-ZignSec-Hmac-SHA256`; pass `""` where
/// the header is missing or is not text. The order of its parts, spaces around them and parts of
/// other names do not matter, and one `v1` that is right is enough: there are several while a secret
/// is being replaced. How long the comparison takes tells nothing of the right signature.
///
/// ```
/// use zignsec::webhook::{self, Tolerance};
///
/// # fn main() -> Result<(), zignsec::Error> {
/// let body = br#"{"event":"session_finished","id":"55c20771","status":"accepted"}"#;
/// let signature =
///     "t=1700000000,v1=4dc51b32448f9aeae3a640a0d5ffd3bf63b2a1a3f2deedbd42fbbc0463be97ee";
/// // A webhook that has just arrived is for `Tolerance::default()`. This one is of 2023.
/// let event = webhook::verify(body, signature, "a-secret-of-hooks", Tolerance::None)?;
/// assert_eq!(event.session_id(), "55c20771");
///
/// let again = webhook::verify(body, signature, "a-secret-of-hooks", Tolerance::default());
/// assert_eq!(again.unwrap_err().kind(), zignsec::ErrorKind::WebhookSignature);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// - [`WebhookSignature`](ErrorKind::WebhookSignature): the signature is missing, malformed, that of
///   another body or secret, or stale, which is too far ahead as well.
/// - [`InvalidArgument`](ErrorKind::InvalidArgument): the secret is empty, or the tolerance is zero.
/// - [`Protocol`](ErrorKind::Protocol): ZignSec signed it, but it cannot be read: see
///   [`WebhookEvent::from_json`].
pub fn verify(
    body: &[u8],
    signature: &str,
    secret: &str,
    tolerance: Tolerance,
) -> Result<WebhookEvent, Error> {
    // A clock that stands before 1970 is as wrong as one at 1970.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    verify_at(now, body, signature, secret, tolerance)
}

/// [`verify`], where `now` is since 1970.
pub(crate) fn verify_at(
    now: Duration,
    body: &[u8],
    signature: &str,
    secret: &str,
    tolerance: Tolerance,
) -> Result<WebhookEvent, Error> {
    if secret.is_empty() {
        return Err(Error::invalid_argument("secret", "must not be empty"));
    }
    if tolerance == Tolerance::Within(Duration::ZERO) {
        return Err(Error::invalid_argument("tolerance", "must be longer than zero"));
    }
    let signature = Signature::parse(signature)?;
    signature.check_digest(body, secret)?;
    // Only now is the time ZignSec's word.
    signature.check_time(now, tolerance)?;
    let body = std::str::from_utf8(body).map_err(|_| refused(&Flaw::Shape("is not UTF-8")))?;
    WebhookEvent::from_json(body)
}

/// The header, taken apart.
struct Signature<'a> {
    /// As it stands there: the digest is over this text.
    t: &'a str,
    signed_at: Duration,
    /// Each `v1`, hexadecimal or not.
    v1: Vec<&'a str>,
}

impl<'a> Signature<'a> {
    fn parse(header: &'a str) -> Result<Self, Error> {
        let malformed = |how| {
            unsigned(format!(
                "the webhook's signature {how}; pass the value of X-ZignSec-Hmac-SHA256 as it arrived"
            ))
        };
        let space = [' ', '\t'];
        if header.trim_matches(space).is_empty() {
            return Err(malformed("is missing"));
        }
        if !header.is_ascii() {
            return Err(malformed("is not ASCII"));
        }
        let (mut t, mut v1) = (None, Vec::new());
        for part in header.split(',') {
            let Some((name, value)) = part.split_once('=') else { continue };
            let value = value.trim_matches(space);
            match name.trim_matches(space) {
                "t" if t.is_some() => return Err(malformed("has two t")),
                "t" => t = Some(value),
                "v1" => v1.push(value),
                _ => {}
            }
        }
        let t = t.ok_or_else(|| malformed("has no t"))?;
        if v1.is_empty() {
            return Err(malformed("has no v1"));
        }
        let signed_at = time(t).ok_or_else(|| malformed("has a t that is not a time"))?;
        Ok(Self { t, signed_at, v1 })
    }

    fn check_digest(&self, body: &[u8], secret: &str) -> Result<(), Error> {
        let mut hmac =
            hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        hmac.update(self.t.as_bytes());
        hmac.update(b".");
        hmac.update(body);
        let expected = Digest(hmac.sign());
        if expected.is_among(self.v1.iter().filter_map(|hex| decode(hex))) {
            return Ok(());
        }
        Err(unsigned(
            "the webhook's signature does not fit its body; pass the body byte for byte as it \
             arrived, and check the webhook secret",
        ))
    }

    fn check_time(&self, now: Duration, tolerance: Tolerance) -> Result<(), Error> {
        let distance = now.abs_diff(self.signed_at);
        match tolerance {
            Tolerance::Within(limit) if distance > limit => {
                let side = if self.signed_at < now { "in the past" } else { "in the future" };
                Err(unsigned(format!(
                    "the webhook was signed {} seconds {side}, beyond the tolerance; check this \
                     machine's clock, and drop the webhook if that is right",
                    distance.as_secs()
                )))
            }
            _ => Ok(()),
        }
    }
}

/// The time that `t` tells, since 1970: digits, seconds or, from 10^11 on, milliseconds.
fn time(t: &str) -> Option<Duration> {
    // Before parsing, which takes a sign.
    if !t.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = t.parse().ok()?;
    // As seconds 10^11 is in the year 5138, as milliseconds in 1973.
    Some(match number {
        100_000_000_000.. => Duration::from_millis(number),
        _ => Duration::from_secs(number),
    })
}

/// The right digest. It has no `==`, so that there is one way to compare it, whose time does not
/// depend on where two digests part.
struct Digest(hmac::Tag);

impl Digest {
    /// Whether it is one of `given`, all of which are compared: how long it takes does not tell
    /// which one it is either. The digest is made once, since a header may hold as many `v1` as a
    /// stranger likes.
    fn is_among(&self, given: impl Iterator<Item = [u8; 32]>) -> bool {
        let compare = |found: Choice, digest: [u8; 32]| found | self.0.as_ref().ct_eq(&digest);
        given.fold(Choice::from(0), compare).into()
    }
}

/// The 32 bytes that 64 hexadecimal digits tell. They are the sender's, so nothing is given away.
fn decode(hex: &str) -> Option<[u8; 32]> {
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

/// Reads a body, by the rules of a session's. ZignSec's products tell the status at the top level or
/// in `result`.
fn parse(body: &str) -> Result<WebhookEvent, Flaw> {
    let (json, body) = session::whole_object(body)?;
    let outer = session::text(body.get("status")?)?;
    let inner = session::text(session::result_status(body.get("result")?)?)?;
    let status = match [outer, inner].map(|word| word.map(SessionStatus::from_word)) {
        [Some(outer), Some(inner)] if outer != inner => SessionStatus::Unknown,
        [outer, inner] => outer.or(inner).unwrap_or(SessionStatus::Unknown),
    };
    Ok(WebhookEvent {
        session_id: session::id(body.get("id")?)?.to_owned(),
        name: session::text(body.get("event")?)?.unwrap_or_default().to_owned(),
        status,
        status_text: outer.or(inner).unwrap_or_default().to_owned(),
        relay_state: session::text(body.get("relay_state")?)?.map(str::to_owned),
        json: json.to_owned(),
    })
}

fn unsigned(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::WebhookSignature, message)
}

fn refused(flaw: &Flaw) -> Error {
    Error::new(ErrorKind::Protocol, format!("the webhook's body {flaw}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a-secret-of-hooks";
    const BODY: &[u8] = br#"{"event":"session_finished","id":"55c20771","status":"accepted"}"#;
    const T: &str = "1700000000";
    /// By Python: `hmac.new(SECRET, b"1700000000." + BODY, "sha256").hexdigest()`.
    const V1: &str = "4dc51b32448f9aeae3a640a0d5ffd3bf63b2a1a3f2deedbd42fbbc0463be97ee";

    fn at(now: Duration, tolerance: Tolerance) -> Result<WebhookEvent, ErrorKind> {
        verify_at(now, BODY, &format!("t={T},v1={V1}"), SECRET, tolerance)
            .map_err(|error| error.kind())
    }

    #[test]
    fn the_tolerance_holds_to_the_nanosecond_on_both_sides() {
        let signed_at = Duration::from_secs(1_700_000_000);
        let tick = Duration::from_nanos(1);
        for limit in [Duration::from_secs(300), Duration::from_millis(1)] {
            let within = Tolerance::Within(limit);
            assert!(at(signed_at + limit, within).is_ok());
            assert!(at(signed_at - limit, within).is_ok());
            assert_eq!(at(signed_at + limit + tick, within), Err(ErrorKind::WebhookSignature));
            assert_eq!(at(signed_at - limit - tick, within), Err(ErrorKind::WebhookSignature));
        }
        let month = Duration::from_secs(30 * 86_400);
        assert_eq!(at(signed_at + month, Tolerance::default()), Err(ErrorKind::WebhookSignature));
        assert!(at(signed_at + month, Tolerance::None).is_ok());
        assert!(at(Duration::ZERO, Tolerance::Within(Duration::MAX)).is_ok());
        let none_at_all = Tolerance::Within(Duration::ZERO);
        assert_eq!(at(signed_at, none_at_all), Err(ErrorKind::InvalidArgument));
    }

    #[test]
    fn a_time_is_seconds_or_from_ten_to_the_eleventh_on_milliseconds() {
        for (t, expected) in [
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
            assert_eq!(time(t), expected, "{t}");
        }
    }

    #[test]
    fn a_comparison_looks_at_every_digest_wherever_the_right_one_stands() {
        // By its type a Digest can be compared in constant time alone; what is left to show is that
        // the first one that fits does not end the search.
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let expected = Digest(hmac::sign(&key, &[T.as_bytes(), b".", BODY].concat()));
        let right = decode(V1).unwrap();
        for place in 0..4 {
            let mut given = [[0; 32]; 4];
            given[place] = right;
            let mut looked_at = 0;
            assert!(expected.is_among(given.into_iter().inspect(|_| looked_at += 1)));
            assert_eq!(looked_at, 4);
        }
        for byte in 0..32 {
            let mut wrong = right;
            wrong[byte] ^= 1;
            assert!(!expected.is_among([wrong].into_iter()));
        }
        assert!(!expected.is_among([].into_iter()));
    }

    #[test]
    fn no_error_and_no_debug_output_gives_away_the_secret_or_the_relay_state() {
        let body: &[u8] = br#"{"id":"55c20771","relay_state":"+46701740605"}"#;
        let event = WebhookEvent::from_json(std::str::from_utf8(body).unwrap()).unwrap();
        let mut shown = format!("{event:?}");
        let header = format!("t={T},v1={V1}");
        let not_a_time = format!("t=+46701740605,v1={V1}");
        for (body, header) in [(body, &*header), (BODY, &*header), (BODY, ""), (BODY, &*not_a_time)]
        {
            let error = verify(body, header, SECRET, Tolerance::default()).unwrap_err();
            shown += &format!("{error:?}");
        }
        shown += &format!("{:?}", WebhookEvent::from_json("+46701740605").unwrap_err());
        assert!(!shown.contains(SECRET) && !shown.contains("1740605"), "{shown}");
    }
}
