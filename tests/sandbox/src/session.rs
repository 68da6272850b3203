//! One session, from its start to its end: the state machine of the gateway's page.
//!
//! ```text
//!             send            right code
//!   Ready ------------> CodeSent ------------> Accepted        user is sent to redirect_success
//!                 ^       | | malformed: the form again
//!                 | send  | | too old: send a new one
//!                 |       v
//!                 '--- WrongCode                               "send a new SMS code"
//!                         | the last attempt allowed
//!                         v
//!                       Failed                                 user is sent to redirect_failure
//!
//!   from anywhere before the end:  cancel -> Cancelled,  30 minutes -> TimedOut
//! ```
//!
//! Nothing here knows of HTTP, of chance or of the clock: callers bring the time and the codes.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::options::SuccessStatus;
use crate::request::StartRequest;

/// How long an SMS code can be entered. A sibling product's codes live as long.
pub(crate) const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long a session waits for its user.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// A session as the sandbox keeps it.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) request: StartRequest,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) state: State,
    /// Wrong codes entered so far.
    pub(crate) wrong_codes: u32,
    /// Times that the gateway's own lookup was answered.
    pub(crate) lookups: u32,
    pub(crate) codes_sent: u32,
    /// Whether the first webhook is to arrive before the answer that tells the caller the id.
    pub(crate) webhook_comes_first: bool,
    rules: Rules,
}

/// Where the user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No code has been sent yet.
    Ready,
    /// A code is on its way, or entered too late.
    CodeSent {
        code: String,
        valid_until: Timestamp,
    },
    /// The code was wrong and is void: a new one must be sent.
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
            Self::Accepted => success.word(),
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
    /// The word that the gateway's lookup gives.
    pub(crate) status: &'static str,
    pub(crate) what: &'static str,
}

/// Every state there is.
pub(crate) fn states(success: SuccessStatus) -> Vec<StateHelp> {
    let code_sent = State::CodeSent { code: String::new(), valid_until: Timestamp::UNIX_EPOCH };
    [
        (State::Ready, "No code has been sent"),
        (code_sent, "A code is on its way"),
        (State::WrongCode, "The code was wrong and is void: a new one must be sent"),
        (State::Accepted, "The code was right; the word is that of `--success-status`"),
        (State::Failed, "The last attempt was used up"),
        (State::Cancelled, "The user called it off"),
        (State::TimedOut, "Thirty minutes have gone by"),
    ]
    .into_iter()
    .map(|(state, what)| StateHelp { step: state.step(), status: state.status(success), what })
    .collect()
}

/// The dials that a session lives by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) success: SuccessStatus,
    /// 0 for no limit.
    pub(crate) max_attempts: u32,
}

/// What came of entering a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    Right,
    /// Wrong, and a new code may be sent.
    Wrong,
    /// Wrong once too often.
    WrongForGood,
    /// Not five digits: no attempt was used up.
    Malformed,
    /// There is no code that could be entered now: none was sent, or it is void.
    NoCode,
    TooLate,
    /// The session had ended before.
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
            webhook_comes_first: false,
            rules,
        }
    }

    /// Sends the user a code, the first or a new one. False where the session has ended.
    pub(crate) fn send(&mut self, code: String, now: Timestamp) -> bool {
        if self.has_ended() {
            return false;
        }
        let valid_until = now.saturating_add(CODE_LIFETIME).unwrap_or(Timestamp::MAX);
        self.state = State::CodeSent { code, valid_until };
        self.codes_sent += 1;
        true
    }

    pub(crate) fn enter(&mut self, entered: &str, now: Timestamp) -> Entered {
        let State::CodeSent { code, valid_until } = &self.state else {
            return if self.has_ended() { Entered::Ended } else { Entered::NoCode };
        };
        // People copy codes with spaces around and between the digits.
        let entered: String = entered.chars().filter(|c| !c.is_whitespace()).collect();
        if entered.len() != 5 || !entered.bytes().all(|byte| byte.is_ascii_digit()) {
            return Entered::Malformed;
        }
        if now >= *valid_until {
            return Entered::TooLate;
        }
        if entered == *code {
            self.state = State::Accepted;
            return Entered::Right;
        }
        self.wrong_codes += 1;
        if self.wrong_codes == self.rules.max_attempts {
            self.state = State::Failed;
            Entered::WrongForGood
        } else {
            self.state = State::WrongCode;
            Entered::Wrong
        }
    }

    /// Ends the session at the user's wish. False where it has ended before.
    pub(crate) fn cancel(&mut self) -> bool {
        let going = !self.has_ended();
        if going {
            self.state = State::Cancelled;
        }
        going
    }

    /// Ends the session as if its time were up.
    pub(crate) fn expire(&mut self) {
        if !self.has_ended() {
            self.state = State::TimedOut;
        }
    }

    /// Ends the session if its time is up.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        if now >= self.expires_at {
            self.expire();
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, State::Accepted | State::Failed | State::Cancelled | State::TimedOut)
    }

    /// The word that the gateway uses for this state.
    pub(crate) fn status(&self) -> &'static str {
        self.state.status(self.rules.success)
    }

    /// Attempts that are left, where there is a limit.
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

/// Where the session's user has to go.
pub(crate) fn redirect_url(base_url: &str, id: &str) -> String {
    format!("{base_url}/2fa-ui/2fa/phone/{id}")
}

/// A session as the sandbox shows it: more than the gateway would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionView {
    /// The session's id.
    pub id: String,
    /// The word that the gateway's lookup gives.
    pub status: String,
    /// Where the user is: `ready`, `code-sent`, `wrong-code` or `ended`.
    pub step: String,
    /// The number that codes are sent to.
    pub phone_number: String,
    /// The hosted page.
    pub redirect_url: String,
    /// The language asked for.
    pub locale: String,
    /// Where a verified user goes.
    pub redirect_success: String,
    /// Where any other user goes.
    pub redirect_failure: String,
    /// The caller's own text.
    pub relay_state: Option<String>,
    /// Where webhooks go.
    pub webhook: Option<String>,
    /// The code that would be right now.
    pub code: Option<String>,
    /// Wrong codes entered so far.
    pub wrong_codes: u32,
    /// Wrong codes until the session fails; none where there is no limit.
    pub attempts_left: Option<u32>,
    /// Times that the gateway's lookup was answered.
    pub lookups: u32,
    /// When the session was started, by the sandbox's clock.
    pub created_at: Timestamp,
    /// When it ends by itself, by the sandbox's clock.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn session(max_attempts: u32) -> Session {
        let body = br#"{"metadata":{"phone_number":"+46701740605"},"redirect_failure":"https://no.example","redirect_success":"https://yes.example"}"#;
        let rules = Rules { success: SuccessStatus::Accepted, max_attempts };
        Session::new("id".to_owned(), StartRequest::parse(body).unwrap(), rules, START)
    }

    fn sent(max_attempts: u32) -> Session {
        let mut session = session(max_attempts);
        assert!(session.send("01234".to_owned(), START));
        session
    }

    #[test]
    fn the_right_code_verifies() {
        let mut session = sent(3);
        assert_eq!(session.status(), "pending");
        assert_eq!(session.enter(" 012 34\n", START), Entered::Right);
        assert_eq!(session.status(), "accepted");
        assert_eq!(session.enter("01234", START), Entered::Ended);
    }

    #[test]
    fn nothing_can_be_entered_before_a_code_was_sent() {
        assert_eq!(session(3).enter("01234", START), Entered::NoCode);
    }

    #[test]
    fn a_wrong_code_voids_the_old_one() {
        let mut session = sent(3);
        assert_eq!(session.enter("99999", START), Entered::Wrong);
        assert_eq!(session.enter("01234", START), Entered::NoCode);
        assert!(session.send("55555".to_owned(), START));
        assert_eq!(session.enter("55555", START), Entered::Right);
    }

    #[test]
    fn the_last_attempt_fails_the_session() {
        let mut session = session(2);
        for expected in [Entered::Wrong, Entered::WrongForGood] {
            session.send("01234".to_owned(), START);
            assert_eq!(session.enter("99999", START), expected);
        }
        assert_eq!(session.status(), "failed");
        assert!(!session.send("01234".to_owned(), START));
    }

    #[test]
    fn without_a_limit_no_number_of_wrong_codes_fails() {
        let mut session = session(0);
        for _ in 0..100 {
            session.send("01234".to_owned(), START);
            assert_eq!(session.enter("99999", START), Entered::Wrong);
        }
        assert_eq!(session.status(), "pending");
    }

    #[test]
    fn a_malformed_code_costs_nothing() {
        let mut session = sent(1);
        for code in ["", "1234", "123456", "abcde", "1234\u{0661}"] {
            assert_eq!(session.enter(code, START), Entered::Malformed, "{code:?}");
        }
        assert_eq!(session.enter("01234", START), Entered::Right);
    }

    #[test]
    fn a_code_lives_five_minutes() {
        let mut session = sent(1);
        assert_eq!(session.enter("01234", START + CODE_LIFETIME), Entered::TooLate);
        assert_eq!(session.wrong_codes, 0);
        session.send("01234".to_owned(), START + CODE_LIFETIME);
        assert_eq!(session.enter("01234", START + CODE_LIFETIME), Entered::Right);
    }

    #[test]
    fn a_session_lives_thirty_minutes_unless_it_has_ended() {
        let mut session = sent(3);
        session.tick(START + SESSION_LIFETIME - Duration::from_secs(1));
        assert_eq!(session.status(), "pending");
        session.tick(START + SESSION_LIFETIME);
        assert_eq!(session.status(), "timeout");
        assert!(!session.cancel());

        let mut cancelled = sent(3);
        assert!(cancelled.cancel());
        cancelled.tick(START + SESSION_LIFETIME);
        assert_eq!(cancelled.status(), "cancelled");
    }
}
