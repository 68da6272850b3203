//! A session, for C.

use std::ffi::c_char;

use zignsec_core::Session;

use crate::boundary;
use crate::ptr::Texts;

/// A session as the gateway told it. Free it with zs_session_free().
pub struct zs_session {
    status: i32,
    is_final: bool,
    is_verified: bool,
    /// In the order of [`Field`].
    texts: Texts<10>,
}

#[derive(Clone, Copy)]
enum Field {
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
}

impl zs_session {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            status: session.status() as i32,
            is_final: session.is_final(),
            is_verified: session.is_verified(),
            texts: Texts::new([
                Some(session.id()),
                Some(session.status_text()),
                session.redirect_url(),
                session.phone_number(),
                session.locale(),
                session.redirect_success(),
                session.redirect_failure(),
                session.relay_state(),
                session.webhook(),
                Some(session.json()),
            ]),
        }
    }
}

fn text(session: Option<&zs_session>, field: Field) -> *const c_char {
    session.map_or(std::ptr::null(), |session| session.texts.as_ptr(field as usize))
}

/// The id: what zs_get_session() asks for. 1 to 64 letters, digits and hyphens.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_id(session: Option<&zs_session>) -> *const c_char {
    text(session, Field::Id)
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
    text(session, Field::StatusText)
}

/// Whether the session has ended, well or not.
///
/// @param session  A session, or NULL.
/// @return 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_is_final(session: Option<&zs_session>) -> i32 {
    session.is_some_and(|session| session.is_final).into()
}

/// Whether the user proved that the phone is theirs: the status is accepted or finished, and nothing
/// else in the answer speaks against it. Nothing else ever verifies.
///
/// @param session  A session, or NULL.
/// @return 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_is_verified(session: Option<&zs_session>) -> i32 {
    session.is_some_and(|session| session.is_verified).into()
}

/// Where to send the user. The gateway tells it when the session is opened.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL where the gateway did not tell.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_redirect_url(session: Option<&zs_session>) -> *const c_char {
    text(session, Field::RedirectUrl)
}

/// The phone number.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL where the gateway did not tell.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_phone_number(session: Option<&zs_session>) -> *const c_char {
    text(session, Field::PhoneNumber)
}

/// The language of the gateway's page.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL where the gateway did not tell.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_locale(session: Option<&zs_session>) -> *const c_char {
    text(session, Field::Locale)
}

/// Where a user who passed is sent.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL where the gateway did not tell.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_redirect_success(session: Option<&zs_session>) -> *const c_char {
    text(session, Field::RedirectSuccess)
}

/// Where any other user is sent.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL where the gateway did not tell.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_redirect_failure(session: Option<&zs_session>) -> *const c_char {
    text(session, Field::RedirectFailure)
}

/// Your own text.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL where the gateway did not tell.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_relay_state(session: Option<&zs_session>) -> *const c_char {
    text(session, Field::RelayState)
}

/// Where the gateway reports changes of the session.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL where the gateway did not tell.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_webhook(session: Option<&zs_session>) -> *const c_char {
    text(session, Field::Webhook)
}

/// The whole session as the gateway wrote it, with fields that have no function here: a JSON object.
///
/// @param session  A session, or NULL.
/// @return A string owned by the session; NULL for NULL only.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_json(session: Option<&zs_session>) -> *const c_char {
    text(session, Field::Json)
}

/// Frees a session and its strings.
///
/// @param session  A session, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_session_free(session: Option<Box<zs_session>>) {
    boundary::take_back(session);
}
