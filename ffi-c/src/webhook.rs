//! Webhooks, for C.

use std::ffi::c_char;
use std::time::Duration;

use zignsec_core::Error;
use zignsec_core::webhook::{self, Tolerance, WebhookEvent};

use crate::boundary::{self, boundary};
use crate::error::zs_error;
use crate::ptr::{self, Bytes, Kept, Out, Text};
use crate::result::zs_result;

/// zs_verify_webhook(): the time is not checked. For webhooks that you kept, and tests.
pub const ZS_TOLERANCE_NONE: i64 = -1;

fn tolerance(seconds: i64) -> Result<Tolerance, Error> {
    match seconds {
        0 => Ok(Tolerance::default()),
        ZS_TOLERANCE_NONE => Ok(Tolerance::Unlimited),
        _ => u64::try_from(seconds)
            .map(|seconds| Tolerance::Within(Duration::from_secs(seconds)))
            .map_err(|_| ptr::invalid("tolerance_s", "must be ZS_TOLERANCE_NONE, 0 or more")),
    }
}

/// What a webhook tells. Free it with zs_webhook_event_free().
pub struct zs_webhook_event {
    status: i32,
    session_id: Kept,
    name: Kept,
    status_text: Kept,
    relay_state: Kept,
    json: Kept,
}

impl zs_webhook_event {
    fn new(event: &WebhookEvent) -> Self {
        Self {
            status: event.status() as i32,
            session_id: Kept::new(event.session_id()),
            name: Kept::new(event.name()),
            status_text: Kept::new(event.status_text()),
            relay_state: Kept::optional(event.relay_state()),
            json: Kept::new(event.json()),
        }
    }
}

/// Checks a webhook's signature and its time, then reads it. It asks nobody, and does not block.
///
/// A webhook is a hint, not a verdict: it can be lost, late, out of order, and sent again by anybody
/// who saw it, as long as the tolerance lasts. Drop an event whose zs_webhook_event_json() you have
/// had, and ask zs_get_session() how the session stands.
///
/// @param body            The request's body byte for byte as it arrived: JSON that was parsed and
///                        written again is another text. May be NULL where body_len is 0.
/// @param body_len        How many bytes that is.
/// @param signature       The value of the header X-ZignSec-Hmac-SHA256. NULL: the header is missing.
/// @param secret          The secret that you share with ZignSec for webhooks.
/// @param tolerance_s     How many seconds the signature's time may be from this machine's clock, into
///                        the past and into the future. 0: 300. ZS_TOLERANCE_NONE: not checked.
/// @param[out] out_event  The event; yours, for zs_webhook_event_free().
/// @param[out] out_error  The error, for zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_WEBHOOK_SIGNATURE for a signature that is missing, malformed, that of
///         another body or secret, or stale; ZS_ERROR_PROTOCOL where ZignSec signed what cannot be
///         read: not a JSON object, no id, a repeated key; ZS_ERROR_INVALID_ARGUMENT for a secret that
///         is NULL, empty or not UTF-8, a body that is NULL, another negative tolerance.
#[unsafe(no_mangle)]
pub extern "C" fn zs_verify_webhook(
    body: Bytes<'_>,
    body_len: usize,
    signature: Text<'_>,
    secret: Text<'_>,
    tolerance_s: i64,
    out_event: Out<'_, zs_webhook_event>,
    out_error: Out<'_, zs_error>,
) -> zs_result {
    boundary("out_event", out_event, out_error, || {
        let body = body.slice("body", body_len)?;
        let (secret, tolerance) = (secret.required("secret")?, tolerance(tolerance_s)?);
        webhook::verify(body, &signature.lossy(), secret, tolerance)
            .map(|event| zs_webhook_event::new(&event))
    })
}

fn text(
    event: Option<&zs_webhook_event>,
    field: impl Fn(&zs_webhook_event) -> &Kept,
) -> *const c_char {
    event.map_or(std::ptr::null(), |event| field(event).as_ptr())
}

/// The id of the session: what zs_get_session() asks for. 1 to 64 letters, digits and hyphens.
///
/// @param event  An event, or NULL.
/// @return A string owned by the event; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_session_id(event: Option<&zs_webhook_event>) -> *const c_char {
    text(event, |event| &event.session_id)
}

/// What happened, such as "session_finished".
///
/// @param event  An event, or NULL.
/// @return A string owned by the event, empty where the webhook does not tell; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_name(event: Option<&zs_webhook_event>) -> *const c_char {
    text(event, |event| &event.name)
}

/// The status that the webhook tells, at its top level or in its result. A hint: only
/// zs_session_is_verified() is the verdict.
///
/// @param event  An event, or NULL.
/// @return A zs_status; ZS_STATUS_UNKNOWN where it tells none, or two that differ, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_status(event: Option<&zs_webhook_event>) -> i32 {
    event.map_or(0, |event| event.status)
}

/// The status as the gateway wrote it, the top level's where there are two.
///
/// @param event  An event, or NULL.
/// @return A string owned by the event, empty where the webhook does not tell; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_status_text(event: Option<&zs_webhook_event>) -> *const c_char {
    text(event, |event| &event.status_text)
}

/// Your own text.
///
/// @param event  An event, or NULL.
/// @return A string owned by the event; NULL where the session has none.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_relay_state(event: Option<&zs_webhook_event>) -> *const c_char {
    text(event, |event| &event.relay_state)
}

/// The whole body as the gateway wrote it, with fields that have no function here: a JSON object.
///
/// @param event  An event, or NULL.
/// @return A string owned by the event; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_json(event: Option<&zs_webhook_event>) -> *const c_char {
    text(event, |event| &event.json)
}

/// Frees an event and its strings.
///
/// @param event  An event, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_free(event: Option<Box<zs_webhook_event>>) {
    boundary::take_back(event);
}
