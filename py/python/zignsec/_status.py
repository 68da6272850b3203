"""The status of a session. The values are those of ``SessionStatus`` in the Rust crate."""

from enum import Enum


class SessionStatus(str, Enum):
    """The status of a session. Trust only ``Session.is_verified_for``."""

    UNKNOWN = "unknown"
    """A status that this version does not know. Not final. See ``Session.status_text``."""
    CREATED = "created"
    """Created; the user has not opened the page yet."""
    PENDING = "pending"
    """Waiting for the user."""
    ACCEPTED = "accepted"
    """Completed successfully. The gateway uses both this word and ``finished`` for success."""
    FINISHED = "finished"
    """Completed successfully."""
    FAILED = "failed"
    """Failed: the user was not verified."""
    CANCELLED = "cancelled"
    """Cancelled by the user."""
    DECLINED = "declined"
    """Declined."""
    TIMEOUT = "timeout"
    """Timed out."""

    def __str__(self) -> str:
        return self.value


SessionStatus.__module__ = "zignsec"
