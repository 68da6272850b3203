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

import os

try:
    from zignsec._zignsec import (
        Client,
        Session,
        WebhookEvent,
        __version__,
        _after_fork_in_child,
        verify_webhook,
    )
except ModuleNotFoundError as _error:
    if _error.name != "zignsec._zignsec":
        raise
    raise ModuleNotFoundError(
        f"the compiled module zignsec._zignsec is not in {__path__[0]!r}: Python cannot import it "
        "from a zip file, and a wheel contains the one for its own system only; see 'Frozen "
        "programs and zip files' in the README of zignsec",
        name=_error.name,
    ) from None
except ImportError as _error:
    # CPython's own words, in an interpreter that has its own GIL.
    if "does not support loading in subinterpreters" not in str(_error):
        raise
    advice = "import zignsec in the main interpreter only, or start another process"
    raise ImportError(f"{_error}; {advice}", name=_error.name, path=_error.path) from None

from zignsec._default import (
    get_session,
    reset_default_client,
    start_phone_2fa,
    wait_for_session,
)
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
    "reset_default_client",
    "start_phone_2fa",
    "verify_webhook",
    "wait_for_session",
]


# The process ID alone does not tell a child in another PID namespace from its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


# Imported on first use: asyncio and enum take longer to import than the rest of the package. Import
# statements and not importlib: PyInstaller and the like find only statements.
def __getattr__(name: str) -> object:
    value: object
    if name == "AsyncClient":
        from zignsec import _async

        value = _async.AsyncClient
    elif name == "SessionStatus":
        from zignsec import _status

        value = _status.SessionStatus
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def _imported_by_rust() -> object:  # pyright: ignore[reportUnusedFunction]
    """Never called: PyInstaller and the like cannot read what the extension imports by name."""
    import builtins
    import datetime
    import json

    from zignsec import _errors, _logger, _status

    return builtins, datetime, json, _errors, _logger, _status


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
