//! One Python interpreter for each process.
//!
//! PyO3 creates the classes of this module once for each process, and Rust imports the exceptions
//! once. A second interpreter would get the classes and exceptions of the first one.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

use crate::cpython::interpreter_dictionary;

/// An entry in the dictionary of the interpreter that this process belongs to. An interpreter's ID
/// would not be enough: IDs start again after `Py_Finalize`.
const KEY: &str = "zignsec._zignsec";

/// At most 300 characters, as every message. `py/README.md` says more.
const REFUSED: &str = "zignsec is used by another Python interpreter of this process, or was used \
    by one that has ended. mod_wsgi: set 'WSGIApplicationGroup %{GLOBAL}', or one WSGIDaemonProcess \
    for each application. uWSGI: set 'single-interpreter = true'. Other programs: use the main \
    interpreter or start another process";

/// Reserves the process for the current interpreter. Raises ImportError if another one was first.
pub(crate) fn reserve(py: Python<'_>) -> PyResult<()> {
    static RESERVED: AtomicBool = AtomicBool::new(false);
    let interpreter = interpreter_dictionary(py)?;
    if interpreter.contains(KEY)? {
        return Ok(());
    }
    if RESERVED.swap(true, Ordering::SeqCst) {
        return Err(PyImportError::new_err(REFUSED));
    }
    interpreter.set_item(KEY, true)
}
