//! How to wait for a session.

use std::ops::ControlFlow;

use zignsec_core::WaitOptions;

use crate::duration;
use crate::ptr::{InitPtr, UserData, extensible};
use crate::session::zs_session;

/// The callback of zs_wait_for_session(), called after each response to a poll, on the thread that
/// waits.
///
/// It may call any function of the library, including zs_client_cancel(), but must not free the
/// client of the wait or the session. It must return: a C++ exception or pthread_exit() that leaves
/// it aborts the process, and it must not call longjmp().
///
/// @param session     The session as the poll returned it. The library owns it; it is valid until
///                    the callback returns.
/// @param elapsed_ms  The time since the start of the wait, in milliseconds.
/// @param user_data   The user_data of zs_wait_options.
/// @return 0 to continue. Any other value ends the wait with ZS_ERROR_CANCELLED, unless the session
///         is final: then the wait ends with ZS_OK.
pub type zs_wait_callback =
    Option<extern "C-unwind" fn(session: &zs_session, elapsed_ms: u32, user_data: UserData) -> i32>;

/// How to wait for a session. Initialise it with ZS_WAIT_OPTIONS_INIT or zs_wait_options_init().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zs_wait_options {
    /// sizeof(zs_wait_options).
    pub struct_size: usize,
    /// The limit for the whole wait, in milliseconds. 0: 300000.
    pub timeout_ms: u32,
    /// The time between two polls, in milliseconds. Each pause differs from it by up to 20 %, so
    /// that many clients do not poll at the same moment. 0: 2000.
    pub poll_interval_ms: u32,
    /// The function to call after each response to a poll. NULL: none.
    pub on_poll: zs_wait_callback,
    /// The last argument of on_poll. The library never dereferences it.
    pub user_data: UserData,
}

extensible!(zs_wait_options, "ZS_WAIT_OPTIONS_INIT", {
    struct_size,
    timeout_ms,
    poll_interval_ms,
    on_poll,
    user_data,
});

impl zs_wait_options {
    pub(crate) fn to_core(self) -> WaitOptions<'static> {
        let mut options = WaitOptions::default();
        if let Some(timeout) = duration::from_ms(self.timeout_ms) {
            options = options.timeout(timeout);
        }
        if let Some(interval) = duration::from_ms(self.poll_interval_ms) {
            options = options.poll_interval(interval);
        }
        match self.on_poll {
            None => options,
            Some(on_poll) => options.on_poll(move |session, elapsed| {
                let session = zs_session::new(session);
                match on_poll(&session, duration::to_ms(elapsed), self.user_data) {
                    0 => ControlFlow::Continue(()),
                    _ => ControlFlow::Break(()),
                }
            }),
        }
    }
}

/// Initialises options of a wait, as ZS_WAIT_OPTIONS_INIT does, for languages without a C
/// preprocessor: writes zero into struct_size bytes, then stores struct_size.
///
/// @param[out] options  The options. NULL: nothing is written.
/// @param struct_size   The size of the struct as the caller declares it, at most 4096. A size less
///                      than sizeof(size_t): nothing is written.
#[unsafe(no_mangle)]
pub extern "C" fn zs_wait_options_init(options: InitPtr<'_, zs_wait_options>, struct_size: usize) {
    options.init(struct_size);
}
