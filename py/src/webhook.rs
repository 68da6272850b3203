//! The function `verify_webhook` and the class `WebhookEvent`.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyMemoryView, PyString, PyType};
use zeroize::Zeroizing;
use zignsec::webhook;

use crate::detached::detached;
use crate::errors::to_python;
use crate::number::Seconds;
use crate::session;
use crate::text::{Text, invalid};

/// Check a webhook's signature and its time, then read it.
#[pyfunction]
#[pyo3(
    signature = (body, signature, secret, *, tolerance=Tolerance::default()),
    text_signature = "(body, signature, secret, *, tolerance=300.0)"
)]
pub(crate) fn verify_webhook(
    py: Python<'_>,
    body: &Bound<'_, PyAny>,
    signature: Text,
    secret: Text,
    tolerance: Tolerance,
) -> PyResult<WebhookEvent> {
    let secret = Zeroizing::new(secret.required("secret")?);
    let (body, signature) = (bytes(body)?, signature.lossy());
    detached(py, || webhook::verify(&body, &signature, &secret, tolerance.0)).map(WebhookEvent)
}

/// The bytes of a body.
fn bytes(body: &Bound<'_, PyAny>) -> PyResult<PyBackedBytes> {
    let py = body.py();
    let bytes = if body.is_none() || body.is_instance_of::<PyString>() {
        PyBytes::new(py, body.extract::<Text>()?.required("body")?.as_bytes())
    } else if body.is_instance_of::<PyByteArray>() || body.is_instance_of::<PyMemoryView>() {
        // A copy, since another thread may write to these.
        py.get_type::<PyBytes>().call1((body,))?.cast_into()?
    } else if let Ok(bytes) = body.cast::<PyBytes>() {
        bytes.clone()
    } else {
        let class = body.get_type().name()?;
        return Err(PyTypeError::new_err(format!("expected bytes or str, not {class}")));
    };
    Ok(bytes.into())
}

/// `None`, or a number of seconds.
#[derive(Default)]
pub(crate) struct Tolerance(webhook::Tolerance);

impl<'py> FromPyObject<'_, 'py> for Tolerance {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            return Ok(Self(webhook::Tolerance::Unlimited));
        }
        match value.extract::<Seconds>()? {
            Seconds(Duration::MAX) => Err(invalid("tolerance", "must be a number that time has")),
            Seconds(limit) => Ok(Self(webhook::Tolerance::Within(limit))),
        }
    }
}

/// What a webhook tells. Frozen, hashable and picklable.
#[pyclass(frozen, eq, hash, module = "zignsec")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct WebhookEvent(webhook::WebhookEvent);

#[pymethods]
impl WebhookEvent {
    #[new]
    fn new(json: Text) -> PyResult<Self> {
        let json = json.required("json")?;
        webhook::WebhookEvent::from_json(&json).map(Self).map_err(|error| to_python(&error))
    }

    /// What get_session asks for.
    #[getter]
    fn session_id(&self) -> &str {
        self.0.session_id()
    }

    /// What happened, such as 'session_finished'.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The status that the webhook tells, a SessionStatus.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        session::status(py, self.0.status())
    }

    /// The status as the gateway wrote it.
    #[getter]
    fn status_text(&self) -> &str {
        self.0.status_text()
    }

    #[getter]
    fn relay_state(&self) -> Option<&str> {
        self.0.relay_state()
    }

    /// The whole body as the gateway wrote it.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        session::dict(py, self.0.json())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let id = self.session_id().into_pyobject(py)?.repr()?;
        let name = self.name().into_pyobject(py)?.repr()?;
        let status = self.0.status().as_str();
        Ok(format!("WebhookEvent(session_id={id}, name={name}, status='{status}')"))
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> (Py<PyType>, (String,)) {
        (slf.get_type().unbind(), (slf.get().0.json().to_owned(),))
    }
}
