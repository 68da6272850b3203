"""The Rust part of zignsec."""

from collections.abc import Callable
from datetime import datetime
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, TypeVar, final

from typing_extensions import Self, disjoint_base

from zignsec._errors import CallCancelledError, WaitTimeoutError
from zignsec._status import SessionStatus

_R = TypeVar("_R")

__all__ = [
    "DEFAULT_ATTEMPT_TIMEOUT",
    "DEFAULT_CONNECT_TIMEOUT",
    "DEFAULT_LOCALE",
    "DEFAULT_MAX_RETRIES",
    "DEFAULT_POLL_INTERVAL",
    "DEFAULT_TIMEOUT",
    "DEFAULT_WAIT_TIMEOUT",
    "DEFAULT_WEBHOOK_TOLERANCE",
    "Client",
    "Session",
    "Wait",
    "WebhookEvent",
    "__version__",
    "_after_fork_in_child",
    "_collect_log",
    "_restore_session",
    "_webhook_event_from_json",
    "begin_call",
    "check_phone_number",
    "process_key",
    "route",
    "verify_webhook",
]

__version__: Final[str]

# Constants of the Rust core; times in seconds. Signatures have to repeat their values: a test
# compares them.
DEFAULT_ATTEMPT_TIMEOUT: Final[float]
DEFAULT_CONNECT_TIMEOUT: Final[float]
DEFAULT_LOCALE: Final[str]
DEFAULT_MAX_RETRIES: Final[int]
DEFAULT_POLL_INTERVAL: Final[float]
DEFAULT_TIMEOUT: Final[float]
DEFAULT_WAIT_TIMEOUT: Final[float]
DEFAULT_WEBHOOK_TOLERANCE: Final[float]

@disjoint_base
class Client:
    """A client for the gateway, with options, API keys and connections.

    Create one and reuse it: it keeps connections open between calls. It can be shared by threads,
    and a forked child process can use the client it inherits. Calls block for at most ``timeout``
    seconds (``wait_for_session``: its own ``timeout``) and release the GIL. A client is a context
    manager, cannot be pickled, and its ``repr`` does not show the key.

    Tests can replace its methods, for example with ``mock.patch.object(client, "get_session")``. A
    subclass may have its own ``__init__``, which calls ``super().__init__()``.

    On the main thread, Python runs signal handlers while a call is blocked. An exception raised by
    a handler ends the call: Ctrl-C raises ``KeyboardInterrupt`` within 200 ms. After that, the
    gateway may have created a session if the call was ``start_phone_2fa``.

    Environment variables are read only when a client is created. They are ignored if the process
    runs with raised privileges (set-user-ID, file capabilities), so pass ``api_key`` there.

    Args:
        api_key: The API key: printable ASCII without spaces. ``None`` or empty:
            ``ZIGNSEC_API_KEY``, together with ``ZIGNSEC_SECONDARY_API_KEY``.
        secondary_api_key: The second key of the account. It is tried once if the gateway returns
            401 for the current key, and kept if it works.
        base_url: The URL of the gateway: https, or http to loopback. It has priority over
            ``environment``. ``None``: the URL of ``environment``, else ``ZIGNSEC_BASE_URL``.
        environment: ``"test"`` or ``"production"``. ``None``: ``ZIGNSEC_ENVIRONMENT``, else test.
        auth_scheme: The header that carries the key: ``"authorization"`` or
            ``"zs-product-key"``.
        timeout: Limit for a whole call, including retries and the pauses between them, in seconds.
        connect_timeout: Limit for DNS, TCP, proxy and TLS together, in seconds.
        attempt_timeout: Limit for one attempt, in seconds.
        max_retries: Maximum number of retries per call. A call is only retried if this is safe.
        ca_file: File with the CA certificates to trust, instead of all others: PEM, or one in DER.
            ``None``: ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``, else ``REQUESTS_CA_BUNDLE``, else
            ``CURL_CA_BUNDLE``, else the CA certificates of the system.
        client_cert: Files of the client certificate chain and its private key (mutual TLS): PEM or
            DER. The key is not encrypted.
        proxy: URL of a proxy, such as ``http://user:password@proxy.example:3128``, or ``"none"``
            for a direct connection. The schemes are ``http`` (the default), ``https``, ``socks5``
            (the client resolves the host name of the gateway) and ``socks5h`` (the proxy does).
            ``None``: ``HTTPS_PROXY``, else ``ALL_PROXY``, except for hosts in ``NO_PROXY``; the
            lower-case spelling wins, also if it is empty. No proxy is used for loopback.
        user_agent: The ``user-agent`` header.

    Raises:
        ConfigurationError: The key is missing or malformed, the base URL is invalid or plain http
            to a host other than loopback, a file cannot be read, or the proxy is not supported.
        InvalidArgumentError: A number is out of range.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        secondary_api_key: str | None = None,
        base_url: str | None = None,
        environment: Literal["test", "production"] | None = None,
        auth_scheme: Literal["authorization", "zs-product-key"] = "authorization",
        timeout: float = 30.0,
        connect_timeout: float = 5.0,
        attempt_timeout: float = 10.0,
        max_retries: int = 2,
        ca_file: str | PathLike[str] | None = None,
        client_cert: tuple[str | PathLike[str], str | PathLike[str]] | None = None,
        proxy: str | None = None,
        user_agent: str | None = None,
    ) -> None: ...
    def start_phone_2fa(
        self,
        phone_number: str,
        *,
        redirect_success: str,
        redirect_failure: str,
        locale: str | None = "En",
        relay_state: str | None = None,
        webhook: str | None = None,
        csrf_token: str | None = None,
    ) -> Session:
        """Step 1: start a session.

        Send the user to its ``redirect_url``. Store its ``id`` on your server, together with the
        logged-in user.

        Args:
            phone_number: E.164: ``+`` and 7 to 15 digits, the first not 0. Other forms are refused,
                not converted: the package ``phonenumbers`` does it.
            redirect_success: The user is redirected to this absolute http or https URL after
                success. Percent-encode characters that RFC 3986 does not allow, and write a Unicode
                host in its ASCII form (``xn--...``). No user name or password.
            redirect_failure: The user is redirected to this absolute http or https URL in all
                other cases.
            locale: The language of the hosted pages, at most 256 characters.
            relay_state: Text to store in the session, at most 16 KiB in UTF-8.
            webhook: The gateway sends webhooks to this absolute http or https URL.
            csrf_token: The ``x-csrf-token`` header, printable ASCII.

        Raises:
            InvalidArgumentError: An argument is malformed; nothing was sent.
            ZignSecError: The call failed. If ``in_doubt`` is true, the gateway may have created a
                session.
        """

    def get_session(self, session_id: str) -> Session:
        """Step 3: get the current state of a session. Trust only its ``is_verified_for``.

        Args:
            session_id: 1 to 64 letters, digits and hyphens.

        Raises:
            InvalidArgumentError: The ID is malformed; nothing was sent.
            NotFoundError: The session does not exist.
            ProtocolError: The response is invalid, for a different session, or exceeds a limit:
                16 KiB or 100 fields of headers, 1 MiB of body.
            ZignSecError: The call failed.
        """

    def wait_for_session(
        self,
        session_id: str,
        *,
        timeout: float = 300.0,
        poll_interval: float = 2.0,
        on_poll: Callable[[Session, float], object] | None = None,
    ) -> Session:
        """Step 3: poll a session until it is final.

        Temporary errors while polling do not end the wait, nor do one or two polls in a row that
        fail with ``ProtocolError``, ``TLSError``, ``PermissionDeniedError`` or ``NotFoundError``.
        If the gateway sends ``Retry-After``, the next poll is not earlier. The GIL is released
        except while ``on_poll`` runs. Ctrl-C ends the wait like any other call.

        Args:
            session_id: 1 to 64 letters, digits and hyphens.
            timeout: Maximum time to wait, in seconds.
            poll_interval: Time between two polls, in seconds, varied at random by up to 20 %.
            on_poll: Called after each response, including the last, with the session and the
                seconds since the wait started. The wait is cancelled if it returns ``False``;
                other false values such as ``None`` do not cancel it. The wait raises the
                exceptions of ``on_poll``.

        Raises:
            WaitTimeoutError: The session was not final in time. The message contains the last
                status and the last error.
            CallCancelledError: ``on_poll`` returned ``False``, or the client was closed.
            InvalidArgumentError: The ID is malformed, or a time is out of range.
            ZignSecError: A poll failed with a permanent error.
        """

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> Self:
        """Create a client that shares connections and keys with this one.

        Closing one of the two cancels only its own calls. It has the class of this client and, like
        a copy, its attributes; the ``__init__`` of a subclass is not called.

        Args:
            timeout: Limit for a whole call, in seconds. ``None``: the same as this client.
            max_retries: Maximum number of retries per call. ``None``: the same as this client.

        Raises:
            InvalidArgumentError: A number is out of range.
            ClosedError: This client is closed.
        """

    def close(self) -> None:
        """Close the client. May be called from any thread. Running calls raise
        ``CallCancelledError``, later calls ``ClosedError``."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

def begin_call(client: Client) -> tuple[Client, float]:
    """Return a client for one call, whose time limit starts now, and that limit in seconds.

    Internal; used by ``zignsec._queued_call``.
    """

def check_phone_number(phone_number: str) -> None:
    """Raise ``InvalidArgumentError`` if this is no phone number that a session can have.

    Internal; used by the command line.
    """

def route(client: Client) -> tuple[str, str | None]:
    """Return the URL of the gateway, and the URL of the proxy without user and password, or
    ``None``.

    Internal; used by ``python -m zignsec check``.
    """

def process_key() -> tuple[int, int]:
    """Return what is different in a process and its parent, also if they have the same process ID.

    Internal; used by ``AsyncClient``.
    """

def _after_fork_in_child() -> None: ...
def _collect_log(
    function: Callable[[], _R], /
) -> tuple[_R | None, list[tuple[int, str]], BaseException | None]:
    """Call a function, and return its result, its log records, which are not written, and its
    exception. Internal; used by ``GeventClient`` and ``EventletClient``."""

def _restore_session(json: str, is_from_start: bool, is_verified: bool, number: int) -> Session: ...
def _webhook_event_from_json(text: str) -> WebhookEvent: ...

@final
class Session:
    """A session as returned by the gateway.

    Immutable, hashable and picklable. Two sessions are equal if their JSON and their verdict are
    equal and both were returned by a start or both by a lookup; copies and pickles keep all three.
    ``repr`` masks the phone number.
    """

    __match_args__: Final = ("id", "status")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Create a session from the ``json`` of another one, for example from your database.

        The text is trusted and counts as the response to a lookup: ``is_verified`` is computed from
        it. Only pass text that your own program stored after a lookup, never text from a browser or
        another system, and never the session of ``start_phone_2fa``. The response can
        contain errors outside this JSON that deny the verdict. They are not stored: store the
        verdict too, or pickle the session.

        Raises:
            ProtocolError: The text is not the JSON of a session.
        """

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(
        self,
    ) -> tuple[Callable[[str, bool, bool, int], Session], tuple[str, bool, bool, int]]: ...
    @property
    def id(self) -> str:
        """The ID of the session."""
    @property
    def status(self) -> SessionStatus:
        """The status of the session."""
    @property
    def status_text(self) -> str:
        """The status exactly as sent by the gateway."""
    @property
    def is_final(self) -> bool:
        """Whether the session has ended, successfully or not."""
    @property
    def is_verified(self) -> bool:
        """Whether the user proved control of the phone: a lookup returned the status accepted or
        finished, and nothing else in the response contradicts it. The session of
        ``start_phone_2fa`` is never verified. To let a user in, ask ``is_verified_for``."""

    def is_verified_for(self, phone_number: str) -> bool:
        """Whether the user proved control of this phone: ``is_verified`` is true, and every phone
        number in the response is ``phone_number``. Numbers are compared by their digits. Trust only
        this.

        Args:
            phone_number: The number that your server stored for the user, in E.164 form as for
                ``start_phone_2fa``. False for another form, and if the response contains no number.
        """
    @property
    def redirect_url(self) -> str | None:
        """The URL of the hosted page; send the user there. The gateway returns it when the session
        is started."""
    @property
    def phone_number(self) -> str | None:
        """The phone number, if the gateway returned it."""
    @property
    def locale(self) -> str | None:
        """The language of the hosted pages, if the gateway returned it."""
    @property
    def redirect_success(self) -> str | None:
        """The URL for users who passed, if the gateway returned it."""
    @property
    def redirect_failure(self) -> str | None:
        """The URL for all other users, if the gateway returned it."""
    @property
    def relay_state(self) -> str | None:
        """The text that you stored in the session, if the gateway returned it."""
    @property
    def webhook(self) -> str | None:
        """The URL for webhooks, if the gateway returned it."""
    @property
    def json(self) -> str:
        """The session as sent by the gateway: a JSON object, including fields that have no
        attribute here. ``from_json`` reads it."""
    def to_dict(self) -> dict[str, Any]:
        """Return ``json`` as a dict."""

def verify_webhook(
    body: bytes | bytearray | memoryview | str,
    signature: str | None,
    secret: str,
    *,
    tolerance: float | None = 300.0,
    now: float | datetime | None = None,
) -> WebhookEvent:
    """Verify the signature and the time of a webhook and decode it. Makes no network request.

    Treat a webhook as a notification only: it can be lost, delayed, reordered or replayed. Ignore
    events that you have already processed, and call ``Client.get_session`` for the result.

    Args:
        body: The request body exactly as received. JSON that was decoded and encoded again has a
            different signature. A ``str`` is encoded as UTF-8.
        signature: The value of the ``X-ZignSec-Hmac-SHA256`` header. ``None``: no such header.
        secret: The webhook secret that you share with ZignSec.
        tolerance: Maximum difference between the signature's time and the local clock, in seconds,
            in the past or the future. ``None``: the time is not checked; use this for stored
            webhooks only.
        now: The time of the check: seconds since 1970, such as ``time.time()``, or a ``datetime``
            with a time zone. ``None``: the clock of this machine. For tests with a fixed time, in
            which libraries such as freezegun replace ``time.time()``.

    Raises:
        WebhookSignatureError: The signature is missing, malformed, wrong or outside the tolerance.
        ProtocolError: The signature is valid, but the body is not: not a JSON object, no ID, or a
            duplicate key.
        InvalidArgumentError: The secret is ``None`` or empty, the tolerance is out of range, or
            ``now`` has no time zone.
    """

@final
class WebhookEvent:
    """The content of a webhook, returned by ``verify_webhook``.

    Immutable, hashable and picklable. Two events are equal if their JSON is equal. ``repr`` does
    not show the relay state, which may contain personal data.
    """

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Create an event from the ``json`` of another one, for example from your database.

        The text is trusted: no signature is checked. Only pass text that your own program stored.

        Raises:
            ProtocolError: The text is not the JSON of a webhook.
        """

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Callable[[str], WebhookEvent], tuple[str]]: ...
    @property
    def session_id(self) -> str:
        """The ID of the session."""
    @property
    def name(self) -> str:
        """The kind of event, such as ``"session_finished"``; empty if the webhook has none."""
    @property
    def status(self) -> SessionStatus:
        """The status in the webhook, at the top level or in ``result``; ``UNKNOWN`` if there is
        none or the two differ. For the result, call ``Client.get_session``."""
    @property
    def status_text(self) -> str:
        """The status exactly as sent, from the top level if there are two; empty if there is
        none."""
    @property
    def relay_state(self) -> str | None:
        """The text that you stored in the session, if any."""
    @property
    def json(self) -> str:
        """The body as sent by the gateway: a JSON object, including fields that have no attribute
        here. ``from_json`` reads it."""
    def to_dict(self) -> dict[str, Any]:
        """Return ``json`` as a dict."""

@final
class Wait:
    """A wait for a session, one poll at a time. Internal; used by ``AsyncClient``, ``GeventClient``
    and ``EventletClient``."""

    def __new__(
        cls, *, timeout: float | None = 300.0, poll_interval: float | None = 2.0
    ) -> Self: ...
    def poll(self, client: Client, session_id: str) -> Session | None:
        """Get the session, or ``None`` after a temporary error. Blocks."""

    def pause(self) -> float:
        """Return how long to sleep before the next poll, in seconds.

        Raises:
            WaitTimeoutError: There is no time left for another poll.
        """

    def left(self) -> float:
        """Return the seconds until the timeout."""

    def timed_out(self) -> WaitTimeoutError:
        """Return the exception to raise if the time is up."""

    def elapsed(self) -> float:
        """Return the seconds since the wait started."""

    def cancelled(self) -> CallCancelledError:
        """Return the exception to raise if the wait is cancelled."""
