//! The log of the core, passed to a callback of C.

use std::ffi::CStr;

use log::{LevelFilter, Log, Metadata, Record};

use crate::catch;
use crate::ptr::{self, AtomicLogFn, InStr, UserData};

/// The log target of the core. Its dependencies log under other targets, and their messages can
/// contain whole requests.
const TARGET: &str = "zignsec";

/// Log level: errors.
pub const ZS_LOG_ERROR: i32 = 1;
/// Log level: warnings, such as an attempt that failed.
pub const ZS_LOG_WARN: i32 = 2;
/// Log level: information.
pub const ZS_LOG_INFO: i32 = 3;
/// Log level: debugging, such as an attempt that succeeded.
pub const ZS_LOG_DEBUG: i32 = 4;
/// Log level: everything.
pub const ZS_LOG_TRACE: i32 = 5;

/// A log callback, see zs_set_log_callback(). The library calls it on the thread whose call logs,
/// from several threads at once. It must not call any function of the library. It must return: a
/// C++ exception or pthread_exit() that leaves it aborts the process, and it must not call longjmp().
/// A child that it forks must call _exit() or start a program.
///
/// @param level      One of ZS_LOG_...
/// @param message    One line of text, valid until the callback returns. It contains no API key and
///                   no whole phone number.
/// @param user_data  The user_data of zs_set_log_callback().
pub type zs_log_callback =
    Option<extern "C-unwind" fn(level: i32, message: InStr<'_>, user_data: UserData)>;

/// Sets the log callback of the process, in place of the previous one. Nothing is logged before.
///
/// Set it before clients are used, or while no call is running, and from one thread at a time.
/// After fork(), the child has the callback of its parent, and may set another.
///
/// @param max_level  The most detailed level to log, one of ZS_LOG_... 0 or less: nothing is
///                   logged. More than ZS_LOG_TRACE: ZS_LOG_TRACE.
/// @param callback   The function to call for each message. NULL: nothing is logged.
/// @param user_data  The last argument of the callback. The library never dereferences it.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zs_set_log_callback(
    max_level: i32,
    callback: zs_log_callback,
    user_data: UserData,
) {
    let max_level = if callback.is_some() { level_filter(max_level) } else { LevelFilter::Off };
    catch::ignore_panic(|| {
        CALLBACK.store(callback, user_data);
        ptr::set_logger(&CallbackLogger);
        log::set_max_level(max_level);
    });
}

fn level_filter(number: i32) -> LevelFilter {
    match number {
        ..ZS_LOG_ERROR => LevelFilter::Off,
        ZS_LOG_ERROR => LevelFilter::Error,
        ZS_LOG_WARN => LevelFilter::Warn,
        ZS_LOG_INFO => LevelFilter::Info,
        ZS_LOG_DEBUG => LevelFilter::Debug,
        ZS_LOG_TRACE.. => LevelFilter::Trace,
    }
}

static CALLBACK: AtomicLogFn = AtomicLogFn::none();

/// The logger of the `log` crate, of which this library contains its own copy.
struct CallbackLogger;

impl Log for CallbackLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET && metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata())
            && let Some((callback, user_data)) = CALLBACK.load()
        {
            // C reads a message up to its first NUL.
            let message = format!("{}\0", record.args());
            if let Ok(message) = CStr::from_bytes_until_nul(message.as_bytes()) {
                callback(record.level() as i32, InStr::new(message), user_data);
            }
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use std::mem;
    use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
    use std::thread;

    use log::{debug, error, info, trace, warn};

    use super::*;

    /// The callback belongs to the process: one test at a time.
    fn one_test() -> MutexGuard<'static, ()> {
        static RUNNING: Mutex<()> = Mutex::new(());
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
    }

    static RECORDED: Mutex<Vec<(i32, String)>> = Mutex::new(Vec::new());

    extern "C-unwind" fn record(level: i32, message: InStr<'_>, _: UserData) {
        RECORDED.lock().unwrap().push((level, message.required("message").unwrap().to_owned()));
    }

    fn recorded() -> Vec<(i32, String)> {
        mem::take(&mut RECORDED.lock().unwrap())
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
    fn messages_up_to_the_level_reach_the_callback() {
        let _one_test = one_test();
        for (max_level, count) in
            [(i32::MIN, 0), (0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 5), (i32::MAX, 5)]
        {
            set(max_level, Some(record));
            log_at_each_level();
            let expected: Vec<_> = (1..=count).map(|level| (level, level.to_string())).collect();
            assert_eq!(recorded(), expected, "{max_level}");
            // Other messages are not even formatted.
            assert_eq!(log::max_level() as i32, count);
        }
        set(5, None);
        log_at_each_level();
        assert_eq!(recorded(), []);
    }

    #[test]
    fn messages_of_dependencies_do_not_reach_the_callback() {
        let _one_test = one_test();
        set(5, Some(record));
        for target in ["ureq", "zignsec_c", "zignsec::transport", "rustls::client", ""] {
            assert!(!log::log_enabled!(target: target, log::Level::Error), "{target}");
            error!(target: target, "a request, with its key");
        }
        error!("logged under the target of this module");
        assert_eq!(recorded(), []);
        set(0, None);
    }

    #[test]
    fn a_message_ends_at_its_first_nul() {
        let _one_test = one_test();
        set(5, Some(record));
        error!(target: TARGET, "before\0after");
        assert_eq!(recorded(), [(1, "before".to_owned())]);
        set(0, None);
    }

    static BOTH: Mutex<Option<Arc<Barrier>>> = Mutex::new(None);

    extern "C-unwind" fn wait_for_both(_: i32, _: InStr<'_>, _: UserData) {
        let both = BOTH.lock().unwrap().clone().unwrap();
        both.wait();
    }

    #[test]
    fn several_threads_run_the_callback_at_once() {
        let _one_test = one_test();
        *BOTH.lock().unwrap() = Some(Arc::new(Barrier::new(2)));
        set(1, Some(wait_for_both));
        thread::scope(|threads| {
            threads.spawn(|| error!(target: TARGET, "first thread"));
            threads.spawn(|| error!(target: TARGET, "second thread"));
        });
        set(0, None);
    }
}
