//! A session as returned by the gateway.

use std::fmt;

use crate::redact;
use crate::status::SessionStatus;
use crate::text_problem;
use crate::verdict::Verdict;

/// The data with which a session was created, as a lookup returns it. A field that is missing or
/// not a string is `None`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RequestData {
    /// The language of the gateway's page.
    pub locale: Option<String>,
    /// The phone number in `metadata`. [`Session::phone_number`] prefers the session's own.
    pub phone_number: Option<String>,
    /// Where the user is sent after success.
    pub redirect_success: Option<String>,
    /// Where the user is sent in all other cases.
    pub redirect_failure: Option<String>,
    /// The `relay_state` of the request.
    pub relay_state: Option<String>,
    /// The URL to which the gateway reports changes.
    pub webhook: Option<String>,
}

impl fmt::Debug for RequestData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestData")
            .field("phone_number", &self.phone_number.as_deref().map(redact::phone))
            .finish_non_exhaustive()
    }
}

/// A session as returned by the gateway.
///
/// Whether it was returned by a start or by a lookup is part of it: it is kept by `Clone` and
/// compared by `==`. `Debug` output contains the phone number in masked form.
// Only `decode` creates a session: it decides the verdict.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Session {
    pub(crate) id: String,
    pub(crate) status: SessionStatus,
    pub(crate) status_text: String,
    pub(crate) verdict: Verdict,
    pub(crate) redirect_url: Option<String>,
    pub(crate) phone_number: Option<String>,
    pub(crate) request_data: RequestData,
    pub(crate) json: String,
}

impl Session {
    /// The session id, to be passed to [`get_session`](crate::Client::get_session). 1 to 64
    /// letters, digits and hyphens.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> SessionStatus {
        self.status
    }

    /// The status as the gateway wrote it.
    #[must_use]
    pub fn status_text(&self) -> &str {
        &self.status_text
    }

    /// Whether the session has ended, successfully or not.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status.is_final()
    }

    /// Whether the user proved control of the phone: a lookup returned the status accepted or
    /// finished, and nothing else in the response contradicts it. The session that
    /// [`start_phone_2fa`](crate::Client::start_phone_2fa) returns is never verified.
    ///
    /// To let a user in, ask [`is_verified_for`](Self::is_verified_for): it also compares the phone
    /// number.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verdict.is_verified()
    }

    /// Whether the user proved control of this phone: the session [is
    /// verified](Self::is_verified), and every phone number in the response is `phone_number`.
    /// Numbers are compared by their digits. Trust only this.
    ///
    /// Pass the phone number that your server stored for the user, in E.164 form as in
    /// [`Phone2faRequest::new`](crate::Phone2faRequest::new). It is false if the argument has
    /// another form, or if the response contains no phone number.
    #[must_use]
    pub fn is_verified_for(&self, phone_number: &str) -> bool {
        self.verdict.is_verified_for(phone_number)
    }

    /// The URL to which you send the user. The gateway returns it when the session is created.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&str> {
        self.redirect_url.as_deref()
    }

    /// The phone number, if the gateway returned it.
    #[must_use]
    pub fn phone_number(&self) -> Option<&str> {
        self.phone_number.as_deref().or(self.request_data.phone_number.as_deref())
    }

    /// The phone number as it may be logged: `+46*****954`.
    #[must_use]
    pub fn masked_phone_number(&self) -> Option<String> {
        self.phone_number().map(redact::phone)
    }

    /// The data with which the session was created, as far as the gateway returned it.
    #[must_use]
    pub fn request_data(&self) -> &RequestData {
        &self.request_data
    }

    /// The language of the gateway's page, if the gateway returned it.
    #[must_use]
    pub fn locale(&self) -> Option<&str> {
        self.request_data.locale.as_deref()
    }

    /// Where the user is sent after success, if the gateway returned it.
    #[must_use]
    pub fn redirect_success(&self) -> Option<&str> {
        self.request_data.redirect_success.as_deref()
    }

    /// Where the user is sent in all other cases, if the gateway returned it.
    #[must_use]
    pub fn redirect_failure(&self) -> Option<&str> {
        self.request_data.redirect_failure.as_deref()
    }

    /// The `relay_state` of the request, if the gateway returned it.
    #[must_use]
    pub fn relay_state(&self) -> Option<&str> {
        self.request_data.relay_state.as_deref()
    }

    /// The URL to which the gateway reports changes, if the gateway returned it.
    #[must_use]
    pub fn webhook(&self) -> Option<&str> {
        self.request_data.webhook.as_deref()
    }

    /// The session as the gateway wrote it, including fields that this library does not know: the
    /// `data` object of the response, as JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("verified", &self.is_verified())
            .field("phone_number", &self.masked_phone_number())
            .finish_non_exhaustive()
    }
}

/// What is wrong with an id that is not valid.
pub(crate) fn id_problem(id: &str) -> Option<String> {
    match id.len() {
        _ if is_valid_id(id) => None,
        0 => Some("must not be empty".to_owned()),
        _ => Some(
            text_problem::find(id, &is_id_character)
                .unwrap_or_else(|| format!("is too long: it has {} characters", id.len())),
        ),
    }
}

fn is_id_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// Whether `id` is a valid session id. An id becomes part of a path, so other characters are not
/// allowed.
pub(crate) fn is_valid_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().map(char::from).all(is_id_character)
}
