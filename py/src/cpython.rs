//! Functions of CPython for which PyO3 has no safe ones: all unsafe code of this crate.

use std::{mem, thread};

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi::{self, PyObject, PyThreadState};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

// PyO3 does not use this function. If it did, link-time optimization could merge its declaration
// with this one.
unsafe extern "C-unwind" {
    fn PyObject_CallObject(function: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject;
}

/// Calls a function. If CPython ends the thread meanwhile, by unwinding the stack, this blocks the
/// thread instead, until the process ends.
pub(crate) fn call_or_block<'py>(
    function: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let unwinding = BlockThread;
    // SAFETY: the thread is attached, and both objects live until the function returns.
    let result = unsafe { PyObject_CallObject(function.as_ptr(), arguments.as_ptr()) };
    mem::forget(unwinding);
    // SAFETY: the result is a new reference, or null if an exception is set.
    unsafe { Bound::from_owned_ptr_or_err(function.py(), result) }
}

/// Blocks the thread when it is dropped.
struct BlockThread;

impl Drop for BlockThread {
    fn drop(&mut self) {
        loop {
            thread::park();
        }
    }
}

/// The state of a thread in one interpreter. The null pointer is none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadState(*mut PyThreadState);

impl ThreadState {
    pub(crate) const NONE: Self = Self(std::ptr::null_mut());

    pub(crate) fn current(_py: Python<'_>) -> Self {
        // SAFETY: this thread is attached.
        Self(unsafe { ffi::PyThreadState_Get() })
    }
}

/// Runs `code` in the interpreter of `caller`, which is a state of this thread that waits for a call
/// of the core, or none.
pub(crate) fn run_in<T>(py: Python<'_>, caller: ThreadState, code: impl FnOnce() -> T) -> T {
    /// Restores the state when it is dropped, also by a panic.
    struct Swapped(ThreadState);
    impl Drop for Swapped {
        fn drop(&mut self) {
            // SAFETY: the state that was replaced, on the same thread.
            unsafe { ffi::PyThreadState_Swap(self.0.0) };
        }
    }
    let swap = caller != ThreadState::NONE && caller != ThreadState::current(py);
    // SAFETY: this thread is attached. `caller` is a state of this thread, too; it waits, so it
    // exists and nobody uses it. Both interpreters use the same GIL: before Python 3.12 there is
    // only one, and later versions attach to the caller.
    let _swapped = swap.then(|| Swapped(ThreadState(unsafe { ffi::PyThreadState_Swap(caller.0) })));
    code()
}

/// The dictionary that CPython keeps for the data that extensions have in each interpreter.
pub(crate) fn interpreter_dictionary(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    // SAFETY: this thread is attached, so it has an interpreter. The result is borrowed from it, or
    // null without an exception.
    let dictionary = unsafe {
        let borrowed = ffi::PyInterpreterState_GetDict(ffi::PyInterpreterState_Get());
        Bound::from_borrowed_ptr_or_opt(py, borrowed)
    };
    let dictionary = dictionary.ok_or_else(|| PyMemoryError::new_err(()))?;
    Ok(dictionary.cast_into()?)
}
