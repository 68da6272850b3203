//! The connections that stand open between calls.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;

/// How long an idle connection is kept: less than servers commonly keep theirs.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// How many idle connections are kept: one for each thread of a busy server.
const IDLE_COUNT: usize = 64;

/// What is taken is what was used last, so that the rest can grow old. To take and to keep cost the
/// same however many there are, and connections are looked at and closed outside the lock.
pub(crate) struct Pool {
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self { idle: Mutex::new(VecDeque::new()) }
    }

    /// A connection that still stands open.
    pub(crate) fn take(&self, now: Instant) -> Option<Connection> {
        loop {
            let (newest, _old) = self.take_newest(now);
            let mut connection = newest?.connection;
            if connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    pub(crate) fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        idle.push_back(Idle { connection, since: Instant::now() });
        let surplus = if idle.len() > IDLE_COUNT { idle.pop_front() } else { None };
        drop(idle);
        drop(surplus);
    }

    /// The newest, and those that are too old.
    fn take_newest(&self, now: Instant) -> (Option<Idle>, Vec<Idle>) {
        let mut idle = self.idle();
        let is_old = |idle: &&Idle| now.saturating_duration_since(idle.since) >= IDLE_LIMIT;
        let count = idle.iter().take_while(is_old).count();
        let old = idle.drain(..count).collect();
        (idle.pop_back(), old)
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::script;

    #[test]
    fn what_idled_too_long_is_closed() {
        let pool = Pool::new();
        pool.keep(script::connection([]));
        pool.keep(script::connection([]));
        assert!(pool.take(Instant::now()).is_some());
        assert!(pool.take(Instant::now() + IDLE_LIMIT).is_none());
        assert!(pool.idle().is_empty());
    }

    #[test]
    fn one_that_ended_or_brought_what_nobody_asked_for_is_closed() {
        let pool = Pool::new();
        pool.keep(script::connection([]));
        pool.keep(script::connection([b"HTTP/1.1 408 Request Timeout\r\n\r\n".as_slice()]));
        assert!(pool.take(Instant::now()).is_some());
        assert!(pool.idle().is_empty());
    }

    #[test]
    fn where_there_are_many_the_oldest_is_closed() {
        let pool = Pool::new();
        for _ in 0..IDLE_COUNT {
            pool.keep(script::connection([]));
        }
        let next_to_oldest = pool.idle()[1].since;
        pool.keep(script::connection([]));
        assert_eq!(pool.idle().len(), IDLE_COUNT);
        assert_eq!(pool.idle()[0].since, next_to_oldest);
    }
}
