"""A local gateway for tests: runs ``zignsec-sandbox``.

Install it with ``pip install zignsec[sandbox]``.

::

    from zignsec.testing import Sandbox

    with Sandbox() as sandbox, sandbox.client() as client:
        session = client.start_phone_2fa(
            "+46701740605",
            redirect_success="https://example.com/signed-in",
            redirect_failure="https://example.com/try-again",
        )
        sandbox.user(session, "accept")
        assert client.get_session(session.id).is_verified_for("+46701740605")

In pytest, the fixture ``zignsec_sandbox`` provides a new sandbox for each test. During the test,
the environment variables point at it: ``Client()``, the module-level functions and programs that
the test starts use it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from importlib import metadata
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from zignsec import Client, Session

if TYPE_CHECKING:
    from typing_extensions import Self

    from zignsec import AsyncClient

__all__ = ["SMS", "Action", "Sandbox", "SandboxError"]

Action = Literal["accept", "wrong-code", "cancel", "fail", "abandon"]
"""The actions of ``Sandbox.user``."""

_PACKAGE = "zignsec-sandbox"
_PROGRAM = "zignsec-sandbox.exe" if sys.platform == "win32" else _PACKAGE
# On Windows, the counterpart of a new session.
if sys.platform == "win32":
    _CREATION_FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _CREATION_FLAGS = 0
# In seconds, until the process is killed.
_STOP_TIMEOUT = 30.0
# In seconds; longer than the longest wait for an SMS (60).
_REQUEST_TIMEOUT = 90.0
# The sandbox listens on loopback, so proxy variables must not apply.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SandboxError(Exception):
    """The sandbox is not installed, did not start, or rejected a request."""


class SMS(NamedTuple):
    """A text message in the sandbox's inbox."""

    to: str
    """The phone number."""
    code: str
    """The code."""
    text: str
    """The whole message."""
    session_id: str
    """The ID of the session that the code belongs to."""
    at: str
    """When it was sent, by the sandbox's clock (RFC 3339)."""


class Sandbox:
    """A sandbox gateway that runs on a free port of this machine.

    It runs in a separate process and starts in about 20 ms. It stops with ``stop()``, at the end of
    a ``with`` block, or when this process ends for any reason. Safe to use from several threads.

    Args:
        *options: Command-line options of the program, such as ``Sandbox("--tls")``. See
            ``zignsec-sandbox --help``.
        program: The path of the program. ``None``: the program of the package ``zignsec-sandbox``,
            else the first one on ``PATH``.

    Raises:
        SandboxError: The program is not installed or did not start. The program writes the reason
            to standard error.
    """

    url: str
    """The ``base_url`` for clients. In a browser, it shows the dashboard."""
    api_key: str
    """The API key for clients."""
    ca_file: str | None
    """The ``ca_file`` for clients; ``None`` without ``--tls``."""
    webhook_secret: str
    """The secret that signs webhooks."""

    def __init__(self, *options: str, program: str | PathLike[str] | None = None) -> None:
        for option in options:
            _check_type("options", option, str, "str")
        if program is not None:
            _check_type("program", program, (str, PathLike), "str, os.PathLike or None")
        command = [program or _installed_program(), *options, "--port", "0", "--json"]
        try:
            self._process = subprocess.Popen(
                command,
                # The sandbox stops when this pipe is closed, also if this process is killed.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Ctrl-C must reach the tests only.
                start_new_session=True,
                creationflags=_CREATION_FLAGS,
            )
        except OSError as error:
            # Windows does not say which file is missing.
            reason = f"{command[0]}: {error.strerror or error}"
            raise SandboxError(f"the sandbox did not start: {reason}") from error
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            code = self._process.returncode
            raise SandboxError(f"the sandbox did not start: it exited with code {code}")
        ready = json.loads(line)
        self.url = ready["url"]
        self.api_key = ready["api_key"]
        self.ca_file = ready["ca_file"]
        self.webhook_secret = ready["webhook_secret"]

    @property
    def env(self) -> dict[str, str]:
        """The environment variables with which clients use this sandbox: ``ZIGNSEC_BASE_URL``,
        ``ZIGNSEC_API_KEY``, ``ZIGNSEC_WEBHOOK_SECRET`` and, with ``--tls``, ``SSL_CERT_FILE``.

        The fixture ``zignsec_sandbox`` sets them. For other processes, pass
        ``{**os.environ, **sandbox.env}``. If you set them in this process, call
        ``zignsec.reset_default_client()`` afterwards.
        """
        env = {
            "ZIGNSEC_BASE_URL": self.url,
            "ZIGNSEC_API_KEY": self.api_key,
            "ZIGNSEC_WEBHOOK_SECRET": self.webhook_secret,
        }
        return env if self.ca_file is None else {**env, "SSL_CERT_FILE": self.ca_file}

    def client(self) -> Client:
        """Create a client for this sandbox. Use ``with_options`` to change its limits."""
        return Client(self.api_key, base_url=self.url, ca_file=self.ca_file)

    def async_client(self) -> AsyncClient:
        """Create an asyncio client for this sandbox."""
        # Imported here because importing asyncio is slow.
        from zignsec import AsyncClient

        return AsyncClient(self.api_key, base_url=self.url, ca_file=self.ca_file)

    def user(
        self,
        session: Session | str,
        action: Action,
    ) -> str | None:
        """Simulate the user of a session on the hosted pages.

        Args:
            session: The session or its ID.
            action: ``"accept"`` requests a code and enters it, ``"wrong-code"`` enters a wrong code
                once, ``"fail"`` enters wrong codes until the session fails, ``"cancel"`` cancels,
                and ``"abandon"`` requests a code and leaves.

        Returns:
            The URL that the last page redirected the user to (``redirect_success`` or
            ``redirect_failure``), or ``None`` if it did not redirect.

        Raises:
            SandboxError: The session does not exist or is final.
        """
        _check_type("session", session, (Session, str), "Session or str")
        _check_type("action", action, str, "str")
        session_id = session if isinstance(session, str) else session.id
        result: dict[str, str | None] = self.call(f"sessions/{session_id}/user", {"action": action})
        return result["location"]

    def sms(self, to: str | None = None, *, wait: float = 0.0) -> list[SMS]:
        """Return the text messages sent so far, newest first.

        Args:
            to: Only return messages to this phone number.
            wait: Wait up to this many seconds (at most 60) for the first message.
        """
        if to is not None:
            _check_type("to", to, str, "str or None")
        _check_seconds("wait", wait)
        query = {"wait": str(wait)} if to is None else {"wait": str(wait), "to": to}
        found = self.call(f"sms?{urllib.parse.urlencode(query)}")
        return [SMS(*(message[name] for name in SMS._fields)) for message in found]

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests received, newest first, at most 500. Each has ``method``, ``path``,
        ``headers``, ``body`` and more."""
        found: list[dict[str, Any]] = self.call("requests")
        return found

    def arm(self, fault: str, *, times: int = 1, **details: object) -> None:
        """Inject a fault into the next requests.

        Args:
            fault: The name of the fault, such as ``"http-503"``, ``"reset"`` or ``"stall"``. The
                manual of the sandbox lists them.
            times: The number of requests to affect.
            **details: The response for the fault ``"answer"``: ``status``, ``headers``, ``body``.

        Raises:
            SandboxError: The fault does not exist.
        """
        _check_type("fault", fault, str, "str")
        _check_type("times", times, int, "an integer")
        self.call("faults", {"fault": fault, "times": times, **details})

    def advance(self, seconds: float) -> None:
        """Advance the sandbox's clock. Codes expire after 5 minutes, sessions after 30."""
        _check_seconds("seconds", seconds)
        self.call("clock", {"advance_s": seconds})

    def reset(self) -> None:
        """Delete all sessions, messages, requests and faults. The clock is not reset."""
        self.call("reset", {})

    def call(
        self,
        path: str,
        body: object = None,
        *,
        method: Literal["GET", "POST", "DELETE"] | None = None,
    ) -> Any:
        """Call a route of the sandbox's admin API that has no method here.

        Args:
            path: The path after ``/_sandbox/``, such as ``"webhooks"``. The manual of the sandbox
                lists them.
            body: The request body; sent as JSON.
            method: The HTTP method. ``None``: POST if there is a body, else GET.

        Returns:
            The decoded JSON response.

        Raises:
            SandboxError: The sandbox rejected the request or has stopped.
        """
        _check_type("path", path, str, "str")
        # The admin API is also served over plain http when --tls is set.
        url = f"http{self.url[self.url.index(':') :]}/_sandbox/{path}"
        request = urllib.request.Request(url, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        try:
            with _opener.open(request, timeout=_REQUEST_TIMEOUT) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                reason = error.read().decode(errors="replace")
            raise SandboxError(f"{path}: {error.code}: {reason}") from None
        except OSError as error:
            raise SandboxError(f"{path}: {error}") from error

    def stop(self) -> None:
        """Stop the sandbox. Stopping it again does nothing."""
        try:
            # Closes the standard input of the process, which makes it exit.
            self._process.communicate(timeout=_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<zignsec.testing.Sandbox url={self.url!r}>"


def _check_type(name: str, value: object, kinds: type | tuple[type, ...], expected: str) -> None:
    if not isinstance(value, kinds):
        raise TypeError(f"{name} must be {expected}, not {type(value).__name__}")


def _check_seconds(name: str, value: object) -> None:
    is_timedelta = hasattr(value, "total_seconds")
    hint = ", such as its total_seconds()" if is_timedelta else ""
    _check_type(name, value, (int, float), f"a number of seconds{hint}")


def _installed_program() -> str:
    """Return the path of the program that pip installed, else the one on ``PATH``."""
    try:
        files = metadata.files(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == _PROGRAM:
            return str(file.locate())
    found = shutil.which(_PROGRAM)
    if found is None:
        raise SandboxError(f"{_PACKAGE} is not installed: pip install 'zignsec[sandbox]'")
    return found
