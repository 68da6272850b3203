//! Calls of the core with the GIL released.

use pyo3::prelude::*;
use zignsec::Error;
use zignsec::bindings::catch_panic;

use crate::errors::to_python;
use crate::interrupt;
use crate::logger;
use crate::thread_state::detach;

/// Runs a call of the core with the GIL released. Its error becomes an exception, and so does a
/// panic.
pub(crate) fn without_gil<T: Send>(
    py: Python<'_>,
    call: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    logger::update_level(py)?;
    match interrupt::scope(|| detach(py, || catch_panic(call))) {
        (_, Some(exception)) => Err(exception),
        (result, None) => result.map_err(|error| to_python(py, &error)),
    }
}
