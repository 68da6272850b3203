"""Client for ZignSec's phone two-factor authentication.

1. ``Client.start_phone_2fa`` starts a session. Send the user to its ``redirect_url``.
2. The user receives a code by SMS and enters it on ZignSec's page.
3. ``Client.wait_for_session`` waits for the result; ``Client.get_session`` checks once. Trust only
   ``session.is_verified_for(phone_number)``.

Let a user in only if it is true for the phone number that your server stored for that user:
``is_verified`` alone does not say whose phone it was. Reaching ``redirect_success`` does not verify
a user: anyone can open that URL. Call ``get_session`` with the session ID that your server stored
for the logged-in user. The session of ``start_phone_2fa`` is never verified.

``AsyncClient`` is the same client for asyncio. ``verify_webhook`` verifies the webhooks that the
gateway sends to a session's ``webhook`` URL.
"""

from zignsec._default import get_session, start_phone_2fa, wait_for_session
from zignsec._errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    CallCancelledError,
    ClosedError,
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

# Same as typing.TYPE_CHECKING; importing typing is slow.
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
    "ClosedError",
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


# Imported on first use: asyncio and enum take longer to import than the rest of the package.
_LAZY = {"AsyncClient": "zignsec._async", "SessionStatus": "zignsec._status"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
