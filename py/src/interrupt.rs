//! Python exceptions that end a call of the core.
//!
//! While a call is blocked, Python code can run on its thread: a signal handler, `on_poll`, a
//! logging handler. An exception that it raises cannot pass through the core. It is stored here, it
//! cancels the call, and it is raised when the call returns.

use std::cell::Cell;

use pyo3::prelude::*;

thread_local! {
    /// The exception that ends the innermost call of this thread.
    static EXCEPTION: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Runs a call, and returns its result and the exception that was stored meanwhile.
///
/// Calls nest: a signal handler may make a call while another one is blocked on its thread.
pub(crate) fn scope<T>(call: impl FnOnce() -> T) -> (T, Option<PyErr>) {
    let outer = EXCEPTION.take();
    let result = call();
    (result, EXCEPTION.replace(outer))
}

/// Stores an exception that ends the current call of this thread. The first one is kept.
pub(crate) fn store_exception(exception: PyErr) {
    EXCEPTION.set(Some(EXCEPTION.take().unwrap_or(exception)));
}

/// Lets Python run its signal handlers, and returns whether to cancel the current call. The core
/// calls this while it is blocked. Python runs signal handlers on the main thread only.
pub(crate) fn check_signals() -> bool {
    if let Some(Err(exception)) = Python::try_attach(|py| py.check_signals()) {
        store_exception(exception);
    }
    let exception = EXCEPTION.take();
    let cancel = exception.is_some();
    EXCEPTION.set(exception);
    cancel
}
