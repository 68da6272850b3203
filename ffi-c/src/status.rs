//! The status of a session.

use std::ffi::{CStr, c_char};

/// The status of a session. Trust only zs_session_is_verified_for(). The numbers never
/// change; new ones may be added.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "used by C")]
pub enum zs_status {
    /// A status that the library does not know. Not final. See zs_session_status_text().
    ZS_STATUS_UNKNOWN = 0,
    /// Created; the user has not opened the page yet.
    ZS_STATUS_CREATED = 1,
    /// Waiting for the user.
    ZS_STATUS_PENDING = 2,
    /// Completed successfully. The gateway uses both accepted and finished for success.
    ZS_STATUS_ACCEPTED = 3,
    /// Completed successfully.
    ZS_STATUS_FINISHED = 4,
    /// Failed: the user was not verified.
    ZS_STATUS_FAILED = 5,
    /// Cancelled by the user.
    ZS_STATUS_CANCELLED = 6,
    /// Declined.
    ZS_STATUS_DECLINED = 7,
    /// Timed out.
    ZS_STATUS_TIMEOUT = 8,
}

const NAMES: [&CStr; 9] = [
    c"ZS_STATUS_UNKNOWN",
    c"ZS_STATUS_CREATED",
    c"ZS_STATUS_PENDING",
    c"ZS_STATUS_ACCEPTED",
    c"ZS_STATUS_FINISHED",
    c"ZS_STATUS_FAILED",
    c"ZS_STATUS_CANCELLED",
    c"ZS_STATUS_DECLINED",
    c"ZS_STATUS_TIMEOUT",
];

/// The name of a status, as in this header: "ZS_STATUS_PENDING".
///
/// @param status  A zs_status, or any other number.
/// @return A static string; do not free. "ZS_STATUS_UNKNOWN" for a number that is not a zs_status
///         of this version. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_status_name(status: i32) -> *const c_char {
    usize::try_from(status).ok().and_then(|at| NAMES.get(at)).unwrap_or(&NAMES[0]).as_ptr()
}

#[cfg(test)]
mod tests {
    use zignsec_core::SessionStatus;

    use super::*;

    #[test]
    fn every_status_has_the_number_and_name_of_the_core() {
        use zs_status::*;
        let all = [
            ZS_STATUS_UNKNOWN,
            ZS_STATUS_CREATED,
            ZS_STATUS_PENDING,
            ZS_STATUS_ACCEPTED,
            ZS_STATUS_FINISHED,
            ZS_STATUS_FAILED,
            ZS_STATUS_CANCELLED,
            ZS_STATUS_DECLINED,
            ZS_STATUS_TIMEOUT,
        ];
        assert_eq!(all.len(), SessionStatus::ALL.len());
        for (status, core) in all.into_iter().zip(SessionStatus::ALL.iter()) {
            assert_eq!(status as i32, *core as i32);
            let name = NAMES[status as usize].to_str().unwrap();
            assert_eq!(name, format!("{status:?}"));
            assert_eq!(name, format!("ZS_STATUS_{}", core.as_str().to_ascii_uppercase()));
        }
    }
}
