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

    /// Returns at `deadline`, or at once when the clock is moved past it.
    pub(crate) async fn sleep_until(&self, deadline: Timestamp) {
        let mut moved = self.skipped.subscribe();
        loop {
            moved.mark_unchanged();
            let left = Duration::try_from(self.now().duration_until(deadline)).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = moved.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_is_moved_past_its_deadline() {
        let clock = Clock::new();
        let deadline = clock.now() + Duration::from_secs(3600);
        let (_, ()) = tokio::join!(clock.sleep_until(deadline), async {
            clock.advance(Duration::from_secs(1800));
            tokio::task::yield_now().await;
            clock.advance(Duration::from_secs(1800));
        });
        assert!(clock.now() >= deadline);
    }

    #[test]
    fn the_clock_survives_a_skip_beyond_its_last_instant() {
        let clock = Clock::new();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
