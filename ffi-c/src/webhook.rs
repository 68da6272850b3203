//! Webhooks.

use std::ffi::c_char;
use std::time::Duration;

use zignsec_core::Error;
use zignsec_core::webhook::{self, Tolerance, WebhookEvent};

use crate::argument;
use crate::call::ffi_call;
use crate::catch;
use crate::error::zs_error;
use crate::ptr::{InBytes, InStr, OutPtr};
use crate::result::zs_result;
use crate::strings::{CStringTable, string_fields};

/// zs_verify_webhook(): accept a signature of any age. Use it for stored webhooks and in tests.
pub const ZS_TOLERANCE_UNLIMITED: i64 = -1;

fn tolerance(seconds: i64) -> Result<Tolerance, Error> {
    match seconds {
        0 => Ok(Tolerance::default()),
        ZS_TOLERANCE_UNLIMITED => Ok(Tolerance::Unlimited),
        _ => u64::try_from(seconds)
            .map(|seconds| Tolerance::Within(Duration::from_secs(seconds)))
            .map_err(|_| {
                argument::invalid("tolerance_s", "must be ZS_TOLERANCE_UNLIMITED, 0 or more")
            }),
    }
}

/// A webhook event. Free it with zs_webhook_event_free().
pub struct zs_webhook_event {
    status: i32,
    strings: CStringTable<Field, { Field::ALL.len() }>,
}

string_fields!(Field { SessionId, Name, StatusText, RelayState, Json });

impl zs_webhook_event {
    fn new(event: &WebhookEvent) -> Self {
        Self {
            status: event.status() as i32,
            strings: CStringTable::new(Field::ALL, |field| match field {
                Field::SessionId => Some(event.session_id()),
                Field::Name => Some(event.name()),
                Field::StatusText => Some(event.status_text()),
                Field::RelayState => event.relay_state(),
                Field::Json => Some(event.json()),
            }),
        }
    }
}

/// Verifies the signature and the time of a webhook, then decodes it. Makes no network request.
///
/// Treat a webhook as a notification only: it can be lost, delayed or reordered, and anyone who saw
/// it can replay it within the tolerance. Ignore an event whose zs_webhook_event_json() you have
/// already processed, and call zs_get_session() for the result.
///
/// @param body            The body of the request, byte for byte as it was received. JSON that was
///                        decoded and encoded again does not match. May be NULL if body_len is 0.
/// @param body_len        The number of bytes in body.
/// @param signature       The value of the header X-ZignSec-Hmac-SHA256. NULL: the header is
///                        missing.
/// @param secret          The webhook secret that you share with ZignSec.
/// @param tolerance_s     How many seconds the time of the signature may differ from the clock of
///                        this machine, in both directions. 0: 300. ZS_TOLERANCE_UNLIMITED: the
///                        time is not checked.
/// @param[out] out_event  The event. Free it with zs_webhook_event_free().
/// @param[out] out_error  The error. Free it with zs_error_free(). May be NULL.
/// @return ZS_OK; ZS_ERROR_WEBHOOK_SIGNATURE for a signature that is missing, malformed or outside
///         the tolerance, or does not match the body and the secret; ZS_ERROR_PROTOCOL for a body
///         that is correctly signed but invalid: not a JSON object, no ID, a duplicate key;
///         ZS_ERROR_INVALID_ARGUMENT for a secret that is NULL, empty or not UTF-8, a body that is
///         NULL, or another negative tolerance.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_verify_webhook(
    body: InBytes<'_>,
    body_len: usize,
    signature: InStr<'_>,
    secret: InStr<'_>,
    tolerance_s: i64,
    out_event: OutPtr<'_, zs_webhook_event>,
    out_error: OutPtr<'_, zs_error>,
) -> zs_result {
    ffi_call("out_event", out_event, out_error, || {
        let body = body.slice("body", body_len)?;
        let (secret, tolerance) = (secret.required("secret")?, tolerance(tolerance_s)?);
        webhook::verify(body, &signature.lossy(), secret, tolerance)
            .map(|event| zs_webhook_event::new(&event))
    })
}

fn string(event: Option<&zs_webhook_event>, field: Field) -> *const c_char {
    event.map_or(std::ptr::null(), |event| event.strings.as_ptr(field))
}

/// The ID of the session, for zs_get_session(): 1 to 64 letters, digits and hyphens.
///
/// @param event  An event, or NULL.
/// @return A string owned by the event; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_session_id(event: Option<&zs_webhook_event>) -> *const c_char {
    string(event, Field::SessionId)
}

/// What happened, such as "session_finished".
///
/// @param event  An event, or NULL.
/// @return A string owned by the event, empty if the webhook does not contain it; NULL for NULL
///         only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_name(event: Option<&zs_webhook_event>) -> *const c_char {
    string(event, Field::Name)
}

/// The status in the webhook, at its top level or in its result. A notification only:
/// call zs_get_session() for the result.
///
/// @param event  An event, or NULL.
/// @return A zs_status; ZS_STATUS_UNKNOWN for NULL, and if the webhook contains no status or two
///         that differ.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_status(event: Option<&zs_webhook_event>) -> i32 {
    event.map_or(0, |event| event.status)
}

/// The status as the gateway wrote it; if there are two, the one at the top level.
///
/// @param event  An event, or NULL.
/// @return A string owned by the event, empty if the webhook does not contain it; NULL for NULL
///         only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_status_text(event: Option<&zs_webhook_event>) -> *const c_char {
    string(event, Field::StatusText)
}

/// The text that the request contained as relay_state.
///
/// @param event  An event, or NULL.
/// @return A string owned by the event; NULL if the webhook does not contain it.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_relay_state(event: Option<&zs_webhook_event>) -> *const c_char {
    string(event, Field::RelayState)
}

/// The whole body as the gateway wrote it: a JSON object, including fields that have no function
/// here.
///
/// @param event  An event, or NULL.
/// @return A string owned by the event; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_webhook_event_json(event: Option<&zs_webhook_event>) -> *const c_char {
    string(event, Field::Json)
}

/// Frees an event and its strings.
///
/// @param event  An event, or NULL.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_webhook_event_free(event: Option<Box<zs_webhook_event>>) {
    catch::drop_caught(event);
}
