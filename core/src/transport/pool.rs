//! Idle connections, kept for the next calls.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::attempt::Attempt;
use super::clock::Now;
use super::connection::Connection;

/// How long a connection may have been idle if the server did not announce how long it keeps it.
///
/// A request that is lost on a connection that the server is closing can be repeated if it changes
/// nothing, so that only costs a round trip.
const MAX_IDLE_TIME: Duration = Duration::from_secs(55);
/// The same for a request that must not be repeated: less than servers commonly keep connections.
/// gunicorn closes them after 2 seconds.
const MAX_IDLE_TIME_FOR_CREATION: Duration = Duration::from_millis(1500);
/// How much earlier than the server a client stops using a connection: a request may be on its way
/// when the server closes it.
const MARGIN: Duration = Duration::from_secs(1);
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
    since: Now,
    /// How long the server said it keeps the connection.
    announced: Option<Duration>,
}

impl IdleConnection {
    /// Whether it may be used by a request that may idle for `limit` if the server announced
    /// nothing. Never after a clock was set back: then it is not known how long it was idle.
    fn is_fresh(&self, now: Now, limit: Duration) -> bool {
        let limit = self.announced.map_or(limit, |announced| announced.saturating_sub(MARGIN));
        now.since(self.since).is_some_and(|idle| idle < limit)
    }
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self { idle: Mutex::new(VecDeque::new()) }
    }

    /// A connection that is still usable. `creates`: whether the request creates something, so that
    /// it must not be lost. `now` is called with the lock held: a time that was read before could
    /// be earlier than that of a check-in.
    pub(crate) fn check_out(
        &self,
        attempt: &mut Attempt,
        creates: bool,
        now: impl Fn() -> Now,
    ) -> Option<Connection> {
        let limit = if creates { MAX_IDLE_TIME_FOR_CREATION } else { MAX_IDLE_TIME };
        loop {
            let (newest, _expired) = self.take_newest(&now, limit);
            let mut connection = newest?.connection;
            if connection.is_reusable(attempt) {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection. `announced`: how long the server said it keeps it.
    pub(crate) fn check_in(&self, connection: Connection, announced: Option<Duration>) {
        let mut idle = self.idle();
        idle.push_back(IdleConnection { connection, since: Now::read(), announced });
        let surplus = if idle.len() > MAX_IDLE_COUNT { idle.pop_front() } else { None };
        drop(idle);
        drop(surplus);
    }

    /// The newest connection if it may be used, and those that expired.
    fn take_newest(
        &self,
        now: impl Fn() -> Now,
        limit: Duration,
    ) -> (Option<IdleConnection>, Vec<IdleConnection>) {
        let (mut newest, mut expired) = (None, Vec::new());
        let mut idle = self.idle();
        let now = now();
        let is_expired = |idle: &IdleConnection| !idle.is_fresh(now, MAX_IDLE_TIME);
        while let Some(last) = idle.pop_back() {
            if last.is_fresh(now, limit) {
                newest = Some(last);
            } else if is_expired(&last) {
                expired.push(last);
                continue;
            } else {
                idle.push_back(last);
            }
            break;
        }
        while idle.front().is_some_and(is_expired) {
            expired.extend(idle.pop_front());
        }
        (newest, expired)
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<IdleConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::mock_stream;

    /// The number of connections that a request gets and that are left after this many
    /// milliseconds, if the server announced this many seconds.
    fn used_and_left(announced: Option<u64>, creates: bool, milliseconds: u64) -> (usize, usize) {
        let pool = Pool::new();
        pool.check_in(mock_stream::connection([]), announced.map(Duration::from_secs));
        let now = pool.idle()[0].since + Duration::from_millis(milliseconds);
        let used = pool.check_out(&mut mock_stream::attempt(), creates, || now).iter().count();
        let left = pool.idle().len();
        (used, left)
    }

    #[test]
    fn a_connection_is_used_as_long_as_the_server_announced_less_a_second() {
        for creates in [false, true] {
            assert_eq!(used_and_left(Some(5), creates, 3_999), (1, 0));
            assert_eq!(used_and_left(Some(5), creates, 4_000), (0, 0));
            assert_eq!(used_and_left(Some(600), creates, 598_999), (1, 0));
            assert_eq!(used_and_left(Some(1), creates, 0), (0, 0));
            assert_eq!(used_and_left(Some(0), creates, 0), (0, 0));
        }
    }

    #[test]
    fn a_request_that_must_not_be_lost_uses_only_fresh_connections() {
        assert_eq!(used_and_left(None, true, 1_499), (1, 0));
        assert_eq!(used_and_left(None, false, 1_500), (1, 0));
        // The others may still use it.
        assert_eq!(used_and_left(None, true, 1_500), (0, 1));
        assert_eq!(used_and_left(None, false, 54_999), (1, 0));
        assert_eq!(used_and_left(None, false, 55_000), (0, 0));
    }

    /// As after a machine slept: one clock did not move, the other did. Or a clock was set back.
    #[test]
    fn a_connection_is_expired_when_one_of_the_clocks_says_so_or_was_set_back() {
        const HOUR: Duration = Duration::from_secs(3600);
        let used_and_left = |change: fn(&mut Now)| {
            let pool = Pool::new();
            pool.check_in(mock_stream::connection([]), None);
            let mut now = pool.idle()[0].since + Duration::from_millis(500);
            change(&mut now);
            let used = pool.check_out(&mut mock_stream::attempt(), true, || now).iter().count();
            let left = pool.idle().len();
            (used, left)
        };
        assert_eq!(used_and_left(|_| {}), (1, 0));
        assert_eq!(used_and_left(|now| now.system += HOUR), (0, 0));
        assert_eq!(used_and_left(|now| now.instant += HOUR), (0, 0));
        assert_eq!(used_and_left(|now| now.system -= HOUR), (0, 0));
        // Another request may still use it.
        assert_eq!(used_and_left(|now| now.system += Duration::from_secs(1)), (0, 1));
    }

    #[test]
    fn an_expired_connection_does_not_hide_an_older_one() {
        let pool = Pool::new();
        pool.check_in(mock_stream::connection([]), None);
        pool.check_in(mock_stream::connection([]), Some(Duration::from_secs(2)));
        let now = Now::read() + Duration::from_secs(10);
        assert!(pool.check_out(&mut mock_stream::attempt(), false, || now).is_some());
        assert!(pool.idle().is_empty());
    }

    #[test]
    fn a_connection_with_unrequested_bytes_is_closed() {
        let pool = Pool::new();
        pool.check_in(mock_stream::connection([]), None);
        let unrequested = b"HTTP/1.1 408 Request Timeout\r\n\r\n".as_slice();
        pool.check_in(mock_stream::connection([unrequested]), None);
        let found = pool.check_out(&mut mock_stream::attempt(), true, Now::read);
        assert!(found.is_some());
        assert!(pool.idle().is_empty());
    }

    #[test]
    fn the_oldest_connection_is_closed_if_there_are_too_many() {
        let pool = Pool::new();
        for _ in 0..MAX_IDLE_COUNT {
            pool.check_in(mock_stream::connection([]), None);
        }
        let next_to_oldest = pool.idle()[1].since;
        pool.check_in(mock_stream::connection([]), None);
        assert_eq!(pool.idle().len(), MAX_IDLE_COUNT);
        assert_eq!(pool.idle()[0].since, next_to_oldest);
    }
}
