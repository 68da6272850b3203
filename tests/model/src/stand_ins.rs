//! What the files of core import.

use std::cell::Cell;
use std::time::Duration;

loom::thread_local! {
    pub(crate) static PROCESS: Cell<u32> = Cell::new(1);
}

/// The process of a thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessKey(u32);

impl ProcessKey {
    pub(crate) fn current() -> Self {
        Self(PROCESS.with(Cell::get))
    }
}

/// No check sleeps.
pub(crate) fn sleep(_: Duration) {
    unreachable!()
}

pub(crate) mod os_error {
    pub(crate) fn in_operation(_: &str, cause: std::io::Error) -> std::io::Error {
        cause
    }
}

pub(crate) mod attempt {
    pub(crate) struct Attempt;
}

pub(crate) mod connection {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::attempt::Attempt;

    /// A connection that can always be reused.
    pub(crate) struct Connection {
        pub(crate) number: usize,
        pub(crate) closed: Arc<AtomicUsize>,
    }

    impl Connection {
        pub(crate) fn is_reusable(&mut self, _: &mut Attempt) -> bool {
            true
        }
    }

    impl Drop for Connection {
        fn drop(&mut self) {
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(crate) mod sync {
    use std::time::Duration;

    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::{Arc, LockResult, OnceLock, PoisonError};

    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
    }

    /// A condition variable of loom: its waits never time out.
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        pub(crate) fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, ())> {
            Ok((self.0.wait(guard).expect("no test poisons a lock"), ()))
        }

        pub(crate) fn wait_timeout_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            length: Duration,
            mut condition: impl FnMut(&mut T) -> bool,
        ) -> LockResult<(MutexGuard<'a, T>, ())> {
            while condition(&mut guard) {
                guard = self.wait_timeout(guard, length)?.0;
            }
            Ok((guard, ()))
        }
    }

    /// Replaces `once_cell::race::OnceBox`, which loom does not know: several threads may create a
    /// value, and the first one is kept.
    pub(crate) struct OnceBox<T> {
        value: OnceLock<Box<T>>,
        /// Makes loom try every order of the accesses to the value.
        turn: Mutex<()>,
    }

    impl<T> OnceBox<T> {
        pub(crate) fn new() -> Self {
            Self { value: OnceLock::new(), turn: Mutex::new(()) }
        }

        fn get(&self) -> Option<&T> {
            let _turn = self.turn.lock();
            self.value.get().map(|value| &**value)
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> Box<T>) -> &T {
            if let Some(value) = self.get() {
                return value;
            }
            let made = make();
            let _turn = self.turn.lock();
            self.value.get_or_init(|| made)
        }
    }
}
