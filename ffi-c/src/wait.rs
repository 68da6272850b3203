//! How to wait for a session, from C.

use std::ops::ControlFlow;
use std::time::Duration;

use zignsec_core::WaitOptions;

use crate::client::milliseconds;
use crate::ptr::UserData;
use crate::session::zs_session;

/// What zs_wait_for_session() calls after each poll that was answered, on the thread that waits.
///
/// It may call any function of the library, zs_client_cancel() among them, but must not free the
/// client of the wait or the session. It must return: an exception that leaves it ends the process
/// (abort), and longjmp() must not.
///
/// @param session     How the session stands. It is the library's, and good until the callback
///                    returns.
/// @param elapsed_ms  The time since the start of the wait, in milliseconds.
/// @param user_data   That of zs_wait_options.
/// @return 0 to go on waiting. Anything else ends the wait as ZS_ERROR_CANCELLED, unless the session
///         is final: that is the end of the wait, whatever is returned.
pub type zs_wait_callback =
    Option<extern "C-unwind" fn(session: &zs_session, elapsed_ms: u32, user_data: UserData) -> i32>;

/// How to wait for a session. Begin with ZS_WAIT_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zs_wait_options {
    /// sizeof(zs_wait_options).
    pub struct_size: usize,
    /// How long to wait for the end, in milliseconds. 0: 300000.
    pub timeout_ms: u32,
    /// The time between two polls, in milliseconds; each pause differs from it by up to a fifth, so
    /// that many clients do not ask at once. 0: 2000.
    pub poll_interval_ms: u32,
    /// What to call after each poll that was answered. NULL: nothing.
    pub on_poll: zs_wait_callback,
    /// For on_poll; the library does not look at it.
    pub user_data: UserData,
}

impl zs_wait_options {
    pub(crate) fn to_core(self) -> WaitOptions<'static> {
        let mut options = WaitOptions::default();
        if self.timeout_ms != 0 {
            options = options.timeout(milliseconds(self.timeout_ms));
        }
        if self.poll_interval_ms != 0 {
            options = options.poll_interval(milliseconds(self.poll_interval_ms));
        }
        match self.on_poll {
            None => options,
            Some(on_poll) => options.on_poll(move |session, elapsed| {
                match on_poll(&zs_session::new(session), whole_ms(elapsed), self.user_data) {
                    0 => ControlFlow::Continue(()),
                    _ => ControlFlow::Break(()),
                }
            }),
        }
    }
}

fn whole_ms(elapsed: Duration) -> u32 {
    elapsed.as_millis().try_into().unwrap_or(u32::MAX)
}
