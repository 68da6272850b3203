//! Idle connections, kept for the next calls.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::connection::Connection;

/// How long an idle connection is kept: less than servers commonly keep theirs.
const MAX_IDLE_TIME: Duration = Duration::from_secs(5);
/// How many idle connections are kept: one for each thread of a busy server.
const MAX_IDLE_COUNT: usize = 64;

/// The connection that was used last is checked out first, so that the others can expire. Check-out
/// and check-in take the same time however many connections there are; connections are tested and
/// closed outside the lock.
pub(crate) struct Pool {
    idle: Mutex<VecDeque<IdleConnection>>,
}

struct IdleConnection {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self { idle: Mutex::new(VecDeque::new()) }
    }

    /// A connection that is still usable.
    pub(crate) fn check_out(&self, attempt: &mut Attempt, now: Instant) -> Option<Connection> {
        loop {
            let (newest, _expired) = self.take_newest(now);
            let mut connection = newest?.connection;
            if connection.is_reusable(attempt) {
                return Some(connection);
            }
        }
    }

    pub(crate) fn check_in(&self, connection: Connection) {
        let mut idle = self.idle();
        idle.push_back(IdleConnection { connection, since: Instant::now() });
        let surplus = if idle.len() > MAX_IDLE_COUNT { idle.pop_front() } else { None };
        drop(idle);
        drop(surplus);
    }

    /// The newest connection, and those that expired.
    fn take_newest(&self, now: Instant) -> (Option<IdleConnection>, Vec<IdleConnection>) {
        let mut idle = self.idle();
        let is_expired =
            |idle: &&IdleConnection| now.saturating_duration_since(idle.since) >= MAX_IDLE_TIME;
        let count = idle.iter().take_while(is_expired).count();
        let expired = idle.drain(..count).collect();
        (idle.pop_back(), expired)
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<IdleConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::mock_stream;

    fn check_out(pool: &Pool, now: Instant) -> Option<Connection> {
        pool.check_out(&mut mock_stream::attempt(), now)
    }

    #[test]
    fn a_connection_that_idled_too_long_is_closed() {
        let pool = Pool::new();
        pool.check_in(mock_stream::connection([]));
        pool.check_in(mock_stream::connection([]));
        assert!(check_out(&pool, Instant::now()).is_some());
        assert!(check_out(&pool, Instant::now() + MAX_IDLE_TIME).is_none());
        assert!(pool.idle().is_empty());
    }

    #[test]
    fn a_connection_with_unrequested_bytes_is_closed() {
        let pool = Pool::new();
        pool.check_in(mock_stream::connection([]));
        pool.check_in(mock_stream::connection(
            [b"HTTP/1.1 408 Request Timeout\r\n\r\n".as_slice()],
        ));
        assert!(check_out(&pool, Instant::now()).is_some());
        assert!(pool.idle().is_empty());
    }

    #[test]
    fn the_oldest_connection_is_closed_if_there_are_too_many() {
        let pool = Pool::new();
        for _ in 0..MAX_IDLE_COUNT {
            pool.check_in(mock_stream::connection([]));
        }
        let next_to_oldest = pool.idle()[1].since;
        pool.check_in(mock_stream::connection([]));
        assert_eq!(pool.idle().len(), MAX_IDLE_COUNT);
        assert_eq!(pool.idle()[0].since, next_to_oldest);
    }
}
