//! Cancellation of calls: by the caller, or by a function of the host program.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A function of the host program that is called while a call blocks. Returning true cancels the
/// call.
pub(crate) type InterruptFn = dyn Fn() -> bool + Send + Sync;

/// The longest time between two checks, and so the longest time until a blocked call notices that
/// it was cancelled.
pub(crate) const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Cancels the calls of one client. It counts how often it was used, so that it cancels only calls
/// that were already running. It takes no lock and is safe to use in a signal handler.
#[derive(Clone, Default)]
pub(crate) struct CancelSource(Arc<AtomicU64>);

impl CancelSource {
    /// A flag beside the count: new calls are refused.
    const CLOSED: u64 = 1 << 63;

    pub(crate) fn cancel(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn close(&self) {
        self.0.fetch_or(Self::CLOSED, Ordering::Relaxed);
    }

    /// A token for a call that starts now. `None` after [`close`](Self::close).
    pub(crate) fn token(&self, interrupt: Option<Arc<InterruptFn>>) -> Option<CancelToken> {
        let started_at = self.0.load(Ordering::Relaxed);
        (started_at & Self::CLOSED == 0).then(|| CancelToken {
            source: self.clone(),
            started_at,
            interrupt,
            interrupt_due: Instant::now() + CHECK_INTERVAL,
        })
    }
}

/// Reports to one call whether it was cancelled.
#[derive(Clone)]
pub(crate) struct CancelToken {
    source: CancelSource,
    /// The count of the source when the call started.
    started_at: u64,
    interrupt: Option<Arc<InterruptFn>>,
    /// The function can be slow (Python's takes the GIL): it is called once per interval.
    interrupt_due: Instant,
}

impl CancelToken {
    /// Returns an error if the call was cancelled. Call it between two waits. No wait may be
    /// longer than [`CHECK_INTERVAL`].
    pub(crate) fn check(&mut self, now: Instant) -> Result<(), Cancelled> {
        if self.source.0.load(Ordering::Relaxed) != self.started_at {
            return Err(Cancelled);
        }
        match &self.interrupt {
            Some(interrupt) if now >= self.interrupt_due => {
                self.interrupt_due = now + CHECK_INTERVAL;
                if interrupt() { Err(Cancelled) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Sleeps, and returns early with an error if the call is cancelled.
    pub(crate) fn sleep(&mut self, length: Duration) -> Result<(), Cancelled> {
        let end = Instant::now() + length;
        loop {
            let now = Instant::now();
            self.check(now)?;
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(CHECK_INTERVAL));
        }
    }
}

/// The call was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl std::error::Error for Cancelled {}

impl From<Cancelled> for io::Error {
    fn from(cancelled: Cancelled) -> Self {
        Self::other(cancelled)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn cancelling_ends_running_calls_and_not_later_ones() {
        let source = CancelSource::default();
        let mut running = source.token(None).unwrap();
        let mut other = CancelSource::default().token(None).unwrap();
        source.cancel();
        let now = Instant::now();
        assert_eq!(running.check(now), Err(Cancelled));
        assert_eq!(other.check(now), Ok(()));
        assert_eq!(source.token(None).unwrap().check(now), Ok(()));
    }

    #[test]
    fn closing_ends_running_calls_and_refuses_later_ones() {
        let source = CancelSource::default();
        let mut running = source.token(None).unwrap();
        source.close();
        assert_eq!(running.check(Instant::now()), Err(Cancelled));
        assert!(source.token(None).is_none());
        source.cancel();
        assert!(source.token(None).is_none());
    }

    #[test]
    fn a_sleep_ends_when_it_is_cancelled() {
        let source = CancelSource::default();
        let mut token = source.token(None).unwrap();
        let slept = std::thread::scope(|threads| {
            let sleeper = threads.spawn(|| source.token(None).unwrap().sleep(HOUR));
            while !sleeper.is_finished() {
                source.cancel();
                std::thread::yield_now();
            }
            sleeper.join().unwrap()
        });
        assert_eq!(slept, Err(Cancelled));
        assert_eq!(token.check(Instant::now()), Err(Cancelled));
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_interrupt_function_is_called_once_per_interval() {
        let count = Arc::new(AtomicU32::new(0));
        let counter = count.clone();
        let interrupt: Arc<InterruptFn> =
            Arc::new(move || counter.fetch_add(1, Ordering::Relaxed) == 1);
        let mut token = CancelSource::default().token(Some(interrupt)).unwrap();
        let start = Instant::now();
        assert_eq!(token.check(start), Ok(()));
        assert_eq!(count.load(Ordering::Relaxed), 0);
        assert_eq!(token.check(start + 2 * CHECK_INTERVAL), Ok(()));
        assert_eq!(token.check(start + 2 * CHECK_INTERVAL), Ok(()));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert_eq!(token.check(start + 4 * CHECK_INTERVAL), Err(Cancelled));
    }
}
