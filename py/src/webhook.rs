//! The function `verify_webhook` and the class `WebhookEvent`.

use std::time::{Duration, SystemTime};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyMemoryView, PyString, PyTuple, PyType};
use zignsec::bindings::{self, Zeroizing};
use zignsec::webhook;

use crate::arguments::{borrowed_text, not_encodable, required_text, seconds, time, wrong_type};
use crate::errors::{invalid_argument, to_python};
use crate::python_code::call;
use crate::session;
use crate::without_gil::without_gil;

/// Verify the signature and the time of a webhook and decode it.
#[pyfunction]
#[pyo3(
    signature = (body, signature, secret, *, tolerance=Tolerance::Default, now=None),
    text_signature = "(body, signature, secret, *, tolerance=300.0, now=None)"
)]
pub(crate) fn verify_webhook(
    py: Python<'_>,
    body: &Bound<'_, PyAny>,
    signature: Option<&Bound<'_, PyAny>>,
    secret: &Bound<'_, PyAny>,
    tolerance: Tolerance<'_>,
    now: Option<&Bound<'_, PyAny>>,
) -> PyResult<WebhookEvent> {
    let secret = Zeroizing::new(required_text("secret", secret)?);
    let (body, signature) = (bytes(body)?, header("signature", signature)?);
    let tolerance = tolerance.to_core()?;
    let now = time("now", now)?.unwrap_or_else(SystemTime::now);
    without_gil(py, || webhook::verify_at(&body, &signature, &secret, tolerance, now))
        .map(WebhookEvent)
}

/// The bytes of a body.
fn bytes(body: &Bound<'_, PyAny>) -> PyResult<PyBackedBytes> {
    let py = body.py();
    let bytes = if body.is_instance_of::<PyString>() {
        // By Python, which raises MemoryError if there is not enough memory.
        match call(&body.getattr("encode")?, ()) {
            Ok(bytes) => bytes.cast_into()?,
            Err(error) => return Err(not_encodable(py, "body", error)?),
        }
    } else if body.is_none() {
        return Err(invalid_argument(py, "body", "must not be None"));
    } else if body.is_instance_of::<PyByteArray>() || body.is_instance_of::<PyMemoryView>() {
        // A copy: another thread may write to them.
        call(&py.get_type::<PyBytes>(), (body,))?.cast_into()?
    } else if let Ok(bytes) = body.cast::<PyBytes>() {
        bytes.clone()
    } else {
        return Err(wrong_type("body", "bytes or str", body));
    };
    Ok(bytes.into())
}

/// The value of a header, which is untrusted input: `None` becomes empty and a lone surrogate
/// U+FFFD, and the core rejects both.
fn header(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    match value {
        None => Ok(String::new()),
        Some(value) => match value.cast::<PyString>() {
            Ok(text) => Ok(text.to_string_lossy().into_owned()),
            Err(_) => Err(wrong_type(name, "str or None", value)),
        },
    }
}

/// The argument `tolerance`, for which `None` is not the default.
pub(crate) enum Tolerance<'py> {
    Default,
    Given(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Tolerance<'py> {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self::Given(value.to_owned()))
    }
}

impl Tolerance<'_> {
    fn to_core(&self) -> PyResult<webhook::Tolerance> {
        let Self::Given(value) = self else { return Ok(webhook::Tolerance::default()) };
        let value = Some(value).filter(|value| !value.is_none());
        match (seconds("tolerance", value)?, value) {
            (Some(Duration::MAX), Some(value)) => {
                Err(invalid_argument(value.py(), "tolerance", "must be a finite number of seconds"))
            }
            (Some(limit), _) => Ok(webhook::Tolerance::Within(limit)),
            (None, _) => Ok(webhook::Tolerance::Unlimited),
        }
    }
}

/// The content of a webhook. Immutable, hashable and picklable.
#[pyclass(frozen, eq, hash, weakref, module = "zignsec")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct WebhookEvent(webhook::WebhookEvent);

/// Creates an unpickled event.
#[pyfunction]
pub(crate) fn _webhook_event_from_json(py: Python<'_>, text: &str) -> PyResult<WebhookEvent> {
    webhook::WebhookEvent::from_json(text).map(WebhookEvent).map_err(|error| to_python(py, &error))
}

#[pymethods]
impl WebhookEvent {
    /// Create an event from the json of another one. No signature is checked.
    #[classmethod]
    fn from_json(class: &Bound<'_, PyType>, text: &Bound<'_, PyAny>) -> PyResult<Self> {
        _webhook_event_from_json(class.py(), borrowed_text("text", text)?)
    }

    /// The ID of the session.
    #[getter]
    fn session_id(&self) -> &str {
        self.0.session_id()
    }

    /// The kind of event, such as 'session_finished'.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The status in the webhook, a SessionStatus.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        session::status(py, self.0.status())
    }

    /// The status exactly as sent.
    #[getter]
    fn status_text(&self) -> &str {
        self.0.status_text()
    }

    #[getter]
    fn relay_state(&self) -> Option<&str> {
        self.0.relay_state()
    }

    /// The body as sent by the gateway.
    #[getter]
    fn json(&self) -> &str {
        self.0.json()
    }

    /// Return json as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        session::dict(py, self.0.json())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let id = self.session_id().into_pyobject(py)?.repr()?;
        let name = bindings::redact(self.name()).into_pyobject(py)?.repr()?;
        let status = self.0.status().as_str();
        Ok(format!("WebhookEvent(session_id={id}, name={name}, status='{status}')"))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        session::reduced(slf.py(), "_webhook_event_from_json", (slf.get().0.json(),))
    }
}
