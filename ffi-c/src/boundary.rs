//! The line between Rust and C: what a function of the core gives becomes a result and objects.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use zignsec_core::{Error, bindings};

use crate::error::zs_error;
use crate::ptr::{self, Given, Out};
use crate::result::zs_result;

/// Drops an object that C gives back. A panic ends here.
pub(crate) fn take_back<T>(object: Option<Box<T>>) {
    contain(|| drop(object));
}

/// Runs what has no result to tell a failure by. A panic ends here.
pub(crate) fn contain(call: impl FnOnce()) {
    // Nobody can be told; the panic hook has spoken.
    let _ = catch_unwind(AssertUnwindSafe(call));
}

/// Runs `call` and gives C what it makes, or its error. A panic ends here.
pub(crate) fn boundary<P: Given<T>, T>(
    name: &str,
    mut out: Option<&mut MaybeUninit<P>>,
    mut out_error: Out<'_, zs_error>,
    call: impl FnOnce() -> Result<T, Error>,
) -> zs_result {
    if let Some(place) = &mut out {
        place.write(P::NULL);
    }
    if let Some(place) = &mut out_error {
        place.write(Given::<zs_error>::NULL);
    }
    let outcome = match out {
        // Looked at before the call: a session that nobody can be given must not be opened.
        None => Err(ptr::is_null(name)),
        Some(place) => bindings::catch_panic(call).map(|value| {
            place.write(P::new(value));
        }),
    };
    match outcome {
        Ok(()) => zs_result::ZS_OK,
        Err(error) => {
            let result = zs_result::of(error.kind());
            if let Some(place) = out_error {
                place.write(Given::new(zs_error::new(&error)));
            }
            result
        }
    }
}
