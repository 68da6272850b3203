//! Time limits in C are whole milliseconds.

use std::time::Duration;

/// Converts an option from C. 0 means that the option was not given.
pub(crate) fn from_ms(milliseconds: u32) -> Option<Duration> {
    (milliseconds != 0).then(|| Duration::from_millis(milliseconds.into()))
}

/// Converts a duration for C. One that does not fit becomes the largest number.
pub(crate) fn to_ms(duration: Duration) -> u32 {
    duration.as_millis().try_into().unwrap_or(u32::MAX)
}
