//! What the core logs, for C.

use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, TryLockError};

use log::{LevelFilter, Log, Metadata, Record};
use once_cell::race::OnceBox;

use crate::boundary;
use crate::ptr::{self, Kept, Text, UserData};

/// What the core logs under. Its dependencies log under names of their own, and more than anybody
/// should keep.
const TARGET: &str = "zignsec";

/// What zs_set_log_callback() sets. It is called on the thread whose call logs, by several threads at
/// once, and must not call any function of the library. It must return: an exception that leaves it
/// ends the process (abort), and longjmp() must not.
///
/// @param level      1 error, 2 warning, 3 info, 4 debug, 5 trace.
/// @param message    One line of text, good until the callback returns. It holds no API key and no
///                   whole phone number.
/// @param user_data  That of zs_set_log_callback().
pub type zs_log_callback =
    Option<extern "C-unwind" fn(level: i32, message: Text<'_>, user_data: UserData)>;

/// Sets what is called with every message that the library logs, in the whole process, in place of
/// what was set before. Nothing is logged until this is called.
///
/// It returns when no call of the old callback is running any more, so that what belongs to it can
/// then be freed: do not call it with a lock held that the old callback takes. After a fork() the
/// child has what was set; a callback that was running in another thread of the parent's is not
/// waited for in the child.
///
/// @param max_level  The most detailed level that is wanted: 1 error, 2 warning (an attempt at a call
///                   that failed), 3 info, 4 debug (every attempt), 5 trace. 0 or less: off. More
///                   than 5: 5.
/// @param callback   What to call. NULL: off.
/// @param user_data  For the callback; the library does not look at it.
#[unsafe(no_mangle)]
pub extern "C" fn zs_set_log_callback(
    max_level: i32,
    callback: zs_log_callback,
    user_data: UserData,
) {
    let max_level = if callback.is_some() { level_filter(max_level) } else { LevelFilter::Off };
    boundary::contain(|| Sinks::of_this_process().set(Sink { max_level, callback, user_data }));
}

fn level_filter(number: i32) -> LevelFilter {
    match number {
        ..=0 => LevelFilter::Off,
        1 => LevelFilter::Error,
        2 => LevelFilter::Warn,
        3 => LevelFilter::Info,
        4 => LevelFilter::Debug,
        5.. => LevelFilter::Trace,
    }
}

/// Where messages go.
#[derive(Clone, Copy)]
struct Sink {
    max_level: LevelFilter,
    callback: zs_log_callback,
    user_data: UserData,
}

impl Sink {
    const OFF: Self =
        Self { max_level: LevelFilter::Off, callback: None, user_data: UserData::NULL };

    fn take(&self, record: &Record<'_>) {
        if let Some(callback) = self.callback
            && record.level() <= self.max_level
        {
            let message = Kept::new(&record.args().to_string());
            callback(record.level() as i32, message.as_text(), self.user_data);
        }
    }
}

/// The sink of one process, and who is in it.
///
/// A thread that logs holds the slot in use for reading; one that sets fills the other slot, turns
/// to it, and then waits for the readers of the first. So nobody who logs waits, and nobody who sets
/// is overtaken by others who log.
struct Sinks {
    pid: u32,
    slots: [RwLock<Sink>; 2],
    in_use: AtomicUsize,
    /// One thread sets at a time.
    setting: Mutex<()>,
    /// A fork copies locks as they are: held, for ever, by threads that the child does not have. So
    /// the child makes its own, and leaves its parent's alone.
    of_child: OnceBox<Self>,
}

impl Sinks {
    fn new(pid: u32, sink: Sink) -> Self {
        Self {
            pid,
            slots: [RwLock::new(sink), RwLock::new(Sink::OFF)],
            in_use: AtomicUsize::new(0),
            setting: Mutex::new(()),
            of_child: OnceBox::new(),
        }
    }

    fn of_this_process() -> &'static Self {
        static FIRST: OnceBox<Sinks> = OnceBox::new();
        let pid = process::id();
        let mut last = FIRST.get_or_init(|| Box::new(Self::new(pid, Sink::OFF)));
        while let Some(child) = last.of_child.get() {
            last = child;
        }
        if last.pid == pid {
            return last;
        }
        last.of_child.get_or_init(|| Box::new(Self::new(pid, last.inherited())))
    }

    /// The sink as it was at the fork. Whoever sets has no lock on the slot in use.
    fn inherited(&self) -> Sink {
        let slot = &self.slots[self.in_use.load(Ordering::Acquire)];
        slot.try_read().map_or(Sink::OFF, |sink| *sink)
    }

    fn log(&self, record: &Record<'_>) {
        loop {
            let at = self.in_use.load(Ordering::Acquire);
            // A slot that is being set, or was, is not the one in use any more.
            let sink = match self.slots[at].try_read() {
                Ok(sink) => sink,
                Err(TryLockError::Poisoned(sink)) => sink.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            if self.in_use.load(Ordering::Acquire) == at {
                return sink.take(record);
            }
        }
    }

    fn set(&self, sink: Sink) {
        let alone = self.setting.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.in_use.load(Ordering::Relaxed);
        let new = 1 - old;
        self.fill(new, sink);
        self.in_use.store(new, Ordering::Release);
        ptr::set_logger(&Forward, &alone);
        log::set_max_level(sink.max_level);
        self.fill(old, Sink::OFF);
    }

    /// Waits for the readers of a slot, and fills it.
    fn fill(&self, at: usize, sink: Sink) {
        *self.slots[at].write().unwrap_or_else(PoisonError::into_inner) = sink;
    }
}

/// What the `log` crate is given. This library has a copy of that crate to itself.
struct Forward;

impl Log for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET && metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            Sinks::of_this_process().log(record);
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use std::mem;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Barrier, MutexGuard};
    use std::thread;

    use log::{debug, error, info, trace, warn};

    use super::*;

    /// The callback is the process's: one test at a time.
    fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    static KEPT: Mutex<Vec<(i32, String)>> = Mutex::new(Vec::new());

    extern "C-unwind" fn keep(level: i32, message: Text<'_>, _: UserData) {
        KEPT.lock().unwrap().push((level, message.required("message").unwrap().to_owned()));
    }

    fn kept() -> Vec<(i32, String)> {
        mem::take(&mut KEPT.lock().unwrap())
    }

    fn set(max_level: i32, callback: zs_log_callback) {
        zs_set_log_callback(max_level, callback, UserData::NULL);
    }

    fn log_at_each_level() {
        error!(target: TARGET, "{}", 1);
        warn!(target: TARGET, "{}", 2);
        info!(target: TARGET, "{}", 3);
        debug!(target: TARGET, "{}", 4);
        trace!(target: TARGET, "{}", 5);
    }

    #[test]
    fn messages_up_to_the_level_are_forwarded() {
        let _alone = alone();
        for (max_level, count) in
            [(i32::MIN, 0), (0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 5), (i32::MAX, 5)]
        {
            set(max_level, Some(keep));
            log_at_each_level();
            let expected: Vec<_> = (1..=count).map(|level| (level, level.to_string())).collect();
            assert_eq!(kept(), expected, "{max_level}");
            // What is not wanted is not even formatted.
            assert_eq!(log::max_level() as i32, count);
        }
        set(5, None);
        log_at_each_level();
        assert_eq!(kept(), []);
    }

    #[test]
    fn messages_of_dependencies_are_not_forwarded() {
        let _alone = alone();
        set(5, Some(keep));
        for target in ["ureq", "zignsec_c", "zignsec::transport", "rustls::client", ""] {
            assert!(!log::log_enabled!(target: target, log::Level::Error), "{target}");
            error!(target: target, "a request, with its key");
        }
        error!("this module's own");
        assert_eq!(kept(), []);
        set(0, None);
    }

    #[test]
    fn a_message_has_no_nul() {
        let _alone = alone();
        set(5, Some(keep));
        error!(target: TARGET, "before\0after");
        assert_eq!(kept(), [(1, "before".to_owned())]);
        set(0, None);
    }

    /// Where `wait` waits for the word to go on, once it has told that it runs.
    static GATE: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);
    static ENDED: AtomicUsize = AtomicUsize::new(0);

    extern "C-unwind" fn wait(_: i32, _: Text<'_>, _: UserData) {
        let (running, go_on) = GATE.lock().unwrap().take().unwrap();
        running.send(()).unwrap();
        go_on.recv().unwrap();
        ENDED.fetch_add(1, Ordering::SeqCst);
    }

    #[test]
    fn setting_waits_for_the_old_callback_and_for_nothing_else() {
        let _alone = alone();
        let (running, is_running) = channel();
        let (may_go_on, go_on) = channel();
        *GATE.lock().unwrap() = Some((running, go_on));
        ENDED.store(0, Ordering::SeqCst);
        set(1, Some(wait));
        thread::scope(|threads| {
            threads.spawn(|| error!(target: TARGET, "for the old callback"));
            is_running.recv().unwrap();
            let setting = threads.spawn(|| {
                set(5, Some(keep));
                ENDED.load(Ordering::SeqCst)
            });
            // Who logs meanwhile is not held up, and reaches the new callback.
            while log::max_level() != LevelFilter::Trace {
                thread::yield_now();
            }
            trace!(target: TARGET, "for the new one");
            for _ in 0..1000 {
                thread::yield_now();
            }
            let has_returned = setting.is_finished();
            may_go_on.send(()).unwrap();
            assert!(!has_returned);
            assert_eq!(kept(), [(5, "for the new one".to_owned())]);
            assert_eq!(setting.join().unwrap(), 1);
        });
        set(0, None);
    }

    static BOTH: Mutex<Option<Arc<Barrier>>> = Mutex::new(None);

    extern "C-unwind" fn meet(_: i32, _: Text<'_>, _: UserData) {
        let both = BOTH.lock().unwrap().clone().unwrap();
        both.wait();
    }

    #[test]
    fn several_threads_are_in_a_callback_at_once() {
        let _alone = alone();
        *BOTH.lock().unwrap() = Some(Arc::new(Barrier::new(2)));
        set(1, Some(meet));
        thread::scope(|threads| {
            threads.spawn(|| error!(target: TARGET, "here"));
            threads.spawn(|| error!(target: TARGET, "there"));
        });
        set(0, None);
    }

    const LEVELS: [i32; 2] = [5, 1];
    static REPLACED: [AtomicBool; 2] = [AtomicBool::new(false), AtomicBool::new(false)];
    static ERRORS: AtomicUsize = AtomicUsize::new(0);
    static LATE: AtomicUsize = AtomicUsize::new(0);
    static TOO_DETAILED: AtomicUsize = AtomicUsize::new(0);

    fn called(which: usize, level: i32) {
        ERRORS.fetch_add((level == 1).into(), Ordering::SeqCst);
        TOO_DETAILED.fetch_add((level > LEVELS[which]).into(), Ordering::SeqCst);
        thread::yield_now();
        LATE.fetch_add(REPLACED[which].load(Ordering::SeqCst).into(), Ordering::SeqCst);
    }

    extern "C-unwind" fn first(level: i32, _: Text<'_>, _: UserData) {
        called(0, level);
    }

    extern "C-unwind" fn second(level: i32, _: Text<'_>, _: UserData) {
        called(1, level);
    }

    #[test]
    fn each_message_reaches_the_callback_of_its_time() {
        const CALLBACKS: [zs_log_callback; 2] = [Some(first), Some(second)];
        let _alone = alone();
        let done = AtomicBool::new(false);
        set(LEVELS[1], CALLBACKS[1]);
        let logged: usize = thread::scope(|threads| {
            let loggers = [(); 3].map(|()| {
                threads.spawn(|| {
                    let mut errors = 0;
                    while !done.load(Ordering::SeqCst) {
                        trace!(target: TARGET, "detail");
                        error!(target: TARGET, "error");
                        errors += 1;
                    }
                    errors
                })
            });
            for turn in 0.. {
                let which = turn % 2;
                REPLACED[which].store(false, Ordering::SeqCst);
                set(LEVELS[which], CALLBACKS[which]);
                REPLACED[1 - which].store(true, Ordering::SeqCst);
                if turn >= 2000 && ERRORS.load(Ordering::SeqCst) >= 10_000 {
                    break;
                }
            }
            done.store(true, Ordering::SeqCst);
            loggers.into_iter().map(|logger| logger.join().unwrap()).sum()
        });
        set(0, None);
        assert_eq!(ERRORS.load(Ordering::SeqCst), logged);
        assert_eq!(LATE.load(Ordering::SeqCst), 0);
        assert_eq!(TOO_DETAILED.load(Ordering::SeqCst), 0);
    }
}
