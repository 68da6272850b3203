"""The exceptions that this package raises.

::

    ZignSecError
    ├── InvalidArgumentError (ValueError)     an argument is malformed; nothing was sent
    ├── ConfigurationError                    the client cannot be set up; nothing was sent
    ├── ClosedError (RuntimeError)            the client is closed; nothing was sent
    ├── APIConnectionError                    no connection, or the connection was lost
    │   ├── TLSError                          the TLS handshake or a certificate failed
    │   ├── APITimeoutError (TimeoutError)    a time limit was exceeded
    │   └── ProtocolError                     the response is invalid
    ├── APIStatusError                        the gateway returned an error status, 101 or 3xx
    │   ├── BadRequestError                   400, 409, 422 and every 4xx not listed here
    │   ├── AuthenticationError               401
    │   ├── PermissionDeniedError             403
    │   ├── NotFoundError                     404
    │   ├── RateLimitError                    429
    │   └── ServerError                       5xx
    ├── WaitTimeoutError (TimeoutError)       the session was not final in time
    ├── CallCancelledError                    the call was cancelled
    ├── WebhookSignatureError                 the signature is missing, malformed, wrong or stale
    └── InternalError                         not enough memory, or a bug in the library

``py/src/errors.rs`` creates them with the arguments of ``ZignSecError``, in their order.
"""

from __future__ import annotations


class ZignSecError(Exception):
    """The base class of all exceptions of this package. The message is safe to log.

    All arguments may be positional and have defaults, so every exception can be pickled.
    """

    _code = 0

    message: str
    """What failed, the root cause if known, and what to do. It never contains the API key, a full
    phone number or the query of a URL."""
    code: int
    """The number of this kind of error. It is the same in every language and never changes."""
    status_code: int | None
    """The HTTP status of the response, if there was one."""
    body: str | None
    """The body of the response, truncated to 64 KiB, with your keys replaced by ``[key]``. It was
    written by the gateway and may contain personal data."""
    request_id: str | None
    """The request ID from the response headers, if there was one: 1 to 128 visible ASCII
    characters. Keys and phone numbers in it are masked."""
    retry_after: float | None
    """The value of ``Retry-After`` in seconds, if the gateway sent one."""
    attempts: int
    """The number of attempts made; 0 if the call failed before the first one."""
    in_doubt: bool
    """Whether the gateway may have created a session although the call failed."""

    def __init__(
        self,
        message: str = "",
        code: int | None = None,
        status_code: int | None = None,
        body: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        attempts: int = 0,
        in_doubt: bool = False,
    ) -> None:
        code = self._code if code is None else code
        super().__init__(
            message, code, status_code, body, request_id, retry_after, attempts, in_doubt
        )
        self.message = message
        self.code = code
        self.status_code = status_code
        self.body = body
        self.request_id = request_id
        self.retry_after = retry_after
        self.attempts = attempts
        self.in_doubt = in_doubt

    def __str__(self) -> str:
        return self.message

    # Without the body: the gateway may repeat a phone number in it.
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, status_code={self.status_code})"


class InvalidArgumentError(ZignSecError, ValueError):
    """An argument is malformed. Nothing was sent."""

    _code = 1


class ConfigurationError(ZignSecError):
    """The client cannot be set up: no API key, an unreadable file, plain http to a host other than
    loopback. Nothing was sent."""

    _code = 2


class ClosedError(ZignSecError, RuntimeError):
    """The client is closed. Nothing was sent."""

    _code = 3


class APIConnectionError(ZignSecError):
    """The host name could not be resolved, TCP or a proxy failed, or the connection was lost."""

    _code = 10


class TLSError(APIConnectionError):
    """The TLS handshake failed or a certificate was rejected."""

    _code = 11


class APITimeoutError(APIConnectionError, TimeoutError):
    """A time limit was exceeded."""

    _code = 12


class ProtocolError(APIConnectionError):
    """The response is invalid: not HTTP, too large, not JSON, or without an ID."""

    _code = 14


class APIStatusError(ZignSecError):
    """The gateway returned a status other than 2xx."""

    _code = 26


class BadRequestError(APIStatusError):
    """The gateway rejected the request: 400, 409, 422, or a 4xx that has no other class."""

    _code = 20


class AuthenticationError(APIStatusError):
    """401: the API key is invalid."""

    _code = 21


class PermissionDeniedError(APIStatusError):
    """403: the API key has no permission for this call."""

    _code = 22


class NotFoundError(APIStatusError):
    """404: the session does not exist."""

    _code = 23


class RateLimitError(APIStatusError):
    """429: too many requests. See ``retry_after``."""

    _code = 24


class ServerError(APIStatusError):
    """5xx: an error in the gateway."""

    _code = 25


class WaitTimeoutError(ZignSecError, TimeoutError):
    """The session was not final in time."""

    _code = 30


class CallCancelledError(ZignSecError):
    """The caller cancelled the call or closed the client."""

    _code = 31


class WebhookSignatureError(ZignSecError):
    """The signature of a webhook is missing, malformed, wrong or outside the tolerance."""

    _code = 40


class InternalError(ZignSecError):
    """Not enough memory for a response, or a bug in the library, which you should report."""

    _code = 99


# Tracebacks show the public name, such as zignsec.NotFoundError.
for _class in list(globals().values()):
    if isinstance(_class, type) and issubclass(_class, ZignSecError):
        _class.__module__ = "zignsec"
