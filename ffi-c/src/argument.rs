//! Errors about arguments.

use zignsec_core::bindings;
use zignsec_core::{Error, ErrorKind};

pub(crate) fn invalid(name: &str, problem: &str) -> Error {
    bindings::error(ErrorKind::InvalidArgument, format!("{name} {problem}"))
}

pub(crate) fn is_null(name: &str) -> Error {
    invalid(name, "must not be NULL")
}
