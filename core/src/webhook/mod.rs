//! Webhooks: verifies their signature and reads the event.
//!
//! The gateway posts a webhook to the session's [`webhook`](crate::Phone2faRequest::webhook) URL
//! when the session changes. Its header `X-ZignSec-Hmac-SHA256` is
//! `t=<timestamp>,v1=<hex>[,v1=<hex>...]`: each `v1` is an HMAC-SHA256 of the timestamp, a dot and
//! the body, with the webhook secret that you share with ZignSec. [`verify`] checks it.
//!
//! Treat a webhook as a notification only: it can be lost, delayed, reordered, or replayed while
//! the [`Tolerance`] lasts. Ignore duplicates and call
//! [`Client::get_session`](crate::Client::get_session) for the result.

mod event;
mod signature;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use event::WebhookEvent;
use signature::Signature;

use crate::config::defaults;
use crate::error::Error;

/// The largest accepted difference between the time of a signature and this machine's clock. The
/// default is 300 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tolerance {
    /// This much in the past or, because clocks differ, in the future. It must not be zero.
    Within(Duration),
    /// The time is not checked: a webhook of any age is accepted. Use it only for webhooks that you
    /// stored, and in tests.
    Unlimited,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::Within(defaults::WEBHOOK_TOLERANCE)
    }
}

/// Verifies the signature and the time of a webhook and reads its event.
///
/// `body` is the body of the request, byte for byte as received: JSON that was parsed and
/// serialized again is a different text. `signature` is the value of the header
/// `X-ZignSec-Hmac-SHA256`; pass `""` if the header is missing or not text. The order of its parts,
/// spaces around them and unknown parts are ignored. One correct `v1` is enough: there are several
/// while a secret is being replaced. The comparison takes constant time.
///
/// ```
/// use zignsec::webhook::{self, Tolerance};
///
/// # fn main() -> Result<(), zignsec::Error> {
/// let body = br#"{"event":"session_finished","id":"55c20771","status":"accepted"}"#;
/// let signature =
///     "t=1700000000,v1=4dc51b32448f9aeae3a640a0d5ffd3bf63b2a1a3f2deedbd42fbbc0463be97ee";
/// // Use `Tolerance::default()` for a webhook that has just arrived. This one is from 2023.
/// let event = webhook::verify(body, signature, "a-secret-of-hooks", Tolerance::Unlimited)?;
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
/// - [`WebhookSignature`](crate::ErrorKind::WebhookSignature): the signature is missing, malformed,
///   for another body or secret, or outside the tolerance.
/// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument): the secret is empty, or the tolerance
///   is zero.
/// - [`Protocol`](crate::ErrorKind::Protocol): the signature is correct, but the body cannot be
///   read: see [`WebhookEvent::from_json`].
pub fn verify(
    body: &[u8],
    signature: &str,
    secret: &str,
    tolerance: Tolerance,
) -> Result<WebhookEvent, Error> {
    verify_at(body, signature, secret, tolerance, SystemTime::now())
}

/// [`verify`] at a given time, in place of the clock's: for tests with a fixed time, and for
/// webhooks that you stored together with the time at which they arrived.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use zignsec::webhook::{self, Tolerance};
///
/// # fn main() -> Result<(), zignsec::Error> {
/// let body = br#"{"event":"session_finished","id":"55c20771","status":"accepted"}"#;
/// let signature =
///     "t=1700000000,v1=4dc51b32448f9aeae3a640a0d5ffd3bf63b2a1a3f2deedbd42fbbc0463be97ee";
/// let now = UNIX_EPOCH + Duration::from_secs(1_700_000_060);
/// let secret = "a-secret-of-hooks";
/// let event = webhook::verify_at(body, signature, secret, Tolerance::default(), now)?;
/// assert_eq!(event.session_id(), "55c20771");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`verify`].
pub fn verify_at(
    body: &[u8],
    signature: &str,
    secret: &str,
    tolerance: Tolerance,
    now: SystemTime,
) -> Result<WebhookEvent, Error> {
    if secret.is_empty() {
        return Err(Error::invalid_argument("secret", "must not be empty"));
    }
    if tolerance == Tolerance::Within(Duration::ZERO) {
        return Err(Error::invalid_argument("tolerance", "must be more than zero"));
    }
    let signature = Signature::parse(signature)?;
    signature.check_digest(body, secret)?;
    // Only after the digest: until then, the time is untrusted input.
    if let Tolerance::Within(limit) = tolerance {
        // A time before 1970 is clamped to the epoch.
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        signature.check_time(now, limit)?;
    }
    event::from_body(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    pub(super) const SECRET: &str = "a-secret-of-hooks";
    pub(super) const BODY: &[u8] =
        br#"{"event":"session_finished","id":"55c20771","status":"accepted"}"#;
    pub(super) const TIMESTAMP: &str = "1700000000";
    /// Computed by Python: `hmac.new(SECRET, b"1700000000." + BODY, "sha256").hexdigest()`.
    pub(super) const DIGEST: &str =
        "4dc51b32448f9aeae3a640a0d5ffd3bf63b2a1a3f2deedbd42fbbc0463be97ee";

    fn verify_with(now: Duration, tolerance: Tolerance) -> Result<WebhookEvent, ErrorKind> {
        let header = format!("t={TIMESTAMP},v1={DIGEST}");
        verify_at(BODY, &header, SECRET, tolerance, UNIX_EPOCH + now).map_err(|error| error.kind())
    }

    #[test]
    fn the_tolerance_is_exact_on_both_sides() {
        let signed_at = Duration::from_secs(1_700_000_000);
        // The resolution of the system's clock.
        let tick = Duration::from_nanos(if cfg!(windows) { 100 } else { 1 });
        let stale = Err(ErrorKind::WebhookSignature);
        for limit in [Duration::from_secs(300), Duration::from_millis(1)] {
            let within = Tolerance::Within(limit);
            assert!(verify_with(signed_at + limit, within).is_ok());
            assert!(verify_with(signed_at - limit, within).is_ok());
            assert_eq!(verify_with(signed_at + limit + tick, within), stale);
            assert_eq!(verify_with(signed_at - limit - tick, within), stale);
        }
        let month = Duration::from_secs(30 * 86_400);
        assert_eq!(verify_with(signed_at + month, Tolerance::default()), stale);
        assert!(verify_with(signed_at + month, Tolerance::Unlimited).is_ok());
        assert!(verify_with(Duration::ZERO, Tolerance::Within(Duration::MAX)).is_ok());
        let zero = Tolerance::Within(Duration::ZERO);
        assert_eq!(verify_with(signed_at, zero), Err(ErrorKind::InvalidArgument));
    }

    #[test]
    fn no_error_and_no_debug_output_contains_the_secret_or_the_relay_state() {
        let body: &[u8] = br#"{"id":"55c20771","relay_state":"+46701740605"}"#;
        let event = WebhookEvent::from_json(std::str::from_utf8(body).unwrap()).unwrap();
        let mut output = format!("{event:?}");
        let header = format!("t={TIMESTAMP},v1={DIGEST}");
        let no_time = format!("t=+46701740605,v1={DIGEST}");
        for (body, header) in [(body, &*header), (BODY, &*header), (BODY, ""), (BODY, &*no_time)] {
            let error = verify(body, header, SECRET, Tolerance::default()).unwrap_err();
            output += &format!("{error:?}");
        }
        output += &format!("{:?}", WebhookEvent::from_json("+46701740605").unwrap_err());
        assert!(!output.contains(SECRET) && !output.contains("1740605"), "{output}");
    }
}
