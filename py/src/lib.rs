//! The Python extension `zignsec._zignsec`: a Python API for the crate `zignsec`.
//!
//! Exceptions and the enum of statuses are defined in Python, in `python/zignsec`, and imported
//! here. The documentation for users is in `_zignsec.pyi`.

mod arguments;
mod client;
mod cpython;
mod errors;
mod interpreter;
mod interrupt;
mod logger;
mod options;
mod python_code;
mod session;
mod thread_state;
mod wait;
mod webhook;
mod without_gil;

use pyo3::prelude::*;
use zignsec::bindings::{self, defaults};

/// The Rust part of zignsec.
///
/// A function, because the contents of a declarative module are created before its own code runs.
#[pymodule(gil_used = false)]
fn _zignsec(module: &Bound<'_, PyModule>) -> PyResult<()> {
    interpreter::reserve(module.py())?;
    logger::install();

    module.add_class::<client::Client>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<wait::Wait>()?;
    module.add_class::<webhook::WebhookEvent>()?;
    module.add_function(wrap_pyfunction!(_after_fork_in_child, module)?)?;
    module.add_function(wrap_pyfunction!(client::begin_call, module)?)?;
    module.add_function(wrap_pyfunction!(client::check_phone_number, module)?)?;
    module.add_function(wrap_pyfunction!(process_key, module)?)?;
    module.add_function(wrap_pyfunction!(client::route, module)?)?;
    module.add_function(wrap_pyfunction!(logger::_collect_log, module)?)?;
    module.add_function(wrap_pyfunction!(session::_restore_session, module)?)?;
    module.add_function(wrap_pyfunction!(webhook::_webhook_event_from_json, module)?)?;
    module.add_function(wrap_pyfunction!(webhook::verify_webhook, module)?)?;

    module.add("DEFAULT_ATTEMPT_TIMEOUT", defaults::ATTEMPT_TIMEOUT.as_secs_f64())?;
    module.add("DEFAULT_CONNECT_TIMEOUT", defaults::CONNECT_TIMEOUT.as_secs_f64())?;
    module.add("DEFAULT_LOCALE", defaults::LOCALE)?;
    module.add("DEFAULT_MAX_RETRIES", defaults::MAX_RETRIES)?;
    module.add("DEFAULT_POLL_INTERVAL", defaults::POLL_INTERVAL.as_secs_f64())?;
    module.add("DEFAULT_TIMEOUT", defaults::TIMEOUT.as_secs_f64())?;
    module.add("DEFAULT_WAIT_TIMEOUT", defaults::WAIT_TIMEOUT.as_secs_f64())?;
    module.add("DEFAULT_WEBHOOK_TOLERANCE", defaults::WEBHOOK_TOLERANCE.as_secs_f64())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}

/// Return what is different in a process and its parent, also if they have the same process ID.
#[pyfunction]
fn process_key() -> (u32, u32) {
    bindings::process_key()
}

/// Tell the core that this process is the child of a fork.
#[pyfunction]
fn _after_fork_in_child() {
    bindings::after_fork_in_child();
}
