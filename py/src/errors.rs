//! From errors of the core to the exceptions of `zignsec._errors`.

use pyo3::prelude::*;
use pyo3::types::PyType;
use zignsec::bindings;
use zignsec::{Error, ErrorKind};

use crate::python_code::call;

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
    // In the order of the parameters of ZignSecError.
    let arguments = (
        error.message(),
        error.kind().code(),
        error.http_status(),
        error.body(),
        error.request_id(),
        error.retry_after().map(|pause| pause.as_secs_f64()),
        error.attempts(),
        error.in_doubt(),
    );
    call(&class(py, error.kind()), arguments)
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
