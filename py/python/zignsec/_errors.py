"""What can go wrong.

::

    ZignSecError
    ├── InvalidArgumentError (ValueError)     an argument is malformed; nothing was sent
    ├── ConfigurationError                    the client cannot be set up; nothing was sent
    ├── APIConnectionError                    look-up, TCP, a proxy, or the connection broke
    │   ├── TLSError                          the handshake or a certificate was refused
    │   ├── APITimeoutError (TimeoutError)    a time limit ran out
    │   └── ProtocolError                     the answer is not one of the gateway's
    ├── APIStatusError                        the gateway answered with an error; also 101 and 3xx
    │   ├── BadRequestError                   400, 409, 422 and any 4xx not named here
    │   ├── AuthenticationError               401
    │   ├── PermissionDeniedError             403
    │   ├── NotFoundError                     404
    │   ├── RateLimitError                    429
    │   └── ServerError                       5xx
    ├── WaitTimeoutError (TimeoutError)       the session was not final in time
    ├── CallCancelledError                    the caller stopped the call
    ├── WebhookSignatureError                 missing, malformed, wrong or stale
    └── InternalError                         a bug in the library, caught

The Rust part raises them: ``py/src/errors.rs`` names these classes and passes the arguments of
``ZignSecError.__init__`` in order.
"""

from __future__ import annotations


class ZignSecError(Exception):
    """The base of every exception of this package. Its text can be logged.

    Arguments are positional and all have defaults, so that every exception can be pickled.
    """

    _code = 0

    message: str
    """What failed, the deepest cause that is known, and what to try. Never the API key, a whole
    phone number or a URL's query."""
    code: int
    """The frozen number of this sort of failure, the same in every language."""
    status_code: int | None
    """The HTTP status of the answer, where there was one."""
    body: str | None
    """The body of the answer, cut at 64 KiB. The gateway's own text; can hold personal data."""
    request_id: str | None
    """The request id that the gateway gave, where it did."""
    retry_after: float | None
    """How many seconds the gateway asked to wait, where it did."""
    attempts: int
    """How many attempts were begun; 0 where a check refused the call."""
    in_doubt: bool
    """Whether a session may exist that the call did not hand out."""

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

    # The body is left out: the gateway may echo a phone number in it.
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, status_code={self.status_code})"


class InvalidArgumentError(ZignSecError, ValueError):
    """An argument is malformed. Nothing was sent."""

    _code = 1


class ConfigurationError(ZignSecError):
    """The client cannot be set up: no key, an unreadable file, plain http to a host that is not
    loopback. Nothing was sent."""

    _code = 2


class APIConnectionError(ZignSecError):
    """Name look-up, TCP or a proxy failed, or the connection broke."""

    _code = 10


class TLSError(APIConnectionError):
    """The TLS handshake or a certificate was refused."""

    _code = 11


class APITimeoutError(APIConnectionError, TimeoutError):
    """A time limit ran out."""

    _code = 12


class ProtocolError(APIConnectionError):
    """The answer is not one of the gateway's: not HTTP, too large, not JSON, no id."""

    _code = 14


class APIStatusError(ZignSecError):
    """The gateway answered with a status that is no success."""

    _code = 26


class BadRequestError(APIStatusError):
    """The gateway refused the request: 400, 409, 422, or a 4xx without a class of its own."""

    _code = 20


class AuthenticationError(APIStatusError):
    """401: the gateway does not know the API key."""

    _code = 21


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""

    _code = 22


class NotFoundError(APIStatusError):
    """404: the gateway knows no such session."""

    _code = 23


class RateLimitError(APIStatusError):
    """429: too many requests. See ``retry_after``."""

    _code = 24


class ServerError(APIStatusError):
    """5xx: the gateway failed."""

    _code = 25


class WaitTimeoutError(ZignSecError, TimeoutError):
    """The session was not final in time."""

    _code = 30


class CallCancelledError(ZignSecError):
    """The caller stopped the call."""

    _code = 31


class WebhookSignatureError(ZignSecError):
    """The signature of a webhook is missing, malformed, wrong or stale."""

    _code = 40


class InternalError(ZignSecError):
    """A bug in the library, caught. Please report it."""

    _code = 99


# What is raised from outside carries the package's name, not the module's.
for _class in list(globals().values()):
    if isinstance(_class, type) and issubclass(_class, ZignSecError):
        _class.__module__ = "zignsec"
