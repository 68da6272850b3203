//! A session.

use std::ffi::c_char;

use zignsec_core::Session;
use zignsec_core::bindings::{self, Verdict};

use crate::catch;
use crate::ptr::InStr;
use crate::strings::{CStringTable, string_fields};

/// A session as returned by the gateway. Free it with zs_session_free().
pub struct zs_session {
    status: i32,
    is_final: bool,
    verdict: Verdict,
    strings: CStringTable<Field, { Field::ALL.len() }>,
}

string_fields!(Field {
    Id,
    StatusText,
    RedirectUrl,
    PhoneNumber,
    Locale,
    RedirectSuccess,
    RedirectFailure,
    RelayState,
    Webhook,
    Json,
});

impl zs_session {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            status: session.status() as i32,
            is_final: session.is_final(),
            verdict: bindings::verdict(session),
            strings: CStringTable::new(Field::ALL, |field| match field {
                Field::Id => Some(session.id()),
                Field::StatusText => Some(session.status_text()),
                Field::RedirectUrl => session.redirect_url(),
                Field::PhoneNumber => session.phone_number(),
                Field::Locale => session.locale(),
                Field::RedirectSuccess => session.redirect_success(),
                Field::RedirectFailure => session.redirect_failure(),
                Field::RelayState => session.relay_state(),
                Field::Webhook => session.webhook(),
                Field::Json => Some(session.json()),
            }),
        }
    }
}

fn string(session: Option<&zs_session>, field: Field) -> *const c_char {
    session.map_or(std::ptr::null(), |session| session.strings.as_ptr(field))
}

/// The session ID, for zs_get_session(): 1 to 64 letters, digits and hyphens.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_id(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::Id)
}

/// The status.
///
/// @param session  A session, or NULL.
/// @return A zs_status; ZS_STATUS_UNKNOWN for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_status(session: Option<&zs_session>) -> i32 {
    session.map_or(0, |session| session.status)
}

/// The status as the gateway wrote it.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_status_text(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::StatusText)
}

/// Whether the session is final: completed, failed, cancelled, declined or timed out.
///
/// @param session  A session, or NULL.
/// @return 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_is_final(session: Option<&zs_session>) -> i32 {
    session.is_some_and(|session| session.is_final).into()
}

/// Whether the user proved control of the phone: a lookup returned the status accepted or finished,
/// and nothing else in the response contradicts it. No other status verifies. The session that
/// zs_start_phone_2fa() returns is never verified. To let a user in, check
/// zs_session_is_verified_for(), which also compares the phone number.
///
/// @param session  A session, or NULL.
/// @return 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_is_verified(session: Option<&zs_session>) -> i32 {
    session.is_some_and(|session| session.verdict.is_verified()).into()
}

/// Whether the user proved control of this phone: zs_session_is_verified() is 1, and every phone
/// number in the response is phone_number. Numbers are compared by their digits. Trust only this.
///
/// @param session       A session, or NULL.
/// @param phone_number  The phone number that your server stored for the user, in E.164 form as in
///                      zs_phone_2fa_request.
/// @return 1 or 0; 0 for an invalid phone_number, NULL included, and if the response contains no
///         phone number.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_is_verified_for(
    session: Option<&zs_session>,
    phone_number: InStr<'_>,
) -> i32 {
    session.is_some_and(|session| session.verdict.is_verified_for(&phone_number.lossy())).into()
}

/// The URL to redirect the user to. The gateway returns it when the session is started.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL if the response does not contain it.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_redirect_url(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::RedirectUrl)
}

/// The phone number of the user.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL if the response does not contain it.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_phone_number(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::PhoneNumber)
}

/// The language of the gateway's page.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL if the response does not contain it.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_locale(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::Locale)
}

/// The URL to which the gateway redirects the user after success.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL if the response does not contain it.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_redirect_success(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::RedirectSuccess)
}

/// The URL to which the gateway redirects the user otherwise.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL if the response does not contain it.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_redirect_failure(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::RedirectFailure)
}

/// The text that the request contained as relay_state.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL if the response does not contain it.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_relay_state(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::RelayState)
}

/// The URL to which the gateway posts status changes.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL if the response does not contain it.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_webhook(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::Webhook)
}

/// The whole session as the gateway wrote it: a JSON object, including fields that have no function
/// here.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_json(session: Option<&zs_session>) -> *const c_char {
    string(session, Field::Json)
}

/// Frees a session and its strings.
///
/// @param session  A session, or NULL.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_session_free(session: Option<Box<zs_session>>) {
    catch::drop_caught(session);
}
