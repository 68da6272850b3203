//! Time as the sandbox sees it: the real clock plus whatever a test has skipped.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// A clock that can be moved forward. Codes, sessions and webhook retries live by it; nothing that guards a socket does.
pub(crate) struct Clock {
    skipped: watch::Sender<Duration>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { skipped: watch::Sender::new(Duration::ZERO) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        // Saturating: a test may skip centuries, and the clock then stands at its last instant.
        Timestamp::now().saturating_add(*self.skipped.borrow()).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.skipped.send_modify(|skipped| *skipped = skipped.saturating_add(by));
    }

    pub(crate) fn reset(&self) {
        self.skipped.send_replace(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_survives_a_skip_beyond_its_last_instant() {
        let clock = Clock::new();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
