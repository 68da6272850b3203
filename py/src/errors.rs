//! From errors of the core to the exceptions of `zignsec._errors`.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use zignsec::bindings;
use zignsec::{Error, ErrorKind};

mod python {
    pyo3::import_exception!(zignsec._errors, APIConnectionError);
    pyo3::import_exception!(zignsec._errors, APIStatusError);
    pyo3::import_exception!(zignsec._errors, APITimeoutError);
    pyo3::import_exception!(zignsec._errors, AuthenticationError);
    pyo3::import_exception!(zignsec._errors, BadRequestError);
    pyo3::import_exception!(zignsec._errors, CallCancelledError);
    pyo3::import_exception!(zignsec._errors, ClosedError);
    pyo3::import_exception!(zignsec._errors, ConfigurationError);
    pyo3::import_exception!(zignsec._errors, InternalError);
    pyo3::import_exception!(zignsec._errors, InvalidArgumentError);
    pyo3::import_exception!(zignsec._errors, NotFoundError);
    pyo3::import_exception!(zignsec._errors, PermissionDeniedError);
    pyo3::import_exception!(zignsec._errors, ProtocolError);
    pyo3::import_exception!(zignsec._errors, RateLimitError);
    pyo3::import_exception!(zignsec._errors, ServerError);
    pyo3::import_exception!(zignsec._errors, TLSError);
    pyo3::import_exception!(zignsec._errors, WaitTimeoutError);
    pyo3::import_exception!(zignsec._errors, WebhookSignatureError);
}

/// The exception for an error of the core.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).map_or_else(|failed| failed, PyErr::from_value)
}

/// An `InvalidArgumentError` that names the argument.
pub(crate) fn invalid_argument(py: Python<'_>, name: &str, problem: &str) -> PyErr {
    let message = format!("{name} {problem}");
    to_python(py, &bindings::error(ErrorKind::InvalidArgument, message))
}

fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let details = PyDict::new(py);
    details.set_item(intern!(py, "code"), error.kind().code())?;
    details.set_item(intern!(py, "status_code"), error.http_status())?;
    details.set_item(intern!(py, "body"), error.body())?;
    details.set_item(intern!(py, "request_id"), error.request_id())?;
    let retry_after = error.retry_after().map(|pause| pause.as_secs_f64());
    details.set_item(intern!(py, "retry_after"), retry_after)?;
    details.set_item(intern!(py, "attempts"), error.attempts())?;
    details.set_item(intern!(py, "in_doubt"), error.in_doubt())?;
    class(py, error.kind()).call((error.message(),), Some(&details))
}

fn class(py: Python<'_>, kind: ErrorKind) -> Bound<'_, PyType> {
    match kind {
        ErrorKind::InvalidArgument => py.get_type::<python::InvalidArgumentError>(),
        ErrorKind::Configuration => py.get_type::<python::ConfigurationError>(),
        ErrorKind::Closed => py.get_type::<python::ClosedError>(),
        ErrorKind::Connect | ErrorKind::Io => py.get_type::<python::APIConnectionError>(),
        ErrorKind::Tls => py.get_type::<python::TLSError>(),
        ErrorKind::Timeout => py.get_type::<python::APITimeoutError>(),
        ErrorKind::Protocol => py.get_type::<python::ProtocolError>(),
        ErrorKind::InvalidRequest => py.get_type::<python::BadRequestError>(),
        ErrorKind::Authentication => py.get_type::<python::AuthenticationError>(),
        ErrorKind::Permission => py.get_type::<python::PermissionDeniedError>(),
        ErrorKind::NotFound => py.get_type::<python::NotFoundError>(),
        ErrorKind::RateLimited => py.get_type::<python::RateLimitError>(),
        ErrorKind::Server => py.get_type::<python::ServerError>(),
        ErrorKind::UnexpectedStatus => py.get_type::<python::APIStatusError>(),
        ErrorKind::WaitTimeout => py.get_type::<python::WaitTimeoutError>(),
        ErrorKind::Cancelled => py.get_type::<python::CallCancelledError>(),
        ErrorKind::WebhookSignature => py.get_type::<python::WebhookSignatureError>(),
        // Also for a kind that is new in the core and has no class yet.
        _ => py.get_type::<python::InternalError>(),
    }
}
