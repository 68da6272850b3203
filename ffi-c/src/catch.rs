//! Keeps panics out of C in functions that return no error.

use zignsec_core::bindings;

use crate::ptr;

/// Drops an object that C gives back. A panic does not leave this function.
pub(crate) fn drop_caught<T>(object: Option<Box<T>>) {
    ignore_panic(|| drop(object));
}

/// Runs code that has no result to report an error with. A panic does not leave this function.
pub(crate) fn ignore_panic(call: impl FnOnce()) {
    ptr::without_cancellation(|| {
        // The panic hook has already reported it.
        let _ = bindings::catch_panic(|| {
            call();
            Ok(())
        });
    });
}
