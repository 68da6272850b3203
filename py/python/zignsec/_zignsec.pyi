"""The native part of zignsec."""

from collections.abc import Callable
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, final

from typing_extensions import Self

from zignsec._errors import CallCancelledError
from zignsec._status import SessionStatus

__all__ = ["Client", "Session", "Wait", "WebhookEvent", "__version__", "route", "verify_webhook"]

__version__: Final[str]

@final
class Client:
    """A connection to the gateway, with its settings and keys.

    Make one and keep it: it holds connections open between calls. Threads share it freely, and a
    child process may go on with the one it inherits. Every call blocks, at the longest for
    ``timeout`` seconds, and releases the GIL while it does. It is a context manager, cannot be
    pickled, and its ``repr`` hides the key.

    On the main thread Python's signal handlers run while a call is blocked, and what they raise
    ends it: Ctrl-C is a ``KeyboardInterrupt`` within 200 ms. It does not tell whether
    ``start_phone_2fa`` had opened a session.

    Args:
        api_key: The API key: visible ASCII without spaces. ``None``: ``ZIGNSEC_API_KEY``, and
            beside it ``ZIGNSEC_SECONDARY_API_KEY``.
        secondary_api_key: The account's other key, tried once where the gateway answers 401 to the
            one in use, and kept if that helps.
        base_url: Where the gateway is: https, or http to loopback. It wins over ``environment``.
            ``None``: as ``environment`` says, else ``ZIGNSEC_BASE_URL``.
        environment: ``"test"`` or ``"production"``. ``None``: ``ZIGNSEC_ENVIRONMENT``, else test.
        auth_scheme: Which header carries the key: ``"authorization"`` or ``"zs-product-key"``.
        timeout: The limit for a whole call, in seconds.
        connect_timeout: The limit for name look-up, TCP, proxy and TLS together, in seconds.
        attempt_timeout: The limit for one attempt, in seconds.
        max_retries: How many more attempts a call may make where that is safe and can help.
            ``timeout`` is for all of them and the pauses between.
        ca_file: A PEM file with the certificates to trust, in place of every other. ``None``:
            ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``, else ``REQUESTS_CA_BUNDLE``, else
            ``CURL_CA_BUNDLE``, else the system's store.
        client_cert: PEM files with the certificate chain and its private key (mutual TLS).
        proxy: The URL of an http or https proxy, or ``"none"`` for a direct connection. ``None``:
            ``HTTPS_PROXY``, else ``ALL_PROXY``, with ``NO_PROXY``. Loopback is always direct.
        user_agent: The header ``user-agent``.

    Raises:
        ConfigurationError: No key or a malformed one, a bad base URL, plain http to a host that is
            not loopback, an unreadable file, a proxy that is not supported.
        InvalidArgumentError: A number that is negative, not finite or absurd.
    """

    def __new__(
        cls,
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
    ) -> Self: ...
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
        """Step 1: open a session.

        Send the user to its ``redirect_url``, and remember its ``id`` on your side, in that user's
        login.

        Args:
            phone_number: E.164: ``+`` and 7 to 15 digits, the first not 0.
            redirect_success: Where a user who passed is sent, an absolute http or https URL.
            redirect_failure: Where any other user is sent, an absolute http or https URL.
            locale: The language of the gateway's page.
            relay_state: Text of your own that the session carries.
            webhook: Where the gateway reports changes, an absolute http or https URL.
            csrf_token: The header ``x-csrf-token``, printable ASCII.

        Raises:
            InvalidArgumentError: An argument is malformed; nothing was sent.
            ZignSecError: The call failed. Where ``in_doubt`` is true, a session may have been
                opened.
        """

    def get_session(self, session_id: str) -> Session:
        """Step 3: ask how a session stands; ``is_verified`` is the verdict.

        Args:
            session_id: 1 to 64 letters, digits and hyphens.

        Raises:
            InvalidArgumentError: The id is malformed; nothing was sent.
            NotFoundError: The gateway does not know the id.
            ProtocolError: The answer is not a session, or another one.
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
        """Step 3, until there is a verdict: ask again and again until the session is final.

        A poll that fails as time may heal is not the end of the wait, and a pause is at least what
        the gateway asks for. The GIL is released but for ``on_poll``. Ctrl-C ends it as it ends any
        call.

        Args:
            session_id: 1 to 64 letters, digits and hyphens.
            timeout: How long to wait for the end, in seconds.
            poll_interval: The time between two polls, in seconds; each pause differs from it by up
                to a fifth.
            on_poll: Called after each poll that was answered, the last one too, with the session
                and the seconds since the wait began. Where it returns ``False``, and not just
                something false, the wait stops. An exception passes through.

        Raises:
            WaitTimeoutError: The session was not final in time. The text tells its last status and
                the last poll that failed.
            CallCancelledError: ``on_poll`` returned ``False``, or the client was closed.
            InvalidArgumentError: The id is malformed, or a time is negative, not finite or absurd.
            ZignSecError: A poll failed in a way that time does not heal.
        """

    def with_options(
        self, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Client:
        """Another client that shares connections and keys with this one.

        To close either ends its own calls and leaves those of the other.

        Args:
            timeout: The limit for a whole call, in seconds. ``None``: that of this client.
            max_retries: How many more attempts a call may make. ``None``: as this client.

        Raises:
            InvalidArgumentError: A number that is negative, not finite or absurd; the client is
                closed.
        """

    def close(self) -> None:
        """Close the client, from any thread: a call in flight ends as ``CallCancelledError``, and
        one after that is an ``InvalidArgumentError``."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

def route(client: Client) -> tuple[str, str | None]:
    """Where a client's calls go: the gateway and, where there is one, the proxy without its login.

    For ``python -m zignsec check``. Not for users.
    """

@final
class Session:
    """A session as the gateway told it.

    Frozen, hashable and picklable; two are equal where the gateway told the same. ``repr`` masks
    the phone number.

    Args:
        json: The session's JSON, as of ``to_dict``, say out of a store of your own.

    Raises:
        ProtocolError: Not the JSON of a session.
    """

    __match_args__: Final = ("id", "status")

    def __new__(cls, json: str) -> Self: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[Session], tuple[str]]: ...
    @property
    def id(self) -> str:
        """What ``get_session`` asks for."""
    @property
    def status(self) -> SessionStatus:
        """The status."""
    @property
    def status_text(self) -> str:
        """The status as the gateway wrote it."""
    @property
    def is_final(self) -> bool:
        """Whether the session has ended, well or not."""
    @property
    def is_verified(self) -> bool:
        """Whether the user proved that the phone is theirs: the status is accepted or finished, and
        nothing else in the answer speaks against it. Nothing else ever verifies."""
    @property
    def redirect_url(self) -> str | None:
        """Where to send the user. The gateway tells it when the session is opened."""
    @property
    def phone_number(self) -> str | None:
        """The phone number, where the gateway tells it."""
    @property
    def locale(self) -> str | None:
        """The language of the gateway's page, where it tells it."""
    @property
    def redirect_success(self) -> str | None:
        """Where a user who passed is sent, where the gateway tells it."""
    @property
    def redirect_failure(self) -> str | None:
        """Where any other user is sent, where the gateway tells it."""
    @property
    def relay_state(self) -> str | None:
        """Your own text, where the gateway tells it."""
    @property
    def webhook(self) -> str | None:
        """Where the gateway reports changes, where it tells it."""
    def to_dict(self) -> dict[str, Any]:
        """The whole session as the gateway wrote it, with fields that have no attribute here."""

def verify_webhook(
    body: bytes | bytearray | memoryview | str,
    signature: str | None,
    secret: str,
    *,
    tolerance: float | None = 300.0,
) -> WebhookEvent:
    """Check a webhook's signature and its time, then read it. It asks nobody and does not block.

    A webhook is a hint, not a verdict: it can be lost, late, out of order, and sent again by
    anybody who saw it, as long as the tolerance lasts. Drop an event that equals one you have had,
    and ask ``Client.get_session`` how the session stands.

    Args:
        body: The request's body byte for byte as it arrived: JSON that was parsed and written again
            is another text. A ``str`` counts as its UTF-8.
        signature: The value of the header ``X-ZignSec-Hmac-SHA256``. ``None``: it is missing.
        secret: The secret that you share with ZignSec for webhooks.
        tolerance: How many seconds the signature's time may be from this machine's clock, into the
            past and into the future. ``None``: the time is not checked, for webhooks that you kept
            and for tests.

    Raises:
        WebhookSignatureError: The signature is missing, malformed, that of another body or secret,
            or stale.
        ProtocolError: ZignSec signed what cannot be read: not a JSON object, no id, a repeated key.
        InvalidArgumentError: The secret is ``None`` or empty; the tolerance is not finite, zero or
            less.
    """

@final
class WebhookEvent:
    """What a webhook tells, from ``verify_webhook``.

    Frozen, hashable and picklable; two are equal where the gateway told the same. ``repr`` leaves
    the relay state out, which can hold personal data.

    Args:
        json: An event's JSON, as of ``to_dict``, say out of a store of your own. No signature is
            checked here.

    Raises:
        ProtocolError: Not the JSON of a webhook.
    """

    def __new__(cls, json: str) -> Self: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[WebhookEvent], tuple[str]]: ...
    @property
    def session_id(self) -> str:
        """What ``get_session`` asks for."""
    @property
    def name(self) -> str:
        """What happened, such as ``"session_finished"``; empty where the webhook does not tell."""
    @property
    def status(self) -> SessionStatus:
        """The status that the webhook tells, at its top level or in its ``result``; ``UNKNOWN``
        where it tells none, or two that differ. Only ``Session.is_verified`` is the verdict."""
    @property
    def status_text(self) -> str:
        """The status as the gateway wrote it, the top level's where there are two; empty where the
        webhook does not tell."""
    @property
    def relay_state(self) -> str | None:
        """Your own text, where the session has one."""
    def to_dict(self) -> dict[str, Any]:
        """The whole body as the gateway wrote it, with fields that have no attribute here."""

@final
class Wait:
    """A wait in steps, what ``AsyncClient.wait_for_session`` is made of. Not for users."""

    def __new__(cls, *, timeout: float = 300.0, poll_interval: float = 2.0) -> Self: ...
    def poll(self, client: Client, session_id: str) -> Session | None:
        """Ask how the session stands; ``None`` where that failed as time may heal. Blocks."""

    def pause(self) -> float:
        """How long to sleep before the next poll, in seconds.

        Raises:
            WaitTimeoutError: There is none.
        """

    def elapsed(self) -> float:
        """The seconds since the wait began."""

    def stopped(self) -> CallCancelledError:
        """The exception for a wait that was stopped."""
