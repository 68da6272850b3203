//! What must hold in every order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use loom::sync::atomic::AtomicBool;
use loom::thread;

use crate::attempt::Attempt;
use crate::cancel::{CancelSource, Cancelled};
use crate::clock::Now;
use crate::connection::Connection;
use crate::fork::PerProcess;
use crate::pool::Pool;
use crate::stand_ins::PROCESS;

/// Runs `check` in every order of its threads.
fn in_every_order(name: &str, check: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(AtomicUsize::new(0));
    let count = orders.clone();
    let mut model = loom::model::Builder::new();
    model.max_branches = 100_000;
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        check();
    });
    println!("{name}: {} orders of the threads' steps", orders.load(Ordering::Relaxed));
}

fn connection(number: usize, closed: &Arc<AtomicUsize>) -> Connection {
    Connection { number, closed: closed.clone() }
}

#[test]
fn a_connection_is_handed_to_one_thread_and_none_is_lost() {
    in_every_order("pool: two threads check out, a third one checks in", || {
        let closed = Arc::new(AtomicUsize::new(0));
        let pool = Arc::new(Pool::new());
        pool.check_in(connection(0, &closed), None);
        let callers = [1, 2].map(|number| {
            let (pool, closed) = (pool.clone(), closed.clone());
            thread::spawn(move || {
                let mine = pool.check_out(&mut Attempt, true, Now::read);
                let is_new = mine.is_none();
                pool.check_in(mine.unwrap_or_else(|| connection(number, &closed)), None);
                is_new.then_some(number)
            })
        });
        let mine = pool.check_out(&mut Attempt, true, Now::read);
        let created = callers.map(|caller| caller.join().unwrap());
        assert_eq!(closed.load(Ordering::Relaxed), 0);
        let mut numbers = pool_numbers(&pool);
        numbers.extend(mine.map(|mine| mine.number));
        numbers.sort_unstable();
        let expected: Vec<usize> = [0].into_iter().chain(created.into_iter().flatten()).collect();
        assert_eq!(numbers, expected);
    });
}

/// The numbers of the idle connections, which are taken out. None may be there twice.
fn pool_numbers(pool: &Pool) -> Vec<usize> {
    let mut connections = Vec::new();
    while let Some(connection) = pool.check_out(&mut Attempt, true, Now::read) {
        connections.push(connection);
    }
    let mut numbers: Vec<usize> = connections.iter().map(|connection| connection.number).collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]), "{numbers:?}");
    numbers
}

#[test]
fn two_threads_never_exceed_the_maximum_of_idle_connections() {
    const MAX: usize = 64;
    in_every_order("pool: two threads check in at the maximum", || {
        let closed = Arc::new(AtomicUsize::new(0));
        let pool = Arc::new(Pool::new());
        for number in 0..MAX - 1 {
            pool.check_in(connection(number, &closed), None);
        }
        let other = {
            let (pool, closed) = (pool.clone(), closed.clone());
            thread::spawn(move || pool.check_in(connection(MAX, &closed), None))
        };
        pool.check_in(connection(MAX + 1, &closed), None);
        other.join().unwrap();
        assert_eq!(closed.load(Ordering::Relaxed), 1);
        assert_eq!(pool_numbers(&pool).len(), MAX);
    });
}

#[test]
fn each_process_has_one_value_for_all_of_its_threads() {
    in_every_order("per-process state: three threads in two processes", || {
        let state = Arc::new(PerProcess::new());
        let of = |process: u32| {
            let state = state.clone();
            thread::spawn(move || {
                PROCESS.with(|id| id.set(process));
                let value: &u32 = state.get_or_init(move || process);
                (*value, std::ptr::from_ref(value).addr())
            })
        };
        let (child, second) = (of(2), of(1));
        let first: &u32 = state.get_or_init(|| 1);
        let first = (*first, std::ptr::from_ref(first).addr());
        let (child, second) = (child.join().unwrap(), second.join().unwrap());
        assert_eq!((first.0, child.0), (1, 2));
        assert_eq!(first, second);
        assert_eq!(std::ptr::from_ref(state.get_or_init(|| 9)).addr(), first.1);
    });
}

#[test]
fn a_call_that_began_before_is_cancelled_and_one_that_begins_after_is_not() {
    in_every_order("cancellation: before and after", || {
        let source = CancelSource::default();
        let mut before = source.token(None).unwrap();
        let is_done = Arc::new(AtomicBool::new(false));
        let canceller = {
            let (source, is_done) = (source.clone(), is_done.clone());
            thread::spawn(move || {
                source.cancel();
                is_done.store(true, loom::sync::atomic::Ordering::Release);
            })
        };
        if is_done.load(loom::sync::atomic::Ordering::Acquire) {
            assert_eq!(before.check(Instant::now()), Err(Cancelled));
            let mut after = source.token(None).unwrap();
            assert_eq!(after.check(Instant::now()), Ok(()));
        }
        canceller.join().unwrap();
        assert_eq!(before.check(Instant::now()), Err(Cancelled));
        assert_eq!(source.token(None).unwrap().check(Instant::now()), Ok(()));
    });
}

#[test]
fn a_closed_client_refuses_calls_whatever_else_happens() {
    in_every_order("cancellation: two threads cancel and one closes", || {
        let source = CancelSource::default();
        let mut before = source.token(None).unwrap();
        let cancellers = [(); 2].map(|()| {
            let source = source.clone();
            thread::spawn(move || source.cancel())
        });
        source.close();
        assert!(source.token(None).is_none());
        assert_eq!(before.check(Instant::now()), Err(Cancelled));
        for canceller in cancellers {
            canceller.join().unwrap();
        }
        assert!(source.token(None).is_none());
        assert_eq!(before.check(Instant::now()), Err(Cancelled));
    });
}

mod lookups {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use loom::thread;

    use super::{Arc, in_every_order};
    use crate::lookup::Lookups;

    /// Counts the lookups that run at the same time. At most one may, with the limit of this test.
    fn look_up(
        key: u32,
        running: &Arc<AtomicUsize>,
    ) -> impl FnOnce() -> Option<u32> + Send + 'static {
        let running = running.clone();
        move || {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            Some(key)
        }
    }

    fn without_limit() -> impl FnMut() -> io::Result<Duration> {
        || Ok(Duration::ZERO)
    }

    fn two_callers(name: &str, keys: [u32; 2]) {
        in_every_order(name, move || {
            let lookups = Arc::new(Lookups::new(Option::is_some));
            let running = Arc::new(AtomicUsize::new(0));
            let other = {
                let (lookups, running) = (lookups.clone(), running.clone());
                thread::spawn(move || {
                    lookups.get(&keys[1], look_up(keys[1], &running), without_limit())
                })
            };
            let mine = lookups.get(&keys[0], look_up(keys[0], &running), without_limit());
            assert_eq!(mine.unwrap(), Some(keys[0]));
            assert_eq!(other.join().unwrap().unwrap(), Some(keys[1]));
        });
    }

    #[test]
    fn two_callers_of_one_host_both_get_its_result() {
        two_callers("lookups: two callers, one host", [1, 1]);
    }

    #[test]
    fn the_limit_holds_and_the_next_lookup_is_woken() {
        two_callers("lookups: two callers, two hosts, one at a time", [1, 2]);
    }

    #[test]
    fn a_result_is_not_lost_between_two_attempts_of_a_caller() {
        in_every_order("lookups: a caller leaves and comes back", || {
            let lookups = Arc::new(Lookups::new(Option::is_some));
            let began = Arc::new(AtomicUsize::new(0));
            let look_up = || {
                let began = began.clone();
                move || Some(began.fetch_add(1, Ordering::SeqCst))
            };
            let mut waits = 0;
            let first = lookups.get(&1, look_up(), || {
                waits += 1;
                if waits == 1 { Ok(Duration::ZERO) } else { Err(io::ErrorKind::TimedOut.into()) }
            });
            assert!(first.is_err());
            assert_eq!(lookups.get(&1, look_up(), without_limit()).unwrap(), Some(0));
            assert_eq!(lookups.get(&1, look_up(), without_limit()).unwrap(), Some(1));
        });
    }

    #[test]
    fn a_lookup_outlives_the_caller_that_began_it() {
        in_every_order("lookups: a caller leaves, another one comes", || {
            let lookups = Arc::new(Lookups::new(Option::is_some));
            let running = Arc::new(AtomicUsize::new(0));
            let mut waits = 0;
            let left = lookups.get(&1, look_up(1, &running), || {
                waits += 1;
                if waits == 1 { Ok(Duration::ZERO) } else { Err(io::ErrorKind::TimedOut.into()) }
            });
            assert!(left.is_err());
            assert_eq!(lookups.get(&1, look_up(1, &running), without_limit()).unwrap(), Some(1));
            assert_eq!(lookups.get(&2, look_up(2, &running), without_limit()).unwrap(), Some(2));
        });
    }
}
