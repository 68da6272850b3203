//! A failed call, for C.

use std::ffi::c_char;

use zignsec_core::Error;

use crate::boundary;
use crate::ptr::Kept;
use crate::result::zs_result;

/// A failed call: what zs_result says in short, in full. Free it with zs_error_free().
pub struct zs_error {
    result: zs_result,
    message: Kept,
    http_status: i32,
    body: Kept,
    request_id: Kept,
    retry_after_ms: i64,
    attempts: u32,
    in_doubt: bool,
}

impl zs_error {
    pub(crate) fn new(error: &Error) -> Self {
        Self {
            result: zs_result::of(error.kind()),
            message: Kept::new(error.message()),
            http_status: error.http_status().map_or(0, i32::from),
            body: Kept::optional(error.body()),
            request_id: Kept::optional(error.request_id()),
            retry_after_ms: error
                .retry_after()
                .map_or(-1, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
            attempts: error.attempts(),
            in_doubt: error.in_doubt(),
        }
    }
}

/// The result that the failed call returned.
///
/// @param error  An error, or NULL.
/// @return The result; ZS_OK for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_result(error: Option<&zs_error>) -> zs_result {
    error.map_or(zs_result::ZS_OK, |error| error.result)
}

/// What failed, the deepest cause that is known, and what to try. It never holds the API key, a whole
/// phone number or a URL's query, so it can be logged.
///
/// @param error  An error, or NULL.
/// @return A string owned by the error; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_message(error: Option<&zs_error>) -> *const c_char {
    error.map_or(std::ptr::null(), |error| error.message.as_ptr())
}

/// The body of the gateway's answer, cut at 64 KiB. Bytes that are not UTF-8, and NUL, stand as
/// U+FFFD. It is the gateway's own text and can hold personal data.
///
/// @param error  An error, or NULL.
/// @return A string owned by the error; NULL where there was no answer.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_body(error: Option<&zs_error>) -> *const c_char {
    error.map_or(std::ptr::null(), |error| error.body.as_ptr())
}

/// The first of the headers x-request-id, x-correlation-id and request-id of the answer.
///
/// @param error  An error, or NULL.
/// @return A string owned by the error; NULL where there was none.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_request_id(error: Option<&zs_error>) -> *const c_char {
    error.map_or(std::ptr::null(), |error| error.request_id.as_ptr())
}

/// The HTTP status of the answer.
///
/// @param error  An error, or NULL.
/// @return The status; 0 where there was no answer.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_http_status(error: Option<&zs_error>) -> i32 {
    error.map_or(0, |error| error.http_status)
}

/// How long the gateway asked to wait before the next call (Retry-After).
///
/// @param error  An error, or NULL.
/// @return Milliseconds; -1 where it asked for nothing.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_retry_after_ms(error: Option<&zs_error>) -> i64 {
    error.map_or(-1, |error| error.retry_after_ms)
}

/// How many attempts were begun: 0 where a check refused the call before anything was sent.
///
/// @param error  An error, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_attempts(error: Option<&zs_error>) -> u32 {
    error.map_or(0, |error| error.attempts)
}

/// Whether a session may exist at the gateway that the call did not hand out. Only ever 1 for
/// zs_start_phone_2fa(). A caller who tries again may then open a second session; nothing is sent to
/// the user before they open its page.
///
/// @param error  An error, or NULL.
/// @return 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_in_doubt(error: Option<&zs_error>) -> i32 {
    error.is_some_and(|error| error.in_doubt).into()
}

/// Frees an error and its strings.
///
/// @param error  An error, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_free(error: Option<Box<zs_error>>) {
    boundary::take_back(error);
}
