//! Lookups in threads that cannot be interrupted: joined, and limited in number.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::os_error;

/// How many lookups run at the same time, and so how many threads they use.
pub(crate) const MAX_LOOKUPS: usize = 16;

/// How long a result is kept that came when nobody waited for it.
const KEPT: Duration = Duration::from_secs(10);

/// The stack of a lookup. Modules of the system's resolver may need much.
const STACK_SIZE: usize = 2 * 1024 * 1024;

/// The lookups of a process.
///
/// A lookup outlives the caller that began it. While it runs, callers with the same key join it
/// instead of beginning another. Results are not cached, with one exception: a result that arrives
/// when no caller waits for it, such as between two attempts, is kept for the next caller, for up
/// to ten seconds.
pub(crate) struct Lookups<K, V> {
    table: Arc<Table<K, V>>,
    /// Whether a result is kept. A failure is not: the next lookup may succeed.
    is_kept: fn(&V) -> bool,
}

struct Table<K, V> {
    /// At most [`MAX_LOOKUPS`] that run.
    slots: Mutex<Vec<Slot<K, V>>>,
    /// Notified when a lookup is complete.
    completed: Condvar,
}

struct Slot<K, V> {
    key: K,
    result: PendingResult<V>,
    /// `None` after the lookup.
    thread: Option<JoinHandle<()>>,
}

/// The result and its time. Set once, while `slots` is locked.
type PendingResult<V> = Arc<OnceLock<(V, Instant)>>;

impl<K, V> Lookups<K, V>
where
    K: PartialEq + Clone + Send + 'static,
    V: Clone + Default + Send + Sync + 'static,
{
    pub(crate) fn new(is_kept: fn(&V) -> bool) -> Self {
        let (slots, completed) = (Mutex::new(Vec::new()), Condvar::new());
        Self { table: Arc::new(Table { slots, completed }), is_kept }
    }

    /// Joins the lookup of `key`, or else runs `resolve` in a thread, as soon as
    /// fewer than [`MAX_LOOKUPS`] are running. Returns the result, which is the default value if
    /// `resolve` panics.
    ///
    /// `wait` returns how long to block before it is called again, or the error that ends the wait.
    /// It is called without a lock.
    pub(crate) fn get(
        &self,
        key: &K,
        resolve: impl FnOnce() -> V + Send + 'static,
        mut wait: impl FnMut() -> io::Result<Duration>,
    ) -> io::Result<V> {
        let mut resolve = Some(resolve);
        let result = loop {
            let slice = wait()?;
            let mut slots = self.table.lock();
            self.end_completed(&mut slots);
            if let Some(slot) = slots.iter().find(|slot| slot.key == *key) {
                break slot.result.clone();
            }
            if slots.iter().filter(|slot| slot.thread.is_some()).count() < MAX_LOOKUPS
                && let Some(resolve) = resolve.take()
            {
                break self.begin(&mut slots, key, resolve)?;
            }
            drop(self.table.completed.wait_timeout(slots, slice));
        };
        loop {
            let slice = wait()?;
            let slots = self.table.lock();
            let is_running = |_: &mut Vec<_>| result.get().is_none();
            let waited = self.table.completed.wait_timeout_while(slots, slice, is_running);
            let (mut slots, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if let Some((value, _)) = result.get() {
                self.end_completed(&mut slots);
                slots.retain(|slot| !Arc::ptr_eq(&slot.result, &result));
                return Ok(value.clone());
            }
        }
    }

    fn begin(
        &self,
        slots: &mut Vec<Slot<K, V>>,
        key: &K,
        resolve: impl FnOnce() -> V + Send + 'static,
    ) -> io::Result<PendingResult<V>> {
        let result = PendingResult::default();
        let (table, pending) = (self.table.clone(), result.clone());
        // The guard is made in the thread: it takes the lock, which this caller has if no thread
        // can be started.
        let run = move || Completion { table, result: pending }.set(resolve());
        // The thread cannot complete before its slot exists, because this caller has the lock.
        // Without a size, the standard library reads one from the environment.
        let builder = Builder::new().name("zignsec-dns".to_owned()).stack_size(STACK_SIZE);
        let no_thread =
            |error| os_error::in_operation("cannot start a thread to resolve the host name", error);
        let thread = builder.spawn(run).map_err(no_thread)?;
        slots.push(Slot { key: key.clone(), result: result.clone(), thread: Some(thread) });
        Ok(result)
    }

    /// Waits until the threads of completed lookups have ended, which they do at once and without
    /// the lock, so that there are never more threads than may run. Removes what is not kept.
    fn end_completed(&self, slots: &mut Vec<Slot<K, V>>) {
        slots.retain_mut(|slot| {
            let Some((value, at)) = slot.result.get() else { return true };
            if let Some(thread) = slot.thread.take() {
                // A panic of the lookup has its result, too.
                let _ = thread.join();
            }
            (self.is_kept)(value) && at.elapsed() < KEPT
        });
    }
}

impl<K, V> Table<K, V> {
    fn lock(&self) -> MutexGuard<'_, Vec<Slot<K, V>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Completes a lookup, also if it panics.
struct Completion<K, V: Default> {
    table: Arc<Table<K, V>>,
    result: PendingResult<V>,
}

impl<K, V: Default> Completion<K, V> {
    fn set(&self, value: V) {
        let _slots = self.table.lock();
        // It is not set yet.
        let _ = self.result.set((value, Instant::now()));
        self.table.completed.notify_all();
    }
}

impl<K, V: Default> Drop for Completion<K, V> {
    fn drop(&mut self) {
        if self.result.get().is_none() {
            self.set(V::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{self, Sender};
    use std::thread;
    use std::time::Instant;

    use super::*;

    const SLICE: Duration = Duration::from_millis(5);

    fn lookups() -> Lookups<usize, Option<usize>> {
        Lookups::new(Option::is_some)
    }

    /// Waits for at most `limit`.
    fn wait_for(limit: Duration) -> impl FnMut() -> io::Result<Duration> {
        let end = Instant::now() + limit;
        move || if Instant::now() < end { Ok(SLICE) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    fn without_limit() -> impl FnMut() -> io::Result<Duration> {
        wait_for(Duration::from_secs(60))
    }

    /// Begins a lookup that returns what is sent to it, and leaves it behind.
    fn leave_behind(lookups: &Lookups<usize, Option<usize>>, key: usize) -> Sender<usize> {
        let (sender, receiver) = mpsc::channel();
        let mut has_begun = false;
        let left = lookups.get(
            &key,
            move || receiver.recv().ok(),
            || match std::mem::replace(&mut has_begun, true) {
                false => Ok(SLICE),
                true => Err(io::ErrorKind::TimedOut.into()),
            },
        );
        assert_eq!(left.unwrap_err().kind(), io::ErrorKind::TimedOut);
        sender
    }

    fn running(lookups: &Lookups<usize, Option<usize>>) -> usize {
        let slots = lookups.table.lock();
        slots.iter().filter(|slot| slot.result.get().is_none()).count()
    }

    /// Waits until this many callers have joined a lookup that is running.
    fn wait_for_callers(lookups: &Lookups<usize, Option<usize>>, key: usize, callers: usize) {
        wait_until(|| {
            let slots = lookups.table.lock();
            let slot = slots.iter().find(|slot| slot.key == key).unwrap();
            // The slot and the thread refer to the result, too.
            Arc::strong_count(&slot.result) == callers + 2
        });
    }

    fn wait_until(condition: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !condition() {
            assert!(Instant::now() < end, "waited too long");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_running_lookup_is_joined_and_its_result_is_not_kept() {
        let lookups = lookups();
        let sender = leave_behind(&lookups, 1);
        thread::scope(|scope| {
            let joined: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| lookups.get(&1, || panic!("began another"), without_limit()))
                })
                .collect();
            wait_for_callers(&lookups, 1, 8);
            // Another key is looked up meanwhile.
            assert_eq!(lookups.get(&2, || Some(20), without_limit()).unwrap(), Some(20));
            sender.send(10).unwrap();
            for joined in joined {
                assert_eq!(joined.join().unwrap().unwrap(), Some(10));
            }
        });
        assert_eq!(lookups.get(&1, || Some(11), without_limit()).unwrap(), Some(11));
        assert_eq!(lookups.table.lock().len(), 0);
    }

    #[test]
    fn a_result_that_nobody_waited_for_is_for_the_next_caller_alone() {
        let lookups = lookups();
        leave_behind(&lookups, 1).send(10).unwrap();
        wait_until(|| running(&lookups) == 0);
        // That of another key leaves it there.
        assert_eq!(lookups.get(&2, || Some(20), without_limit()).unwrap(), Some(20));
        let next = || lookups.get(&1, || Some(11), without_limit()).unwrap();
        assert_eq!((next(), next()), (Some(10), Some(11)));
        assert_eq!(lookups.table.lock().len(), 0);
    }

    #[test]
    fn a_result_that_is_old_or_a_failure_is_not_used() {
        let lookups = lookups();
        leave_behind(&lookups, 1).send(10).unwrap();
        wait_until(|| running(&lookups) == 0);
        for slot in lookups.table.lock().iter_mut() {
            let (value, at) = *slot.result.get().unwrap();
            slot.result = Arc::new(OnceLock::from((value, at.checked_sub(KEPT).unwrap())));
        }
        assert_eq!(lookups.get(&1, || Some(11), without_limit()).unwrap(), Some(11));
        drop(leave_behind(&lookups, 1));
        wait_until(|| running(&lookups) == 0);
        assert_eq!(lookups.get(&1, || Some(12), without_limit()).unwrap(), Some(12));
        assert_eq!(lookups.table.lock().len(), 0);
    }

    #[test]
    fn results_that_are_kept_take_no_place_of_lookups_that_run() {
        let lookups = lookups();
        for key in 0..2 * MAX_LOOKUPS {
            leave_behind(&lookups, key).send(key).unwrap();
            wait_until(|| running(&lookups) == 0);
        }
        let key = 2 * MAX_LOOKUPS - 1;
        assert_eq!(lookups.get(&key, || None, without_limit()).unwrap(), Some(key));
        let threads = lookups.table.lock().iter().filter(|slot| slot.thread.is_some()).count();
        assert_eq!(threads, 0);
    }

    #[test]
    fn no_more_than_the_maximum_run_and_the_next_waits_for_a_slot() {
        let lookups = lookups();
        let senders: Vec<_> = (0..MAX_LOOKUPS).map(|key| leave_behind(&lookups, key)).collect();
        assert_eq!(running(&lookups), MAX_LOOKUPS);
        let completed = AtomicUsize::new(0);
        let refused = lookups.get(&99, || panic!("began one too many"), wait_for(4 * SLICE));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::TimedOut);
        thread::scope(|scope| {
            let next = scope.spawn(|| {
                let result = lookups.get(&99, || Some(99), without_limit());
                completed.fetch_add(1, Ordering::Relaxed);
                result
            });
            thread::sleep(4 * SLICE);
            assert_eq!(completed.load(Ordering::Relaxed), 0);
            // One that is running is still joined.
            let joined = scope.spawn(|| lookups.get(&3, || None, without_limit()));
            wait_for_callers(&lookups, 3, 1);
            senders[3].send(30).unwrap();
            assert_eq!(joined.join().unwrap().unwrap(), Some(30));
            assert_eq!(next.join().unwrap().unwrap(), Some(99));
        });
        assert_eq!(running(&lookups), MAX_LOOKUPS - 1);
    }

    #[test]
    fn many_callers_never_run_more_than_the_maximum() {
        let lookups = lookups();
        let now = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for caller in 0..64 {
                let (lookups, now, most) = (&lookups, now.clone(), most.clone());
                scope.spawn(move || {
                    for round in 0..10 {
                        let (now, most) = (now.clone(), most.clone());
                        let resolve = move || {
                            most.fetch_max(
                                now.fetch_add(1, Ordering::SeqCst) + 1,
                                Ordering::SeqCst,
                            );
                            thread::sleep(Duration::from_millis(1));
                            now.fetch_sub(1, Ordering::SeqCst);
                            Some(caller)
                        };
                        // Some of them are left behind.
                        let limit = if round % 3 == 0 { SLICE } else { Duration::from_secs(60) };
                        if let Ok(found) = lookups.get(&caller, resolve, wait_for(limit)) {
                            assert_eq!(found, Some(caller));
                        }
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= MAX_LOOKUPS);
        wait_until(|| running(&lookups) == 0);
    }

    #[test]
    fn a_panic_leaves_no_slot_taken() {
        let lookups = lookups();
        for _ in 0..=MAX_LOOKUPS {
            assert_eq!(lookups.get(&1, || panic!("on purpose"), without_limit()).unwrap(), None);
        }
        assert_eq!(lookups.table.lock().len(), 0);
    }

    #[test]
    fn a_cancelled_wait_ends_and_the_lookup_goes_on() {
        let lookups = lookups();
        let mut checks = 0;
        let (sender, receiver) = mpsc::channel();
        let cancelled = lookups.get(
            &1,
            move || receiver.recv().ok(),
            || {
                checks += 1;
                if checks < 4 { Ok(SLICE) } else { Err(io::ErrorKind::Interrupted.into()) }
            },
        );
        assert_eq!(cancelled.unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert_eq!(running(&lookups), 1);
        sender.send(1).unwrap();
        wait_until(|| running(&lookups) == 0);
    }
}
