//! When a call that is blocked must give up: its caller cancelled it, or the host program's hook
//! says so.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the host program is asked while a call is blocked: whether to stop it.
pub(crate) type Hook = dyn Fn() -> bool + Send + Sync;

/// The longest time between two looks: what a blocked call needs to notice that it is to stop.
pub(crate) const TURN: Duration = Duration::from_millis(50);

/// Stops calls. It counts the times it was used, so that a call is stopped only by what happens
/// after its start. No lock, and nothing a signal handler may not do.
#[derive(Clone, Default)]
pub(crate) struct Scope(Arc<AtomicU64>);

impl Scope {
    /// Beside the count: nothing begins any more.
    const CLOSED: u64 = 1 << 63;

    pub(crate) fn cancel(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn close(&self) {
        self.0.fetch_or(Self::CLOSED, Ordering::Relaxed);
    }

    /// Watches over an operation that begins now; none does once it is closed.
    pub(crate) fn watch(&self, hook: Option<Arc<Hook>>) -> Option<Watch> {
        let begun_at = self.0.load(Ordering::Relaxed);
        (begun_at & Self::CLOSED == 0).then(|| Watch {
            scope: self.clone(),
            begun_at,
            hook,
            hook_due: Cell::new(Instant::now() + TURN),
        })
    }
}

/// Looks out, on behalf of one operation, for a reason to stop it.
#[derive(Clone)]
pub(crate) struct Watch {
    scope: Scope,
    begun_at: u64,
    hook: Option<Arc<Hook>>,
    /// The hook can be costly (Python's takes the GIL): it is asked once a turn.
    hook_due: Cell<Instant>,
}

impl Watch {
    /// Call this between any two waits, none of which may be longer than a [`TURN`].
    pub(crate) fn look(&self, now: Instant) -> Result<(), Stopped> {
        if self.scope.0.load(Ordering::Relaxed) != self.begun_at {
            return Err(Stopped);
        }
        match &self.hook {
            Some(hook) if now >= self.hook_due.get() => {
                self.hook_due.set(now + TURN);
                if hook() { Err(Stopped) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Sleeps, unless it is stopped.
    pub(crate) fn pause(&self, length: Duration) -> Result<(), Stopped> {
        let end = Instant::now() + length;
        loop {
            let now = Instant::now();
            self.look(now)?;
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(TURN));
        }
    }
}

/// The operation is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call was stopped")
    }
}

impl std::error::Error for Stopped {}

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> Self {
        Self::other(stopped)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn cancelling_stops_what_runs_and_not_what_begins_after() {
        let scope = Scope::default();
        let (before, other) = (scope.watch(None).unwrap(), Scope::default().watch(None).unwrap());
        scope.cancel();
        let now = Instant::now();
        assert_eq!(before.look(now), Err(Stopped));
        assert_eq!(other.look(now), Ok(()));
        assert_eq!(scope.watch(None).unwrap().look(now), Ok(()));
    }

    #[test]
    fn closing_stops_what_runs_and_what_would_begin() {
        let scope = Scope::default();
        let before = scope.watch(None).unwrap();
        scope.close();
        assert_eq!(before.look(Instant::now()), Err(Stopped));
        assert!(scope.watch(None).is_none());
        scope.cancel();
        assert!(scope.watch(None).is_none());
    }

    #[test]
    fn a_pause_ends_when_it_is_cancelled() {
        let scope = Scope::default();
        let watch = scope.watch(None).unwrap();
        let pause = std::thread::scope(|threads| {
            let pause = threads.spawn(|| {
                // A `Watch` belongs to the thread of its call.
                let watch = scope.watch(None).unwrap();
                watch.pause(Duration::from_secs(3600))
            });
            while !pause.is_finished() {
                scope.cancel();
                std::thread::yield_now();
            }
            pause.join().unwrap()
        });
        assert_eq!(pause, Err(Stopped));
        assert_eq!(watch.look(Instant::now()), Err(Stopped));
    }

    #[test]
    fn the_hook_is_asked_once_a_turn() {
        let asked = Arc::new(AtomicU32::new(0));
        let counter = asked.clone();
        let hook: Arc<Hook> = Arc::new(move || counter.fetch_add(1, Ordering::Relaxed) == 1);
        let watch = Scope::default().watch(Some(hook)).unwrap();
        let start = Instant::now();
        assert_eq!(watch.look(start), Ok(()));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        assert_eq!(watch.look(start + 2 * TURN), Ok(()));
        assert_eq!(watch.look(start + 2 * TURN), Ok(()));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(watch.look(start + 4 * TURN), Err(Stopped));
    }
}
