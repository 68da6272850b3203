//! The status of a session.

use std::fmt;

/// The status of a session. Whether the user is verified is decided by
/// [`Session::is_verified_for`](crate::Session::is_verified_for), not by the status alone.
///
/// The numbers are frozen: they are the `zs_status` of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionStatus {
    /// A status that this library does not know. It is not final. Its text is
    /// [`Session::status_text`](crate::Session::status_text).
    Unknown = 0,
    /// Created; the user has not opened the page. Also `ready_to_start` and `generated_link`.
    Created = 1,
    /// Waiting for the user.
    Pending = 2,
    /// Completed successfully. ZignSec's documentation uses both `accepted` and `finished`.
    Accepted = 3,
    /// Completed successfully.
    Finished = 4,
    /// Final: the user was not verified.
    Failed = 5,
    /// Final: cancelled by the user. Also `canceled`.
    Cancelled = 6,
    /// Final: declined. Also `rejected`.
    Declined = 7,
    /// Final: timed out. Also `expired`.
    Timeout = 8,
}

impl SessionStatus {
    /// All statuses, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Unknown,
        Self::Created,
        Self::Pending,
        Self::Accepted,
        Self::Finished,
        Self::Failed,
        Self::Cancelled,
        Self::Declined,
        Self::Timeout,
    ];

    /// Parses the gateway's word. ZignSec's pages and products differ in case and spelling, so case
    /// is ignored, and so are `_`, `-` and spaces in words that do not verify.
    pub(crate) fn from_word(word: &str) -> Self {
        const VERIFYING: [(&str, SessionStatus); 2] =
            [("accepted", SessionStatus::Accepted), ("finished", SessionStatus::Finished)];
        const OTHERS: [(&str, SessionStatus); 11] = [
            ("pending", SessionStatus::Pending),
            ("created", SessionStatus::Created),
            ("readytostart", SessionStatus::Created),
            ("generatedlink", SessionStatus::Created),
            ("failed", SessionStatus::Failed),
            ("cancelled", SessionStatus::Cancelled),
            ("canceled", SessionStatus::Cancelled),
            ("declined", SessionStatus::Declined),
            ("rejected", SessionStatus::Declined),
            ("timeout", SessionStatus::Timeout),
            ("expired", SessionStatus::Timeout),
        ];
        let letters = || word.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' '));
        let matches_leniently =
            |known: &str| letters().map(|byte| byte.to_ascii_lowercase()).eq(known.bytes());
        let verifying = VERIFYING.iter().find(|(known, _)| word.eq_ignore_ascii_case(known));
        let other = || OTHERS.iter().find(|(known, _)| matches_leniently(known));
        verifying.or_else(other).map_or(Self::Unknown, |(_, status)| *status)
    }

    /// Whether the session has ended, successfully or not.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Unknown | Self::Created | Self::Pending)
    }

    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Accepted | Self::Finished)
    }

    /// The status as a lower-case word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Created => "created",
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::Timeout => "timeout",
        }
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_parsed_from_its_own_word() {
        for (number, status) in SessionStatus::ALL.iter().enumerate() {
            assert_eq!(*status as usize, number);
            assert_eq!(SessionStatus::from_word(status.as_str()), *status);
        }
    }
}
