//! The sandbox's clock: real time plus an offset that tests can increase.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// A clock that can be moved forward. Codes, sessions and webhook retries use it; socket timeouts
/// use real time.
pub(crate) struct Clock {
    offset: watch::Sender<Duration>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { offset: watch::Sender::new(Duration::ZERO) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        // A test may advance the clock by centuries. It then stops at the largest timestamp.
        Timestamp::now().saturating_add(*self.offset.borrow()).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.offset.send_modify(|offset| *offset = offset.saturating_add(by));
    }

    /// Returns at `deadline`, or immediately when the clock is moved past it.
    pub(crate) async fn sleep_until(&self, deadline: Timestamp) {
        let mut offset = self.offset.subscribe();
        loop {
            offset.mark_unchanged();
            let left = Duration::try_from(self.now().duration_until(deadline)).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = offset.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleep_ends_when_the_clock_passes_its_deadline() {
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
    fn advancing_past_the_largest_timestamp_does_not_panic() {
        let clock = Clock::new();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
