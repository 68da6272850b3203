//! Strings from Python.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zignsec::ErrorKind;

use crate::errors::to_python;

/// A `str` or `None`, not yet judged: only the call knows the argument's name.
pub(crate) enum Text {
    Given(String),
    Missing,
    /// A `str` can hold lone surrogates, which have no UTF-8.
    NotUtf8,
}

impl<'py> FromPyObject<'_, 'py> for Text {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            return Ok(Self::Missing);
        }
        let Ok(text) = value.cast::<PyString>() else {
            let class = value.get_type().name()?;
            return Err(PyTypeError::new_err(format!("expected str, not {class}")));
        };
        Ok(match text.to_str() {
            Ok(text) => Self::Given(text.to_owned()),
            Err(_) => Self::NotUtf8,
        })
    }
}

impl Text {
    pub(crate) fn required(self, name: &str) -> PyResult<String> {
        self.optional(name)?.ok_or_else(|| invalid(name, "must not be None"))
    }

    /// A string that a stranger may have written: `None` is empty, and what has no UTF-8 becomes
    /// U+FFFD. It is for the core to refuse.
    pub(crate) fn lossy(self) -> String {
        match self {
            Self::Given(text) => text,
            Self::Missing => String::new(),
            Self::NotUtf8 => char::REPLACEMENT_CHARACTER.into(),
        }
    }

    pub(crate) fn optional(self, name: &str) -> PyResult<Option<String>> {
        match self {
            Self::Given(text) => Ok(Some(text)),
            Self::Missing => Ok(None),
            Self::NotUtf8 => Err(invalid(name, "holds a lone surrogate, which UTF-8 cannot tell")),
        }
    }
}

/// An `InvalidArgumentError`.
pub(crate) fn invalid(name: &str, what: &str) -> PyErr {
    to_python(&zignsec::bindings::error(ErrorKind::InvalidArgument, format!("{name} {what}")))
}
