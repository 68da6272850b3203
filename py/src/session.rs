//! The class `Session`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use crate::errors::to_python;
use crate::text::Text;

/// A session as the gateway told it. Frozen, hashable and picklable.
#[pyclass(frozen, eq, hash, module = "zignsec")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Session(zignsec::Session);

impl From<zignsec::Session> for Session {
    fn from(session: zignsec::Session) -> Self {
        Self(session)
    }
}

/// A status as Python has it, a `SessionStatus`.
pub(crate) fn status(py: Python<'_>, status: zignsec::SessionStatus) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "zignsec._status", "SessionStatus")?.call1((status.as_str(),))
}

/// What a JSON object of the gateway's is in Python. The core lets nothing through that Python's own
/// reader would refuse.
pub(crate) fn dict<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyDict>> {
    Ok(py.import("json")?.call_method1("loads", (json,))?.cast_into()?)
}

#[pymethods]
impl Session {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("id", "status")
    }

    #[new]
    fn new(json: Text) -> PyResult<Self> {
        let json = json.required("json")?;
        zignsec::Session::from_json(&json).map(Self).map_err(|error| to_python(&error))
    }

    /// What get_session asks for.
    #[getter]
    fn id(&self) -> &str {
        self.0.id()
    }

    /// The status, a SessionStatus.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        status(py, self.0.status())
    }

    /// The status as the gateway wrote it.
    #[getter]
    fn status_text(&self) -> &str {
        self.0.status_text()
    }

    /// Whether the session has ended, well or not.
    #[getter]
    fn is_final(&self) -> bool {
        self.0.is_final()
    }

    /// Whether the user proved that the phone is theirs.
    #[getter]
    fn is_verified(&self) -> bool {
        self.0.is_verified()
    }

    /// Where to send the user.
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

    /// The whole session as the gateway wrote it.
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

    fn __reduce__(slf: &Bound<'_, Self>) -> (Py<PyType>, (String,)) {
        (slf.get_type().unbind(), (slf.get().0.json().to_owned(),))
    }
}
