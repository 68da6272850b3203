//! The wrapper around every call from C that can fail.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

use zignsec_core::{Error, bindings};

use crate::argument;
use crate::error::zs_error;
use crate::ptr::{self, IntoRaw, OutPtr};
use crate::result::zs_result;

/// Runs `call` and stores its value in `out`, or its error in `out_error`. A panic becomes
/// ZS_ERROR_INTERNAL. `out_name` is the name of `out` in error messages.
///
/// The exported functions that use this are `extern "C-unwind"`: see [`ptr::without_cancellation`].
pub(crate) fn ffi_call<P: IntoRaw<T>, T>(
    out_name: &str,
    out: Option<&mut MaybeUninit<P>>,
    out_error: OutPtr<'_, zs_error>,
    call: impl FnOnce() -> Result<T, Error>,
) -> zs_result {
    ptr::without_cancellation(|| {
        // Of what is not in `call`, nothing can panic. If it does, it must not unwind into C.
        let store = AssertUnwindSafe(|| store(out_name, out, out_error, call));
        catch_unwind(store).unwrap_or_else(|_| process::abort())
    })
}

fn store<P: IntoRaw<T>, T>(
    out_name: &str,
    mut out: Option<&mut MaybeUninit<P>>,
    mut out_error: OutPtr<'_, zs_error>,
    call: impl FnOnce() -> Result<T, Error>,
) -> zs_result {
    if let Some(out) = &mut out {
        out.write(P::NULL);
    }
    if let Some(out_error) = &mut out_error {
        out_error.write(IntoRaw::<zs_error>::NULL);
    }
    let result = match out {
        // Checked before the call: a session that cannot be returned must not be started.
        None => Err(argument::is_null(out_name)),
        Some(out) => bindings::catch_panic(call).map(|value| {
            out.write(P::into_raw(value));
        }),
    };
    match result {
        Ok(()) => zs_result::ZS_OK,
        Err(error) => {
            let result = zs_result::of(error.kind());
            if let Some(out_error) = out_error {
                out_error.write(IntoRaw::into_raw(zs_error::new(&error)));
            }
            result
        }
    }
}
