//! The class `Session`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use zignsec::bindings;

use crate::arguments::{borrowed_text, string};
use crate::errors::to_python;
use crate::python_code::{call, import};

/// A session as returned by the gateway. Immutable, hashable and picklable.
#[pyclass(frozen, eq, hash, weakref, module = "zignsec")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Session(zignsec::Session);

impl From<zignsec::Session> for Session {
    fn from(session: zignsec::Session) -> Self {
        Self(session)
    }
}

/// A `SessionStatus` of Python.
pub(crate) fn status(py: Python<'_>, status: zignsec::SessionStatus) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    call(import(py, &CLASS, "zignsec._status", "SessionStatus")?, (status.as_str(),))
}

/// A JSON object as a dict. The core accepts nothing that Python's `json` rejects.
pub(crate) fn dict<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyDict>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(call(import(py, &LOADS, "json", "loads")?, (json,))?.cast_into()?)
}

#[pymethods]
impl Session {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("id", "status")
    }

    /// Create a session from the json of another one. The text is trusted: only pass text that your
    /// own program stored.
    #[classmethod]
    fn from_json(class: &Bound<'_, PyType>, text: &Bound<'_, PyAny>) -> PyResult<Self> {
        let json = borrowed_text("text", text)?;
        zignsec::Session::from_json(json).map(Self).map_err(|error| to_python(class.py(), &error))
    }

    /// The ID of the session.
    #[getter]
    fn id(&self) -> &str {
        self.0.id()
    }

    /// The status of the session, a SessionStatus.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        status(py, self.0.status())
    }

    /// The status exactly as sent by the gateway.
    #[getter]
    fn status_text(&self) -> &str {
        self.0.status_text()
    }

    /// Whether the session has ended, successfully or not.
    #[getter]
    fn is_final(&self) -> bool {
        self.0.is_final()
    }

    /// Whether the user proved control of the phone.
    #[getter]
    fn is_verified(&self) -> bool {
        self.0.is_verified()
    }

    /// Whether the user proved control of this phone.
    fn is_verified_for(&self, phone_number: &Bound<'_, PyAny>) -> PyResult<bool> {
        // No number is an invalid number, which is not an error.
        let number = (!phone_number.is_none()).then(|| string("phone_number", phone_number));
        let number = number.transpose()?;
        // A lone surrogate is invalid too.
        let number = number.and_then(|number| number.to_str().ok()).unwrap_or_default();
        Ok(self.0.is_verified_for(number))
    }

    /// The URL of the hosted page; send the user there.
    #[getter]
    fn redirect_url(&self) -> Option<&str> {
        self.0.redirect_url()
    }

    #[getter]
    fn phone_number(&self) -> Option<&str> {
        self.0.phone_number()
    }

    #[getter]
    fn locale(&self) -> Option<&str> {
        self.0.locale()
    }

    #[getter]
    fn redirect_success(&self) -> Option<&str> {
        self.0.redirect_success()
    }

    #[getter]
    fn redirect_failure(&self) -> Option<&str> {
        self.0.redirect_failure()
    }

    #[getter]
    fn relay_state(&self) -> Option<&str> {
        self.0.relay_state()
    }

    #[getter]
    fn webhook(&self) -> Option<&str> {
        self.0.webhook()
    }

    /// The session as sent by the gateway.
    #[getter]
    fn json(&self) -> &str {
        self.0.json()
    }

    /// Return json as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        dict(py, self.0.json())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let id = self.id().into_pyobject(py)?.repr()?;
        let status = self.0.status().as_str();
        Ok(match self.0.masked_phone_number() {
            Some(number) => format!("Session(id={id}, status='{status}', phone_number='{number}')"),
            None => format!("Session(id={id}, status='{status}')"),
        })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let session = &slf.get().0;
        let stored = bindings::stored_verdict(session);
        let state = (session.json(), stored.is_from_start, stored.is_verified, stored.number);
        reduced(slf.py(), "_restore_session", state)
    }
}

/// Creates an unpickled session.
#[pyfunction]
pub(crate) fn _restore_session(
    py: Python<'_>,
    json: &str,
    is_from_start: bool,
    is_verified: bool,
    number: i64,
) -> PyResult<Session> {
    let stored = bindings::StoredVerdict { is_from_start, is_verified, number };
    bindings::restore_session(json, stored).map(Session).map_err(|error| to_python(py, &error))
}

/// What pickle stores of an object: a function of this module, and its arguments. It is not the
/// class method `from_json`, which pickle would store as a call of `getattr`; restricted unpicklers
/// reject that.
pub(crate) fn reduced<'py>(
    py: Python<'py>,
    function: &str,
    arguments: impl IntoPyObject<'py, Target = PyTuple>,
) -> PyResult<Bound<'py, PyTuple>> {
    let function = py.import("zignsec._zignsec")?.getattr(function)?;
    (function, arguments).into_pyobject(py)
}
