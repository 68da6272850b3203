//! The inbox: every SMS that the sandbox "sent".

use jiff::Timestamp;
use serde::Serialize;

use crate::bounded::Bounded;

/// One text message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sms {
    /// The phone number.
    pub to: String,
    /// The code alone, so that nobody has to parse the text.
    pub code: String,
    /// What the phone would show.
    pub text: String,
    /// The session that it belongs to.
    pub session_id: String,
    /// When it arrived, by the sandbox's clock.
    pub at: Timestamp,
}

/// The messages that have arrived, newest first.
pub(crate) struct Inbox(Bounded<Sms>);

impl Inbox {
    pub(crate) fn new() -> Self {
        Self(Bounded::new(10_000, 8 << 20))
    }

    pub(crate) fn deliver(&mut self, sms: Sms) {
        self.0.push(sms, 512);
    }

    /// Those to one number, or to every number.
    pub(crate) fn to(&self, number: Option<&str>) -> Vec<Sms> {
        self.0
            .newest_first()
            .filter(|sms| number.is_none_or(|number| sms.to == number))
            .cloned()
            .collect()
    }

    pub(crate) fn newest_of(&self, session_id: &str) -> Option<&Sms> {
        self.0.newest_first().find(|sms| sms.session_id == session_id)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
