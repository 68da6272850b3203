//! One session: the state machine that the gateway's documentation describes.
//!
//! ```text
//!             send           correct code
//!   Ready ------------> CodeSent ------------> Accepted        redirect to redirect_success
//!                 ^       | | malformed: show the form again
//!                 | send  | | expired: send a new one
//!                 |       v
//!                 '--- WrongCode                               offers to send a new code
//!                         | no attempts left
//!                         v
//!                       Failed                                 redirect to redirect_failure
//!
//!   from any state before the end:  cancel -> Cancelled,  30 minutes -> TimedOut
//! ```
//!
//! This module uses no HTTP, randomness or clock: callers pass the time and the codes.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::options::SuccessStatus;
use crate::request::StartRequest;

/// How long a code is valid; the same as in ZignSec's SMS product.
pub(crate) const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long a session waits for its user.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// A session and its state.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) request: StartRequest,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) state: State,
    /// Wrong codes entered so far.
    pub(crate) wrong_codes: u32,
    /// Number of successful GET requests for this session.
    pub(crate) lookups: u32,
    pub(crate) codes_sent: u32,
    /// Whether the first webhook must be sent before the response to the POST.
    pub(crate) webhook_before_response: bool,
    rules: Rules,
}

/// The state of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No code has been sent yet.
    Ready,
    /// A code has been sent. It may have expired.
    CodeSent {
        code: String,
        valid_until: Timestamp,
    },
    /// A wrong code was entered, which invalidates the code that was sent.
    WrongCode,
    Accepted,
    Failed,
    Cancelled,
    TimedOut,
}

impl State {
    fn step(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::CodeSent { .. } => "code-sent",
            Self::WrongCode => "wrong-code",
            Self::Accepted | Self::Failed | Self::Cancelled | Self::TimedOut => "ended",
        }
    }

    fn status(&self, success: SuccessStatus) -> &'static str {
        match self {
            Self::Ready | Self::CodeSent { .. } | Self::WrongCode => "pending",
            Self::Accepted => success.as_str(),
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timeout",
        }
    }
}

/// A state as `/_sandbox/help` lists it.
#[derive(Serialize)]
pub(crate) struct StateHelp {
    pub(crate) step: &'static str,
    /// The status that the gateway returns.
    pub(crate) status: &'static str,
    pub(crate) what: &'static str,
}

/// Every state, with a description.
pub(crate) fn states(success: SuccessStatus) -> Vec<StateHelp> {
    let code_sent = State::CodeSent { code: String::new(), valid_until: Timestamp::UNIX_EPOCH };
    [
        (State::Ready, "No code has been sent"),
        (code_sent, "A code has been sent"),
        (State::WrongCode, "A wrong code was entered; a new code must be sent"),
        (State::Accepted, "The code was correct; the status is that of `--success-status`"),
        (State::Failed, "No attempts are left"),
        (State::Cancelled, "The user cancelled"),
        (State::TimedOut, "30 minutes have passed"),
    ]
    .into_iter()
    .map(|(state, what)| StateHelp { step: state.step(), status: state.status(success), what })
    .collect()
}

/// The options that affect a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) success: SuccessStatus,
    /// 0 for no limit.
    pub(crate) max_attempts: u32,
}

/// The result of entering a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeResult {
    Correct,
    /// Wrong; a new code can be sent.
    Wrong,
    /// Wrong, and the session has failed.
    OutOfAttempts,
    /// Not five digits. Does not count as an attempt.
    Malformed,
    /// No code is valid now: none was sent, or a wrong code was entered.
    NoCode,
    /// The code has expired.
    Expired,
    /// The session had ended already.
    Ended,
}

impl Session {
    pub(crate) fn new(id: String, request: StartRequest, rules: Rules, now: Timestamp) -> Self {
        let expires_at = now.saturating_add(SESSION_LIFETIME).unwrap_or(Timestamp::MAX);
        Self {
            id,
            request,
            created_at: now,
            expires_at,
            state: State::Ready,
            wrong_codes: 0,
            lookups: 0,
            codes_sent: 0,
            webhook_before_response: false,
            rules,
        }
    }

    pub(crate) fn phone_number(&self) -> &str {
        &self.request.metadata.phone_number
    }

    /// Stores the code that is sent to the user, the first or a new one. Returns false if the
    /// session has ended.
    pub(crate) fn send_code(&mut self, code: String, now: Timestamp) -> bool {
        if self.has_ended() {
            return false;
        }
        let valid_until = now.saturating_add(CODE_LIFETIME).unwrap_or(Timestamp::MAX);
        self.state = State::CodeSent { code, valid_until };
        self.codes_sent += 1;
        true
    }

    pub(crate) fn enter_code(&mut self, entered: &str, now: Timestamp) -> CodeResult {
        let State::CodeSent { code, valid_until } = &self.state else {
            return if self.has_ended() { CodeResult::Ended } else { CodeResult::NoCode };
        };
        // Users may copy spaces around and between the digits.
        let entered: String = entered.chars().filter(|c| !c.is_whitespace()).collect();
        if entered.len() != 5 || !entered.bytes().all(|byte| byte.is_ascii_digit()) {
            return CodeResult::Malformed;
        }
        if now >= *valid_until {
            return CodeResult::Expired;
        }
        if entered == *code {
            self.state = State::Accepted;
            return CodeResult::Correct;
        }
        self.wrong_codes += 1;
        if self.wrong_codes == self.rules.max_attempts {
            self.state = State::Failed;
            CodeResult::OutOfAttempts
        } else {
            self.state = State::WrongCode;
            CodeResult::Wrong
        }
    }

    /// Cancels the session. Returns false if it has ended already.
    pub(crate) fn cancel(&mut self) -> bool {
        let active = !self.has_ended();
        if active {
            self.state = State::Cancelled;
        }
        active
    }

    /// Ends the session with a timeout, if it has not ended.
    pub(crate) fn expire(&mut self) {
        if !self.has_ended() {
            self.state = State::TimedOut;
        }
    }

    /// Ends the session if it has expired.
    pub(crate) fn expire_if_due(&mut self, now: Timestamp) {
        if now >= self.expires_at {
            self.expire();
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, State::Accepted | State::Failed | State::Cancelled | State::TimedOut)
    }

    /// The status that the gateway returns.
    pub(crate) fn status(&self) -> &'static str {
        self.state.status(self.rules.success)
    }

    /// The number of attempts left; `None` without a limit.
    pub(crate) fn attempts_left(&self) -> Option<u32> {
        (self.rules.max_attempts > 0)
            .then(|| self.rules.max_attempts.saturating_sub(self.wrong_codes))
    }

    pub(crate) fn view(&self, base_url: &str) -> SessionView {
        let code = match &self.state {
            State::CodeSent { code, .. } => Some(code.clone()),
            _ => None,
        };
        let StartRequest {
            locale,
            metadata,
            redirect_failure,
            redirect_success,
            relay_state,
            webhook,
        } = self.request.clone();
        SessionView {
            id: self.id.clone(),
            status: self.status().to_owned(),
            step: self.state.step().to_owned(),
            phone_number: metadata.phone_number,
            redirect_url: redirect_url(base_url, &self.id),
            locale,
            redirect_success,
            redirect_failure,
            relay_state,
            webhook,
            code,
            wrong_codes: self.wrong_codes,
            attempts_left: self.attempts_left(),
            lookups: self.lookups,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

/// The URL of the hosted page of a session.
pub(crate) fn redirect_url(base_url: &str, id: &str) -> String {
    format!("{base_url}/2fa-ui/2fa/phone/{id}")
}

/// A session with the details that the gateway does not return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionView {
    /// The session ID.
    pub id: String,
    /// The status that the gateway returns.
    pub status: String,
    /// The step of the user: `ready`, `code-sent`, `wrong-code` or `ended`.
    pub step: String,
    /// The phone number that codes are sent to.
    pub phone_number: String,
    /// The URL of the hosted page.
    pub redirect_url: String,
    /// The locale of the request.
    pub locale: String,
    /// The URL for a verified user.
    pub redirect_success: String,
    /// The URL for any other user.
    pub redirect_failure: String,
    /// The text that the caller attached to the session.
    pub relay_state: Option<String>,
    /// The URL for webhooks.
    pub webhook: Option<String>,
    /// The code that is valid now.
    pub code: Option<String>,
    /// Wrong codes entered so far.
    pub wrong_codes: u32,
    /// The number of wrong codes after which the session fails; `None` without a limit.
    pub attempts_left: Option<u32>,
    /// Number of successful GET requests for this session.
    pub lookups: u32,
    /// When the session was started, on the sandbox's clock.
    pub created_at: Timestamp,
    /// When it expires, on the sandbox's clock.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn session(max_attempts: u32) -> Session {
        let body = br#"{
            "metadata": {"phone_number": "+46701740605"},
            "redirect_failure": "https://no.example",
            "redirect_success": "https://yes.example"
        }"#;
        let rules = Rules { success: SuccessStatus::Accepted, max_attempts };
        Session::new("id".to_owned(), StartRequest::parse(body).unwrap(), rules, START)
    }

    fn session_with_code(max_attempts: u32) -> Session {
        let mut session = session(max_attempts);
        assert!(session.send_code("01234".to_owned(), START));
        session
    }

    #[test]
    fn correct_code_is_accepted() {
        let mut session = session_with_code(3);
        assert_eq!(session.status(), "pending");
        assert_eq!(session.enter_code(" 012 34\n", START), CodeResult::Correct);
        assert_eq!(session.status(), "accepted");
        assert_eq!(session.enter_code("01234", START), CodeResult::Ended);
    }

    #[test]
    fn entering_a_code_before_one_was_sent_has_no_effect() {
        assert_eq!(session(3).enter_code("01234", START), CodeResult::NoCode);
    }

    #[test]
    fn wrong_code_invalidates_the_sent_one() {
        let mut session = session_with_code(3);
        assert_eq!(session.enter_code("99999", START), CodeResult::Wrong);
        assert_eq!(session.enter_code("01234", START), CodeResult::NoCode);
        assert!(session.send_code("55555".to_owned(), START));
        assert_eq!(session.enter_code("55555", START), CodeResult::Correct);
    }

    #[test]
    fn session_fails_when_no_attempts_are_left() {
        let mut session = session(2);
        for expected in [CodeResult::Wrong, CodeResult::OutOfAttempts] {
            session.send_code("01234".to_owned(), START);
            assert_eq!(session.enter_code("99999", START), expected);
        }
        assert_eq!(session.status(), "failed");
        assert!(!session.send_code("01234".to_owned(), START));
    }

    #[test]
    fn wrong_codes_never_fail_a_session_without_a_limit() {
        let mut session = session(0);
        for _ in 0..100 {
            session.send_code("01234".to_owned(), START);
            assert_eq!(session.enter_code("99999", START), CodeResult::Wrong);
        }
        assert_eq!(session.status(), "pending");
    }

    #[test]
    fn malformed_code_does_not_count_as_an_attempt() {
        let mut session = session_with_code(1);
        for code in ["", "1234", "123456", "abcde", "1234\u{0661}"] {
            assert_eq!(session.enter_code(code, START), CodeResult::Malformed, "{code:?}");
        }
        assert_eq!(session.enter_code("01234", START), CodeResult::Correct);
    }

    #[test]
    fn code_expires_after_five_minutes() {
        let mut session = session_with_code(1);
        assert_eq!(session.enter_code("01234", START + CODE_LIFETIME), CodeResult::Expired);
        assert_eq!(session.wrong_codes, 0);
        session.send_code("01234".to_owned(), START + CODE_LIFETIME);
        assert_eq!(session.enter_code("01234", START + CODE_LIFETIME), CodeResult::Correct);
    }

    #[test]
    fn session_expires_after_thirty_minutes_unless_it_has_ended() {
        let mut session = session_with_code(3);
        session.expire_if_due(START + SESSION_LIFETIME - Duration::from_secs(1));
        assert_eq!(session.status(), "pending");
        session.expire_if_due(START + SESSION_LIFETIME);
        assert_eq!(session.status(), "timeout");
        assert!(!session.cancel());

        let mut cancelled = session_with_code(3);
        assert!(cancelled.cancel());
        cancelled.expire_if_due(START + SESSION_LIFETIME);
        assert_eq!(cancelled.status(), "cancelled");
    }
}
