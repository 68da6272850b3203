//! Numbers from Python.

use std::time::Duration;

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use crate::text::invalid;

/// A number of seconds. One that no clock can tell is left to the core to refuse.
#[derive(Clone, Copy)]
pub(crate) struct Seconds(pub(crate) Duration);

impl<'py> FromPyObject<'_, 'py> for Seconds {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let number = match value.extract::<f64>() {
            Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => f64::INFINITY,
            number => number?,
        };
        let absurd = if number > 0.0 { Duration::MAX } else { Duration::ZERO };
        Ok(Self(Duration::try_from_secs_f64(number).unwrap_or(absurd)))
    }
}

/// A number of times, not yet judged: only the call knows the argument's name.
pub(crate) struct Count(Option<u32>);

impl Count {
    /// The number, as C can count it.
    pub(crate) fn named(self, name: &str) -> PyResult<u32> {
        self.0.ok_or_else(|| invalid(name, "must be from 0 to 2147483647"))
    }
}

impl<'py> FromPyObject<'_, 'py> for Count {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match value.extract::<i32>() {
            Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Ok(Self(None)),
            number => Ok(Self(number?.try_into().ok())),
        }
    }
}
