//! Calls of the core with the GIL released, and the Python exceptions that end them.
//!
//! While a call is blocked, Python code can still run on its thread: a signal handler, `on_poll`, a
//! logging handler. An exception of theirs cannot pass through the core. It is kept here, stops the
//! call, and is raised in place of whatever came of it.

use std::cell::Cell;

use pyo3::prelude::*;
use zignsec::Error;

use crate::errors::to_python;
use crate::logger;

thread_local! {
    /// The exception that ends the innermost call of this thread.
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Runs a call of the core with the GIL released, and turns its error, or its panic, into an
/// exception.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    call: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    logger::follow_level(py)?;
    // A signal handler may make a call of its own while one of its thread is blocked.
    let outer = RAISED.take();
    let outcome = py.detach(|| zignsec::bindings::catch_panic(call));
    match RAISED.replace(outer) {
        Some(raised) => Err(raised),
        None => outcome.map_err(|error| to_python(&error)),
    }
}

/// Keeps an exception that is to end the call of this thread. The first one stays.
pub(crate) fn keep(raised: PyErr) {
    RAISED.set(Some(RAISED.take().unwrap_or(raised)));
}

/// What the core asks while a call is blocked: whether to stop it. Lets Python handle its signals,
/// which it does on the main thread alone.
pub(crate) fn interrupted() -> bool {
    if let Some(Err(raised)) = Python::try_attach(|py| py.check_signals()) {
        keep(raised);
    }
    let raised = RAISED.take();
    let stop = raised.is_some();
    RAISED.set(raised);
    stop
}
