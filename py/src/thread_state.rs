//! The GIL, released for a call and taken again for Python code that runs during the call.
//!
//! `Python::try_attach` alone takes the first interpreter that this thread was used by, because
//! before Python 3.12 `PyGILState_Ensure` does so. The call may be one of another interpreter, for
//! example of an application of uWSGI.

use std::cell::Cell;

use pyo3::prelude::*;

use crate::cpython::{self, ThreadState};

thread_local! {
    /// The state of this thread in the interpreter that made the current call.
    static CALLER: Cell<ThreadState> = const { Cell::new(ThreadState::NONE) };
}

/// Runs a call of the core, which must not panic, with the GIL released.
pub(crate) fn detach<T: Send>(py: Python<'_>, call: impl FnOnce() -> T + Send) -> T {
    let outer = CALLER.replace(ThreadState::current(py));
    let result = py.detach(call);
    CALLER.set(outer);
    result
}

/// Runs Python code in the interpreter that made the current call. Returns None if it shuts down.
pub(crate) fn try_attach<T>(code: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    Python::try_attach(|py| cpython::run_in(py, CALLER.get(), || code(py)))
}
