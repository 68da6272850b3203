//! Errors about arguments.

use std::str::Utf8Error;

use zignsec_core::bindings;
use zignsec_core::{Error, ErrorKind};

pub(crate) fn invalid(name: &str, problem: &str) -> Error {
    bindings::error(ErrorKind::InvalidArgument, format!("{name} {problem}"))
}

pub(crate) fn is_null(name: &str) -> Error {
    invalid(name, "must not be NULL")
}

pub(crate) fn not_utf8(name: &str, error: &Utf8Error) -> Error {
    bindings::not_utf8(name, error.valid_up_to())
}
