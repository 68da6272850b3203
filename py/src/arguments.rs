//! Conversion of Python arguments. Each error names the argument.
//!
//! The functions take an argument that may be `None`, and return `None` for it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyUnicodeEncodeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple};
use zignsec::bindings;

use crate::errors::{invalid_argument, to_python};
use crate::python_code::{call, import};

/// A `str`.
pub(crate) fn text(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let Some(value) = value else { return Ok(None) };
    match string(name, value)?.to_str() {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(error) => Err(not_encodable(value.py(), name, error)?),
    }
}

/// A `str` that must not be `None`, not copied.
pub(crate) fn borrowed_text<'a>(name: &str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    if value.is_none() {
        return Err(invalid_argument(value.py(), name, "must not be None"));
    }
    match string(name, value)?.to_str() {
        Ok(text) => Ok(text),
        Err(error) => Err(not_encodable(value.py(), name, error)?),
    }
}

/// The error for a `str` that UTF-8 cannot encode, with the place that `UnicodeEncodeError` names.
pub(crate) fn not_encodable(py: Python<'_>, name: &str, error: PyErr) -> PyResult<PyErr> {
    if !error.is_instance_of::<PyUnicodeEncodeError>(py) {
        // Not enough memory.
        return Ok(error);
    }
    let start: usize = error.value(py).getattr("start")?.extract()?;
    Ok(to_python(py, &bindings::lone_surrogate(name, start + 1)))
}

/// A `str`, not converted.
pub(crate) fn string<'a, 'py>(
    name: &str,
    value: &'a Bound<'py, PyAny>,
) -> PyResult<&'a Bound<'py, PyString>> {
    value.cast::<PyString>().map_err(|_| wrong_type(name, "str", value))
}

/// A `str` that must not be `None`.
pub(crate) fn required_text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = text(name, Some(value).filter(|value| !value.is_none()))?;
    text.ok_or_else(|| invalid_argument(value.py(), name, "must not be None"))
}

/// A number of seconds. A negative or NaN value becomes zero and a value that is too large becomes
/// `Duration::MAX`; the core rejects both.
pub(crate) fn seconds(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(value) = value else { return Ok(None) };
    let number = match value.extract::<f64>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => f64::INFINITY,
        Err(error) if error.is_instance_of::<PyTypeError>(value.py()) => {
            return Err(match value.hasattr(intern!(value.py(), "total_seconds"))? {
                // A timedelta.
                true => wrong_type(name, "a number of seconds, such as its total_seconds()", value),
                false => wrong_type(name, "a number of seconds", value),
            });
        }
        // An exception of the value's own __float__.
        Err(error) => return Err(error),
        Ok(number) => number,
    };
    let out_of_range = if number > 0.0 { Duration::MAX } else { Duration::ZERO };
    Ok(Some(Duration::try_from_secs_f64(number).unwrap_or(out_of_range)))
}

/// A time: seconds since 1970, or a `datetime` with a time zone. A time before 1970 becomes 1970.
pub(crate) fn time(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<SystemTime>> {
    let Some(value) = value else { return Ok(None) };
    let py = value.py();
    let number = match value.extract::<f64>() {
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            static DATETIME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            if !value.is_instance(import(py, &DATETIME, "datetime", "datetime")?)? {
                let expected = "a number of seconds since 1970 or a datetime with a time zone";
                return Err(wrong_type(name, expected, value));
            }
            if call(&value.getattr("utcoffset")?, ())?.is_none() {
                let problem = "has no time zone; pass datetime.now(timezone.utc) or time.time()";
                return Err(invalid_argument(py, name, problem));
            }
            call(&value.getattr("timestamp")?, ())?.extract()?
        }
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => f64::INFINITY,
        result => result?,
    };
    // From here on it is the time in milliseconds, as in the header of a webhook.
    const MAX_SECONDS: f64 = 1e11;
    if number.is_finite() && number >= MAX_SECONDS {
        return Err(invalid_argument(py, name, "must be in seconds since 1970, not milliseconds"));
    }
    let since_1970 = match number {
        f64::MIN..0.0 => Some(Duration::ZERO),
        _ => Duration::try_from_secs_f64(number).ok(),
    };
    match since_1970.and_then(|duration| UNIX_EPOCH.checked_add(duration)) {
        Some(time) => Ok(Some(time)),
        None => Err(invalid_argument(py, name, "must be a finite number of seconds since 1970")),
    }
}

/// A number from 0 to 2147483647, the range that C has for it.
pub(crate) fn count(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<u32>> {
    let Some(value) = value else { return Ok(None) };
    let number = match value.extract::<i32>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => None,
        Err(error) => return Err(named(error, name, "an integer", value)),
        Ok(number) => u32::try_from(number).ok(),
    };
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(invalid_argument(value.py(), name, "must be from 0 to 2147483647")),
    }
}

/// The path of a file.
pub(crate) fn path(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<PathBuf>> {
    let Some(value) = value else { return Ok(None) };
    value.extract().map(Some).map_err(|error| named(error, name, "str or os.PathLike", value))
}

/// The paths of a certificate file and its key file, as a tuple.
pub(crate) fn paths(
    name: &str,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<(PathBuf, PathBuf)>> {
    let Some(value) = value else { return Ok(None) };
    let Ok((cert, key)) = value.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
        return Err(match value.is_instance_of::<PyTuple>() {
            true => PyTypeError::new_err(format!("{name} must contain two paths")),
            false => wrong_type(name, "a tuple (cert_file, key_file)", value),
        });
    };
    let cert = path(&format!("{name}[0]"), Some(&cert))?;
    let key = path(&format!("{name}[1]"), Some(&key))?;
    Ok(cert.zip(key))
}

/// A function, or `None`.
pub(crate) fn callable(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match value {
        Some(value) if !value.is_callable() => Err(wrong_type(name, "callable or None", value)),
        _ => Ok(()),
    }
}

/// The error for an unknown keyword argument, with Python's standard message.
pub(crate) fn unexpected_keyword(function: &str, name: &str) -> PyErr {
    PyTypeError::new_err(format!("{function}() got an unexpected keyword argument '{name}'"))
}

/// A value of the wrong type.
pub(crate) fn wrong_type(name: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
    match value.get_type().name() {
        Ok(class) => PyTypeError::new_err(format!("{name} must be {expected}, not {class}")),
        Err(error) => error,
    }
}

/// Adds the name of the argument to a `TypeError`. Other exceptions come from the value's own
/// methods, such as `__float__`.
fn named(error: PyErr, name: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
    if error.is_instance_of::<PyTypeError>(value.py()) {
        wrong_type(name, expected, value)
    } else {
        error
    }
}
