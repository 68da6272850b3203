"""Where a session stands. The words are those of ``SessionStatus`` in the Rust crate."""

from enum import Enum


class SessionStatus(str, Enum):
    """Where a session stands. Only ``Session.is_verified`` is the verdict."""

    UNKNOWN = "unknown"
    """A word this version does not know. Not final. See ``Session.status_text``."""
    CREATED = "created"
    """Opened; the user has not been there."""
    PENDING = "pending"
    """In the user's hands."""
    ACCEPTED = "accepted"
    """Ended well. The gateway uses both this word and the next for success."""
    FINISHED = "finished"
    """Ended well."""
    FAILED = "failed"
    """Ended: the user did not pass."""
    CANCELLED = "cancelled"
    """Ended: the user called it off."""
    DECLINED = "declined"
    """Ended: refused."""
    TIMEOUT = "timeout"
    """Ended: too late."""

    def __str__(self) -> str:
        return self.value


SessionStatus.__module__ = "zignsec"
