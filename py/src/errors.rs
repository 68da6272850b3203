//! From errors of the core to the exceptions of `zignsec._errors`.

use pyo3::prelude::*;
use zignsec::{Error, ErrorKind};

mod python {
    pyo3::import_exception!(zignsec._errors, APIConnectionError);
    pyo3::import_exception!(zignsec._errors, APIStatusError);
    pyo3::import_exception!(zignsec._errors, APITimeoutError);
    pyo3::import_exception!(zignsec._errors, AuthenticationError);
    pyo3::import_exception!(zignsec._errors, BadRequestError);
    pyo3::import_exception!(zignsec._errors, CallCancelledError);
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

/// The exception for an error. Its arguments are those of `ZignSecError.__init__`, in that order.
pub(crate) fn to_python(error: &Error) -> PyErr {
    let arguments = (
        error.message().to_owned(),
        error.kind().code(),
        error.http_status(),
        error.body().map(str::to_owned),
        error.request_id().map(str::to_owned),
        error.retry_after().map(|wait| wait.as_secs_f64()),
        error.attempts(),
        error.in_doubt(),
    );
    let new = match error.kind() {
        ErrorKind::InvalidArgument => python::InvalidArgumentError::new_err,
        ErrorKind::Configuration => python::ConfigurationError::new_err,
        ErrorKind::Connect | ErrorKind::Io => python::APIConnectionError::new_err,
        ErrorKind::Tls => python::TLSError::new_err,
        ErrorKind::Timeout => python::APITimeoutError::new_err,
        ErrorKind::Protocol => python::ProtocolError::new_err,
        ErrorKind::InvalidRequest => python::BadRequestError::new_err,
        ErrorKind::Authentication => python::AuthenticationError::new_err,
        ErrorKind::Permission => python::PermissionDeniedError::new_err,
        ErrorKind::NotFound => python::NotFoundError::new_err,
        ErrorKind::RateLimited => python::RateLimitError::new_err,
        ErrorKind::Server => python::ServerError::new_err,
        ErrorKind::UnexpectedStatus => python::APIStatusError::new_err,
        ErrorKind::WaitTimeout => python::WaitTimeoutError::new_err,
        ErrorKind::Cancelled => python::CallCancelledError::new_err,
        ErrorKind::WebhookSignature => python::WebhookSignatureError::new_err,
        // A kind that is new in the core has no class yet.
        _ => python::InternalError::new_err,
    };
    new(arguments)
}
