//! The inbox: every SMS that the sandbox "sent".

use jiff::Timestamp;
use serde::Serialize;

use crate::bounded::Bounded;

/// One SMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sms {
    /// The phone number of the recipient.
    pub to: String,
    /// The code, so that tests need not parse the text.
    pub code: String,
    /// The text that the phone would show.
    pub text: String,
    /// The ID of the session that it was sent for.
    pub session_id: String,
    /// When it arrived, on the sandbox's clock.
    pub at: Timestamp,
}

/// The delivered SMS, up to a limit.
pub(crate) struct Inbox(Bounded<Sms>);

impl Inbox {
    pub(crate) fn new() -> Self {
        Self(Bounded::new(10_000, 8 << 20))
    }

    pub(crate) fn deliver(&mut self, sms: Sms) {
        self.0.push(sms, 512);
    }

    /// The SMS to one number, or to every number.
    pub(crate) fn newest_first(&self, to: Option<&str>) -> Vec<Sms> {
        self.0.newest_first().filter(|sms| is_to(sms, to)).cloned().collect()
    }

    /// The newest SMS to one number, or to every number, before a position, or of all.
    pub(crate) fn before(&self, position: Option<u64>, to: Option<&str>) -> Option<(u64, Sms)> {
        let mut before = self.0.before(position);
        before.find(|(_, sms)| is_to(sms, to)).map(|(position, sms)| (position, sms.clone()))
    }

    pub(crate) fn newest_of_session(&self, session_id: &str) -> Option<&Sms> {
        self.0.newest_first().find(|sms| sms.session_id == session_id)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

fn is_to(sms: &Sms, to: Option<&str>) -> bool {
    to.is_none_or(|to| sms.to == to)
}
