//! Keeps panics out of C in functions that return no error.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops an object that C gives back. A panic does not leave this function.
pub(crate) fn drop_caught<T>(object: Option<Box<T>>) {
    catch_panic(|| drop(object));
}

/// Runs code that has no result to report an error with. A panic does not leave this function.
pub(crate) fn catch_panic(call: impl FnOnce()) {
    // The panic hook has already reported it.
    let _ = catch_unwind(AssertUnwindSafe(call));
}
