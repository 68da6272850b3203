"""Puts a user through ZignSec's phone two-factor check, in three steps.

1. ``Client.start_phone_2fa`` opens a session; its ``redirect_url`` is where to send the user.
2. The user gets a code by SMS and types it on ZignSec's page.
3. ``Client.wait_for_session`` waits for what comes of it, or ``Client.get_session`` asks once:
   ``session.is_verified``.

A user who arrives at ``redirect_success`` proves nothing, since anybody can open that address. Only
the gateway, asked for an id that your own server remembered in that user's login, tells.
``AsyncClient`` is the same for asyncio, and ``verify_webhook`` checks what the gateway reports to a
session's ``webhook`` address.
"""

from zignsec._default import get_session, start_phone_2fa, wait_for_session
from zignsec._errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    CallCancelledError,
    ConfigurationError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    ServerError,
    TLSError,
    WaitTimeoutError,
    WebhookSignatureError,
    ZignSecError,
)
from zignsec._zignsec import Client, Session, WebhookEvent, __version__, verify_webhook

# As in `typing`, which takes long to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from zignsec._async import AsyncClient
    from zignsec._status import SessionStatus

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "CallCancelledError",
    "Client",
    "ConfigurationError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProtocolError",
    "RateLimitError",
    "ServerError",
    "Session",
    "SessionStatus",
    "TLSError",
    "WaitTimeoutError",
    "WebhookEvent",
    "WebhookSignatureError",
    "ZignSecError",
    "__version__",
    "get_session",
    "start_phone_2fa",
    "verify_webhook",
    "wait_for_session",
]


# asyncio and enum take longer to import than all the rest, and many programs go without.
_LATE = {"AsyncClient": "zignsec._async", "SessionStatus": "zignsec._status"}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_LATE[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
