"""Puts a user through ZignSec's phone two-factor check, in three steps.

1. ``Client.start_phone_2fa`` opens a session; its ``redirect_url`` is where to send the user.
2. The user gets a code by SMS and types it on ZignSec's page.
3. ``Client.get_session`` tells what came of it: ``session.is_verified``.

A user who arrives at ``redirect_success`` proves nothing, since anybody can open that address. Only
``get_session`` does, asked for an id that your own server remembered in that user's login.

``verify_webhook`` checks what the gateway reports to a session's ``webhook`` address.
"""

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
from zignsec._status import SessionStatus
from zignsec._zignsec import Client, Session, WebhookEvent, __version__, verify_webhook

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
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
    "verify_webhook",
]
