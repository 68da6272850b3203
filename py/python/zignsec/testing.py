"""A gateway for tests: ``zignsec-sandbox``, which ``pip install zignsec[sandbox]`` brings.

::

    from zignsec.testing import Sandbox

    with Sandbox() as sandbox, sandbox.client() as client:
        session = client.start_phone_2fa(
            "+46701740605",
            redirect_success="https://example.com/signed-in",
            redirect_failure="https://example.com/try-again",
        )
        sandbox.user(session, "accept")
        assert client.get_session(session.id).is_verified

In pytest the fixture ``zignsec_sandbox`` is such a sandbox, a new one for each test. To lead code
there that makes its own client, set ``ZIGNSEC_BASE_URL`` and ``ZIGNSEC_API_KEY``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
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
"""What ``Sandbox.user`` can do."""

_PROGRAM = "zignsec-sandbox"
# How long the end of the process is waited for, in seconds.
_END = 30.0
# How long an answer is: longer than the longest wait for an SMS.
_ANSWER = 90.0
# Loopback is direct, whatever proxy the environment names.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SandboxError(Exception):
    """The sandbox is not installed, did not start, or refused what it was asked for."""


class SMS(NamedTuple):
    """A text message that the sandbox "sent"."""

    to: str
    """The phone number."""
    code: str
    """The code alone."""
    text: str
    """What the phone shows."""
    session_id: str
    """The session that the code is for."""
    at: str
    """When it arrived by the sandbox's clock, as in RFC 3339."""


class Sandbox:
    """A running sandbox gateway, on a free port of this machine.

    It is a process of its own, and starts in some 20 ms. It ends with ``stop()`` or the ``with``
    block, and with this process, however that ends. Threads share it freely.

    Args:
        *options: Options of the program, as on its command line: ``Sandbox("--tls")``. Its manual
            and ``zignsec-sandbox --help`` tell them.
        program: The program. ``None``: that of the package ``zignsec-sandbox``, else the first one
            on ``PATH``.

    Raises:
        SandboxError: The program is not installed, or it did not start: what it says on standard
            error tells why.
    """

    url: str
    """The ``base_url`` of clients; in a browser, a page that shows what happens."""
    api_key: str
    """The key that it takes."""
    ca_file: str | None
    """The ``ca_file`` of clients; ``None`` without ``--tls``."""
    webhook_secret: str
    """The secret that webhooks are signed with."""

    def __init__(self, *options: str, program: str | PathLike[str] | None = None) -> None:
        command = [program or _installed(), *options, "--port", "0", "--json"]
        try:
            self._process = subprocess.Popen(
                command,
                # The sandbox ends when this does.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Ctrl-C is for the tests.
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"the sandbox did not start: {error}") from error
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            code = self._process.returncode
            raise SandboxError(f"the sandbox did not start: it ended with exit code {code}")
        ready = json.loads(line)
        self.url = ready["url"]
        self.api_key = ready["api_key"]
        self.ca_file = ready["ca_file"]
        self.webhook_secret = ready["webhook_secret"]

    def client(self) -> Client:
        """A new client for this sandbox; ``with_options`` gives it other limits."""
        return Client(self.api_key, base_url=self.url, ca_file=self.ca_file)

    def async_client(self) -> AsyncClient:
        """A new client for asyncio."""
        # asyncio takes long to import.
        from zignsec import AsyncClient

        return AsyncClient(self.api_key, base_url=self.url, ca_file=self.ca_file)

    def user(
        self,
        session: Session | str,
        action: Action,
    ) -> str | None:
        """Plays the user of a session on its pages.

        Args:
            session: The session or its id.
            action: ``"accept"`` has a code sent and enters it, ``"wrong-code"`` enters another one,
                ``"fail"`` enters wrong ones until the session has failed, ``"cancel"`` calls it
                off, and ``"abandon"`` has a code sent and goes away.

        Returns:
            Where the last page sent the user, ``redirect_success`` or ``redirect_failure``, if
            anywhere.

        Raises:
            SandboxError: There is no such session, or it has ended.
        """
        session_id = session if isinstance(session, str) else session.id
        outcome: dict[str, str | None] = self.call(
            f"sessions/{session_id}/user", {"action": action}
        )
        return outcome["location"]

    def sms(self, to: str | None = None, *, wait: float = 0.0) -> list[SMS]:
        """The text messages so far, newest first.

        Args:
            to: Those to this phone number alone.
            wait: How many seconds to wait for the first one, 60 at the most.
        """
        query = {"wait": str(wait)} if to is None else {"wait": str(wait), "to": to}
        found = self.call(f"sms?{urllib.parse.urlencode(query)}")
        return [SMS(*(message[name] for name in SMS._fields)) for message in found]

    def requests(self) -> list[dict[str, Any]]:
        """The requests that arrived, newest first, at most 500: ``method``, ``path``, ``headers``,
        ``body`` and more."""
        found: list[dict[str, Any]] = self.call("requests")
        return found

    def arm(self, fault: str, *, times: int = 1, **details: object) -> None:
        """Lets the next calls go wrong.

        Args:
            fault: What happens, such as ``"http-503"``, ``"reset"`` or ``"stall"``: see the
                sandbox's manual.
            times: To how many of them.
            **details: What the fault ``"answer"`` takes: ``status``, ``headers``, ``body``.

        Raises:
            SandboxError: There is no such fault.
        """
        self.call("faults", {"fault": fault, "times": times, **details})

    def advance(self, seconds: float) -> None:
        """Moves the sandbox's clock on: codes live 5 minutes, sessions 30."""
        self.call("clock", {"advance_s": seconds})

    def reset(self) -> None:
        """Forgets everything but the time: sessions, messages, requests, faults."""
        self.call("reset", {})

    def call(
        self,
        path: str,
        body: object = None,
        *,
        method: Literal["GET", "POST", "DELETE"] | None = None,
    ) -> Any:
        """Calls one of the sandbox's own routes, for what has no method here.

        Args:
            path: What follows ``/_sandbox/``, such as ``"webhooks"``: see the sandbox's manual.
            body: What to send, as JSON.
            method: ``None``: POST where there is a body, else GET.

        Returns:
            The answer, out of JSON.

        Raises:
            SandboxError: The sandbox refused, or it is gone.
        """
        # Under --tls these routes answer plain http too.
        url = f"http{self.url[self.url.index(':') :]}/_sandbox/{path}"
        request = urllib.request.Request(url, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        try:
            with _direct.open(request, timeout=_ANSWER) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                reason = error.read().decode(errors="replace")
            raise SandboxError(f"{path}: {error.code}: {reason}") from None
        except OSError as error:
            raise SandboxError(f"{path}: {error}") from error

    def stop(self) -> None:
        """Ends the sandbox. To stop it once more does nothing."""
        try:
            # Closes its standard input.
            self._process.communicate(timeout=_END)
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


def _installed() -> str:
    """The program, wherever pip has put it."""
    try:
        files = metadata.files(_PROGRAM) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == _PROGRAM:
            return str(file.locate())
    found = shutil.which(_PROGRAM)
    if found is None:
        raise SandboxError(f"{_PROGRAM} is not installed: pip install 'zignsec[sandbox]'")
    return found
