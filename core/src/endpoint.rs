//! The two endpoints of the gateway.

use std::borrow::Cow;

use crate::request::Phone2faRequest;

/// The path that starts a session, after the base URL.
const START_PATH: &str = "core/api/sessions/two_factor_auth/phone";
/// The path of a session, before its id.
const SESSION_PATH: &str = "core/api/sessions/";
/// How much of a session id is logged: enough to recognise a session, too little to look it up.
const LOGGED_ID_LENGTH: usize = 8;

/// A request to one of the two endpoints.
#[derive(Clone, Copy)]
pub(crate) enum ApiRequest<'a> {
    /// Starts a session.
    Start(&'a Phone2faRequest),
    /// Looks up a session.
    Get { session_id: &'a str },
}

impl ApiRequest<'_> {
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Start(_) => "POST",
            Self::Get { .. } => "GET",
        }
    }

    /// The path after the base URL.
    pub(crate) fn path(&self) -> Cow<'static, str> {
        match self {
            Self::Start(_) => Cow::Borrowed(START_PATH),
            Self::Get { session_id } => Cow::Owned([SESSION_PATH, session_id].concat()),
        }
    }

    /// The path as it may be logged: with only the beginning of the session id.
    pub(crate) fn logged_path(&self) -> Cow<'static, str> {
        match self {
            Self::Get { session_id } if session_id.len() > LOGGED_ID_LENGTH => {
                let session_id = &session_id[..LOGGED_ID_LENGTH];
                Cow::Owned([SESSION_PATH, session_id, "..."].concat())
            }
            _ => self.path(),
        }
    }

    /// The body, as JSON.
    pub(crate) fn body(&self) -> Option<String> {
        match self {
            Self::Start(request) => Some(request.to_json()),
            Self::Get { .. } => None,
        }
    }

    pub(crate) fn csrf_token(&self) -> Option<&str> {
        match self {
            Self::Start(request) => request.csrf_header(),
            Self::Get { .. } => None,
        }
    }

    /// Whether the request creates something at the gateway, so that repeating it is not safe.
    pub(crate) fn creates(&self) -> bool {
        matches!(self, Self::Start(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_path_contains_only_the_beginning_of_the_id() {
        let logged = |session_id| ApiRequest::Get { session_id }.logged_path();
        assert_eq!(logged("55c20771-9d75-4241-8e0f-94d3a37671ca"), "core/api/sessions/55c20771...");
        assert_eq!(logged("a"), "core/api/sessions/a");
    }
}
