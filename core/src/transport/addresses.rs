//! In which order the addresses of a host are tried.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it is remembered how a connection went.
const MEMORY: Duration = Duration::from_secs(600);
/// How many addresses are remembered that did not work.
const MAX_FAILED: usize = 16;

/// How the connections of a client to the addresses of one host went.
pub(crate) struct History {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The address that was connected to last, unless it failed afterwards.
    winner: Option<(SocketAddr, Instant)>,
    /// Addresses that accepted a connection, which then did not work. The oldest failure is first.
    failed: VecDeque<(SocketAddr, Instant)>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { known: Mutex::new(Known::default()) }
    }

    /// The order in which to try the addresses that were found: families in turn, the last winner
    /// first, and those last that failed.
    pub(crate) fn order(&self, found: Vec<SocketAddr>, now: Instant) -> Vec<SocketAddr> {
        self.sort(interleave(found), now)
    }

    /// Moves the last winner to the front, and those that failed to the end.
    pub(crate) fn sort(&self, mut order: Vec<SocketAddr>, now: Instant) -> Vec<SocketAddr> {
        let known = self.known();
        let is_recent = |at: Instant| now.saturating_duration_since(at) < MEMORY;
        let winner = known.winner.filter(|(_, at)| is_recent(*at)).map(|(winner, _)| winner);
        let failed = |address: SocketAddr| {
            known.failed.iter().position(|(failed, at)| *failed == address && is_recent(*at))
        };
        // It keeps the order of equals. `None` is less than any position.
        order.sort_by_key(|address| (Some(*address) != winner, failed(*address)));
        order
    }

    /// Records that an address accepted a connection.
    pub(crate) fn won(&self, address: SocketAddr, now: Instant) {
        let mut known = self.known();
        known.winner = Some((address, now));
        known.failed.retain(|(failed, _)| *failed != address);
    }

    /// Records that a connection to an address did not work.
    pub(crate) fn failed(&self, address: SocketAddr, now: Instant) {
        let mut known = self.known();
        known.winner = known.winner.filter(|(winner, _)| *winner != address);
        known.failed.retain(|(failed, _)| *failed != address);
        known.failed.push_back((address, now));
        if known.failed.len() > MAX_FAILED {
            known.failed.pop_front();
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the addresses from the two families in turn, beginning with that of the first one.
fn interleave(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v4 = found.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv4() == first_is_v4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut order = Vec::new();
    loop {
        let before = order.len();
        order.extend(first.next());
        order.extend(second.next());
        if order.len() == before {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    const A: &str = "[2001:db8::1]:1";
    const B: &str = "[2001:db8::2]:1";
    const C: &str = "192.0.2.1:1";
    const D: &str = "192.0.2.2:1";

    #[test]
    fn families_take_turns() {
        for (found, expected) in [
            (vec![], vec![]),
            (vec![A], vec![A]),
            (vec![A, B, C, D], vec![A, C, B, D]),
            (vec![C, D, A, B], vec![C, A, D, B]),
            (vec![A, C, D], vec![A, C, D]),
            (vec![D, C], vec![D, C]),
        ] {
            assert_eq!(interleave(addresses(&found)), addresses(&expected), "{found:?}");
        }
    }

    #[test]
    fn the_last_winner_is_first_for_ten_minutes() {
        let (history, now) = (History::new(), Instant::now());
        let found = || addresses(&[A, B, C]);
        let [winner, other] = addresses(&[C, D])[..] else { unreachable!() };
        history.won(winner, now);
        assert_eq!(history.order(found(), now), addresses(&[C, A, B]));
        let before_end = now + MEMORY.saturating_sub(Duration::from_secs(1));
        assert_eq!(history.order(found(), before_end), addresses(&[C, A, B]));
        assert_eq!(history.order(found(), now + MEMORY), addresses(&[A, C, B]));
        // An address that is not found any more is not tried.
        history.won(other, now);
        assert_eq!(history.order(found(), now), addresses(&[A, C, B]));
    }

    #[test]
    fn an_address_that_failed_is_last_until_it_wins_or_ten_minutes_are_over() {
        let (history, now) = (History::new(), Instant::now());
        let found = || addresses(&[A, B, C]);
        let [a, b, c] = found()[..] else { unreachable!() };
        history.won(a, now);
        history.failed(a, now);
        assert_eq!(history.order(found(), now), addresses(&[C, B, A]));
        history.failed(c, now);
        assert_eq!(history.order(found(), now), addresses(&[B, A, C]));
        history.failed(b, now);
        // Each of them once, before any is tried again.
        assert_eq!(history.order(found(), now), addresses(&[A, C, B]));
        assert_eq!(history.order(found(), now + MEMORY), addresses(&[A, C, B]));
        history.won(b, now);
        assert_eq!(history.order(found(), now), addresses(&[B, A, C]));
    }

    #[test]
    fn the_failure_of_an_address_leaves_another_winner_in_its_place() {
        let (history, now) = (History::new(), Instant::now());
        let [a, b, _] = addresses(&[A, B, C])[..] else { unreachable!() };
        history.won(a, now);
        history.won(b, now);
        history.failed(a, now);
        assert_eq!(history.order(addresses(&[A, B, C]), now), addresses(&[B, C, A]));
    }

    #[test]
    fn few_failures_are_remembered() {
        let (history, now) = (History::new(), Instant::now());
        for port in 0..100 {
            history.failed(SocketAddr::from(([192, 0, 2, 1], port)), now);
        }
        assert_eq!(history.known().failed.len(), MAX_FAILED);
    }
}
