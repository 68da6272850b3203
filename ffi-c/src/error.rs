//! Details of a failed call.

use std::ffi::c_char;

use zignsec_core::Error;

use crate::catch;
use crate::result::zs_result;
use crate::strings::{CStringTable, string_fields};

/// Details of a failed call. Free it with zs_error_free().
pub struct zs_error {
    result: zs_result,
    http_status: i32,
    retry_after_ms: i64,
    attempts: u32,
    in_doubt: bool,
    strings: CStringTable<Field, { Field::ALL.len() }>,
}

string_fields!(Field { Message, Body, RequestId });

impl zs_error {
    pub(crate) fn new(error: &Error) -> Self {
        Self {
            result: zs_result::of(error.kind()),
            http_status: error.http_status().map_or(0, i32::from),
            retry_after_ms: error
                .retry_after()
                .map_or(-1, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
            attempts: error.attempts(),
            in_doubt: error.in_doubt(),
            strings: CStringTable::new(Field::ALL, |field| match field {
                Field::Message => Some(error.message()),
                Field::Body => error.body(),
                Field::RequestId => error.request_id(),
            }),
        }
    }
}

fn string(error: Option<&zs_error>, field: Field) -> *const c_char {
    error.map_or(std::ptr::null(), |error| error.strings.as_ptr(field))
}

/// The result of the failed call.
///
/// @param error  An error, or NULL.
/// @return The result; ZS_OK for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_result(error: Option<&zs_error>) -> zs_result {
    error.map_or(zs_result::ZS_OK, |error| error.result)
}

/// The name of the result of the failed call, as in this header: "ZS_ERROR_TIMEOUT".
///
/// @param error  An error, or NULL.
/// @return A static string; do not free. "ZS_OK" for NULL. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_result_name(error: Option<&zs_error>) -> *const c_char {
    zs_error_result(error).name().as_ptr()
}

/// What failed, the deepest known cause, and what to try. The message never contains the API key, a
/// whole phone number or the query of a URL, so it can be logged.
///
/// @param error  An error, or NULL.
/// @return A string owned by the error; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_message(error: Option<&zs_error>) -> *const c_char {
    string(error, Field::Message)
}

/// The body of the gateway's response, at most its first 64 KiB. Invalid UTF-8 and NUL are replaced
/// by U+FFFD, and your keys by [key]. The gateway wrote this text, and it can contain personal data.
///
/// @param error  An error, or NULL.
/// @return A string owned by the error; NULL if there was no response.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_body(error: Option<&zs_error>) -> *const c_char {
    string(error, Field::Body)
}

/// The request ID: the first of the response headers x-request-id, x-correlation-id and request-id
/// that contains 1 to 128 visible ASCII characters. Keys and phone numbers in it are masked.
///
/// @param error  An error, or NULL.
/// @return A string owned by the error; NULL if there was no such header.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_request_id(error: Option<&zs_error>) -> *const c_char {
    string(error, Field::RequestId)
}

/// The HTTP status of the response.
///
/// @param error  An error, or NULL.
/// @return The status; 0 if there was no response.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_http_status(error: Option<&zs_error>) -> i32 {
    error.map_or(0, |error| error.http_status)
}

/// How long the gateway asked to wait before the next call (Retry-After).
///
/// @param error  An error, or NULL.
/// @return Milliseconds; -1 if the response has no such header.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_retry_after_ms(error: Option<&zs_error>) -> i64 {
    error.map_or(-1, |error| error.retry_after_ms)
}

/// The number of attempts that were started, for zs_wait_for_session() those of all polls: 0 if the
/// call was rejected before anything was sent.
///
/// @param error  An error, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_error_attempts(error: Option<&zs_error>) -> u32 {
    error.map_or(0, |error| error.attempts)
}

/// Whether the gateway may have created a session although the call failed. Only an error of
/// zs_start_phone_2fa() can return 1. A second call of it may then create a second session; the
/// user receives nothing before they open the page of a session.
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
pub extern "C-unwind" fn zs_error_free(error: Option<Box<zs_error>>) {
    catch::drop_caught(error);
}
