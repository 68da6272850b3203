//! Calls of Python code.
//!
//! Before version 3.14, CPython ends a daemon thread that waits for the GIL while the interpreter
//! shuts down: it calls `pthread_exit`, which unwinds the stack. If a Rust function on that stack
//! has called the Python code, the process aborts, because PyO3 declares the functions of CPython
//! as functions that never unwind. So Rust calls functions of Python only with those of this file.
//! They block the thread until the process ends, as CPython 3.14 does, and as PyO3 does while it
//! waits for the GIL itself. Methods that CPython calls by itself, such as an argument's `__float__`
//! or `__fspath__`, or a finalizer, are not covered.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::cpython::call_or_block;

/// Calls a Python function.
pub(crate) fn call<'py>(
    function: &Bound<'py, PyAny>,
    arguments: impl IntoPyObject<'py, Output = Bound<'py, PyTuple>>,
) -> PyResult<Bound<'py, PyAny>> {
    let arguments = arguments.into_pyobject(function.py()).map_err(Into::into)?;
    call_or_block(function, &arguments)
}

/// Imports an object of a module when it is first used.
pub(crate) fn import<'a, 'py>(
    py: Python<'py>,
    object: &'a PyOnceLock<Py<PyAny>>,
    module: &str,
    name: &str,
) -> PyResult<&'a Bound<'py, PyAny>> {
    if let Some(object) = object.get(py) {
        return Ok(object.bind(py));
    }
    let import = py.import("builtins")?.getattr("__import__")?;
    let module = call(&import, (module, py.None(), py.None(), (name,)))?;
    let imported = module.getattr(name)?.unbind();
    // Not imported within get_or_init: if the thread is blocked, others must not wait for it.
    Ok(object.get_or_init(py, || imported).bind(py))
}
