"""``zignsec.testing`` and the pytest fixture."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import select
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
import zignsec
from listener import Listener
from steps import NEW_CONSOLE, REDIRECTS, interrupt, programs, until
from zignsec.testing import SMS, Action, Sandbox, SandboxError

PHONE_NUMBER = "+46703339954"


@pytest.fixture
def started(zignsec_sandbox: Sandbox) -> zignsec.Session:
    """A session in the sandbox."""
    with zignsec_sandbox.client() as client:
        return client.start_phone_2fa(PHONE_NUMBER, **REDIRECTS)


def is_gone(url: str) -> bool:
    """Whether nothing listens at a URL."""
    address = urlsplit(url)
    assert address.port is not None
    try:
        socket.create_connection((address.hostname, address.port), timeout=30).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sandbox_runs_for_a_with_block() -> None:
    with Sandbox() as sandbox:
        assert repr(sandbox) == f"<zignsec.testing.Sandbox url={sandbox.url!r}>"
        assert sandbox.ca_file is None
        assert not is_gone(sandbox.url)
    assert is_gone(sandbox.url)
    sandbox.stop()
    with pytest.raises(SandboxError, match=r"requests: .*refused"):
        sandbox.requests()


def test_options_are_passed_to_the_program(listener: Listener) -> None:
    options = ("--tls", "--api-key", "another-key", "--webhook-secret", "another-secret")
    with Sandbox(*options) as sandbox:
        assert (sandbox.api_key, sandbox.webhook_secret) == ("another-key", "another-secret")
        assert "another-key" not in repr(sandbox)
        assert sandbox.url.startswith("https:")
        assert sandbox.ca_file is not None
        assert Path(sandbox.ca_file).exists()
        with sandbox.client() as client:
            session = client.start_phone_2fa(PHONE_NUMBER, webhook=listener.url, **REDIRECTS)
        # The admin API also works with --tls.
        assert sandbox.user(session, "cancel") is None
        hook = listener.next()
        signature = hook.headers["x-zignsec-hmac-sha256"]
        event = zignsec.verify_webhook(hook.body, signature, sandbox.webhook_secret)
        assert event.session_id == session.id
    assert not Path(sandbox.ca_file).exists()


@pytest.mark.parametrize(
    ("action", "status", "location"),
    [
        ("accept", "accepted", "https://a.example"),
        ("wrong-code", "pending", None),
        ("fail", "failed", "https://b.example"),
        ("cancel", "cancelled", None),
        ("abandon", "pending", None),
    ],
)
def test_user_actions(
    zignsec_sandbox: Sandbox,
    started: zignsec.Session,
    action: Action,
    status: str,
    location: str | None,
) -> None:
    assert zignsec_sandbox.user(started, action) == location
    with zignsec_sandbox.client() as client:
        assert client.get_session(started.id).status == status


def test_user_action_by_session_id(zignsec_sandbox: Sandbox, started: zignsec.Session) -> None:
    assert zignsec_sandbox.user(started.id, "accept") == REDIRECTS["redirect_success"]


def test_sms_are_delivered(zignsec_sandbox: Sandbox, started: zignsec.Session) -> None:
    assert zignsec_sandbox.sms() == []
    zignsec_sandbox.user(started, "abandon")
    (sms,) = zignsec_sandbox.sms(PHONE_NUMBER, wait=5)
    assert isinstance(sms, SMS)
    assert (sms.to, sms.session_id) == (PHONE_NUMBER, started.id)
    assert sms.code in sms.text
    assert zignsec_sandbox.sms() == [sms]
    assert zignsec_sandbox.sms("+46703339955") == []


def test_faults_affect_the_next_requests(
    zignsec_sandbox: Sandbox, started: zignsec.Session
) -> None:
    with zignsec_sandbox.client() as client:
        once = client.with_options(max_retries=0)
        zignsec_sandbox.arm("http-503", times=2)
        for _ in range(2):
            with pytest.raises(zignsec.ServerError):
                once.get_session(started.id)
        zignsec_sandbox.arm("answer", status=429, headers={"retry-after": "7"})
        with pytest.raises(zignsec.RateLimitError) as caught:
            once.get_session(started.id)
        assert caught.value.retry_after == 7
        assert once.get_session(started.id).id == started.id
    assert [request["status"] for request in zignsec_sandbox.requests()] == [
        *(200, 429, 503, 503),
        *(200,),  # the POST
    ]


def test_advance_expires_sessions_and_reset_deletes_them(
    zignsec_sandbox: Sandbox, started: zignsec.Session
) -> None:
    with zignsec_sandbox.client() as client:
        zignsec_sandbox.advance(31 * 60)
        assert client.get_session(started.id).status == "timeout"
        zignsec_sandbox.reset()
        assert zignsec_sandbox.requests() == []
        with pytest.raises(zignsec.NotFoundError):
            client.get_session(started.id)


def test_async_client(zignsec_sandbox: Sandbox) -> None:
    async def check() -> bool:
        async with zignsec_sandbox.async_client() as client:
            session = await client.start_phone_2fa(PHONE_NUMBER, **REDIRECTS)
            # Not in the event loop, because it blocks.
            await asyncio.to_thread(zignsec_sandbox.user, session, "accept")
            return (await client.wait_for_session(session.id)).is_verified

    assert asyncio.run(check())


def test_rejected_request_raises_sandbox_error(
    zignsec_sandbox: Sandbox, started: zignsec.Session
) -> None:
    zignsec_sandbox.user(started, "accept")
    with pytest.raises(SandboxError, match=r"409.*already ended"):
        zignsec_sandbox.user(started, "accept")
    with pytest.raises(SandboxError, match=r"^sessions/nobody/user: 404"):
        zignsec_sandbox.user("nobody", "accept")
    with pytest.raises(SandboxError, match=r"^faults: 422: .*must be one of"):
        zignsec_sandbox.arm("no-such-fault")
    with pytest.raises(SandboxError, match="wait"):
        zignsec_sandbox.sms(wait=61)


def test_error_when_the_sandbox_does_not_start(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SandboxError, match="it exited with code 2"):
        Sandbox("--no-such-option")
    assert "--no-such-option" in capfd.readouterr().err
    with pytest.raises(SandboxError, match="/no/such/program"):
        Sandbox(program="/no/such/program")


ORPHAN = """
import os, sys
from zignsec.testing import Sandbox
sandbox = Sandbox()
print(sandbox.url, sandbox._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["killed", "interrupted"])
def test_sandbox_stops_with_its_parent_process(how: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHAN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        creationflags=NEW_CONSOLE,
    )
    assert process.stdout is not None
    url, pid = process.stdout.readline().split()
    if sys.platform == "win32":
        end(process, how)
        until(lambda: is_gone(url))
        return
    # It is in another process group, because a terminal sends Ctrl-C to the whole group.
    assert os.getpgid(int(pid)) != os.getpgid(process.pid)
    # It becomes readable when the sandbox exits.
    sandbox = os.pidfd_open(int(pid))
    end(process, how)
    ended, _, _ = select.select([sandbox], [], [], 30)
    os.close(sandbox)
    assert ended
    assert is_gone(url)


def end(process: subprocess.Popen[str], how: str) -> None:
    """End a process by a signal, and wait for it."""
    if how == "killed":
        process.kill()
    else:
        interrupt(process)
    process.communicate(timeout=30)


PLUGIN_USER = """
import os

def test_one(zignsec_sandbox):
    with open(os.environ["URLS"], "a") as urls:
        print(zignsec_sandbox.url, file=urls)

test_another = test_one
"""


def run_pytest(folder: Path, *options: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run pytest on a folder, without the configuration of these tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, **how)


def test_fixture_provides_a_sandbox_for_each_test(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(PLUGIN_USER)
    written = tmp_path / "urls"
    completed = run_pytest(tmp_path, env={**os.environ, "URLS": str(written)})
    urls = written.read_text().split()
    assert "2 passed" in completed.stdout, completed.stdout
    assert len(set(urls)) == 2
    assert all(map(is_gone, urls))

    completed = run_pytest(tmp_path, "--fixtures")
    assert "zignsec_sandbox -- " in completed.stdout
    assert "A new sandbox gateway for each test" in completed.stdout


# The tests run in this order, and each one also with xdist in another process.
PLUGIN_AND_DEFAULT_CLIENT = """
import asyncio
import os
import subprocess
import sys
import threading

import pytest
import zignsec

URLS = set()
REDIRECTS = {"redirect_success": "https://a.example", "redirect_failure": "https://b.example"}
BEFORE = {name: value for name, value in os.environ.items() if name.startswith("ZIGNSEC_")}


def assert_is_used(sandbox):
    URLS.add(sandbox.url)
    before = len(sandbox.call("sessions"))
    session = zignsec.start_phone_2fa("+46703339954", **REDIRECTS)
    sandbox.user(session, "accept")
    assert zignsec.wait_for_session(session.id).is_verified_for("+46703339954")
    with zignsec.Client() as client:
        assert client.get_session(session.id).is_verified
    assert len(sandbox.call("sessions")) == before + 1


@pytest.fixture(autouse=True)
def _restored():
    yield
    now = {name: value for name, value in os.environ.items() if name.startswith("ZIGNSEC_")}
    assert now == BEFORE
    # Whatever a test did, the next call reads the environment, which has no valid URL.
    with pytest.raises(zignsec.ConfigurationError):
        zignsec.get_session("a")


@pytest.mark.parametrize("number", range(3))
def test_each(zignsec_sandbox, number):
    assert_is_used(zignsec_sandbox)


def test_monkeypatch_before(monkeypatch, zignsec_sandbox):
    assert_is_used(zignsec_sandbox)
    monkeypatch.setenv("ZIGNSEC_API_KEY", "wrong")
    monkeypatch.setenv("ZIGNSEC_BASE_URL", "http://127.0.0.1:1")
    with pytest.raises(zignsec.NotFoundError):
        zignsec.get_session("a")
    monkeypatch.setenv("ZIGNSEC_BASE_URL", zignsec_sandbox.url)
    zignsec.reset_default_client()
    with pytest.raises(zignsec.AuthenticationError):
        zignsec.get_session("a")


def test_monkeypatch_after(zignsec_sandbox, monkeypatch):
    test_monkeypatch_before(monkeypatch, zignsec_sandbox)


def test_other_threads(zignsec_sandbox):
    thread = threading.Thread(target=assert_is_used, args=(zignsec_sandbox,))
    thread.start()
    thread.join()
    assert len(zignsec_sandbox.call("sessions")) == 1


def test_asyncio(zignsec_sandbox):
    async def check():
        await asyncio.to_thread(assert_is_used, zignsec_sandbox)
        async with zignsec.AsyncClient() as client:
            with pytest.raises(zignsec.NotFoundError):
                await client.get_session("a")

    asyncio.run(check())


def test_child_process(zignsec_sandbox):
    program = "import zignsec; zignsec.get_session('a')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "NotFoundError" in ran.stderr


@pytest.fixture
def another(zignsec_sandbox):
    from zignsec.testing import Sandbox

    with Sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.env.items():
            patch.setenv(name, value)
        zignsec.reset_default_client()
        yield sandbox
    zignsec.reset_default_client()


def test_nested(zignsec_sandbox, another):
    assert zignsec_sandbox.url != another.url
    assert_is_used(another)
    assert zignsec_sandbox.requests() == []


CALLS = []


def test_running_call(zignsec_sandbox):
    session = zignsec.start_phone_2fa("+46703339954", **REDIRECTS)
    polled = threading.Event()

    def wait():
        with pytest.raises(zignsec.CallCancelledError):
            zignsec.wait_for_session(
                session.id, poll_interval=100, on_poll=lambda *_: polled.set()
            )

    CALLS.append(threading.Thread(target=wait, daemon=True))
    CALLS[0].start()
    assert polled.wait(30)


def test_running_call_was_cancelled():
    for thread in CALLS:
        thread.join(30)
        assert not thread.is_alive()


class TestOverridden:
    @pytest.fixture
    def zignsec_sandbox(self, zignsec_sandbox):
        assert_is_used(zignsec_sandbox)
        zignsec_sandbox.reset()
        return zignsec_sandbox

    def test_it(self, zignsec_sandbox):
        assert_is_used(zignsec_sandbox)


def test_no_sandbox_served_two_tests():
    assert len(URLS) == 9 or "PYTEST_XDIST_WORKER" in os.environ
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_each_test_has_its_own_sandbox_as_default(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "test_it.py").write_text(PLUGIN_AND_DEFAULT_CLIENT)
    settings = {
        "ZIGNSEC_BASE_URL": "nonsense",
        "ZIGNSEC_API_KEY": "a-real-key",
        "ZIGNSEC_SECONDARY_API_KEY": "another-key",
        "ZIGNSEC_ENVIRONMENT": "production",
    }
    completed = run_pytest(tmp_path, *options, env={**os.environ, **settings})
    assert "13 passed" in completed.stdout, completed.stdout


def test_default_client_from_before_the_fixture_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_it.py").write_text(
        """
import zignsec

def test_it(zignsec_sandbox):
    try:
        zignsec.get_session("a")
    except zignsec.NotFoundError:
        pass
    assert len(zignsec_sandbox.requests()) == 1
"""
    )
    with Sandbox() as sandbox:
        for name, value in sandbox.env.items():
            monkeypatch.setenv(name, value)
        zignsec.reset_default_client()
        session = zignsec.start_phone_2fa(PHONE_NUMBER, **REDIRECTS)
        # A client that is created from now on is not that one.
        monkeypatch.setenv("ZIGNSEC_BASE_URL", "nonsense")
        # pytest in pytest, in this process.
        arguments = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
        assert pytest.main(arguments) == 0
        assert zignsec.get_session(session.id).id == session.id
    zignsec.reset_default_client()


def test_env_points_clients_at_a_sandbox_with_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox("--tls") as sandbox:
        assert sandbox.env["SSL_CERT_FILE"] == sandbox.ca_file
        assert sandbox.env["ZIGNSEC_WEBHOOK_SECRET"] == sandbox.webhook_secret
        for name, value in sandbox.env.items():
            monkeypatch.setenv(name, value)
        with zignsec.Client() as client:
            assert client.start_phone_2fa(PHONE_NUMBER, **REDIRECTS).redirect_url


def test_wrong_types_name_the_argument(zignsec_sandbox: Sandbox) -> None:
    box: Any = zignsec_sandbox
    make: Any = Sandbox
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: make(5), "options must be str, not int"),
        (lambda: make(["--tls"]), "options must be str, not list"),
        (lambda: make(program=5), "program must be str, os.PathLike or None, not int"),
        (lambda: box.user(5, "accept"), "session must be Session or str, not int"),
        (lambda: box.user("a", 5), "action must be str, not int"),
        (lambda: box.sms(46703339954), "to must be str or None, not int"),
        (lambda: box.sms(wait="5"), "wait must be a number of seconds, not str"),
        (lambda: box.arm(503), "fault must be str, not int"),
        (lambda: box.arm("reset", times="2"), "times must be an integer, not str"),
        (
            lambda: box.advance(timedelta(minutes=30)),
            "seconds must be a number of seconds, such as its total_seconds(), not timedelta",
        ),
        (lambda: box.call(None), "path must be str, not NoneType"),
    ]
    for call, expected in cases:
        with pytest.raises(TypeError, match=f"^{re.escape(expected)}$"):
            call()
    with pytest.raises(TypeError, match="unexpected keyword argument 'tls'"):
        make(tls=True)


STORED = zignsec.Session.from_json('{"id":"a-1","status":"accepted","phone_number":"+46703339954"}')


def verdict(client: zignsec.Client) -> bool:
    """The code under test."""
    return client.get_session("a-1").is_verified_for("+46703339954")


def stored(_session_id: str) -> zignsec.Session:
    return STORED


def test_methods_of_a_client_can_be_replaced(
    sandbox: Sandbox, client: zignsec.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for autospec in (None, True):
        with mock.patch.object(
            client, "get_session", autospec=autospec, return_value=STORED
        ) as replaced:
            assert verdict(client)
            replaced.assert_called_once_with("a-1")
    late = zignsec.APITimeoutError("late")
    with (
        mock.patch.object(client, "get_session", side_effect=late),
        pytest.raises(zignsec.APITimeoutError, match="late"),
    ):
        verdict(client)
    with mock.patch.object(zignsec.Client, "get_session", return_value=STORED):
        assert verdict(client)
    with mock.patch.object(client, "get_session", return_value=STORED):
        assert verdict(client.with_options(timeout=1))
    with monkeypatch.context() as patch:
        patch.setattr(client, "get_session", stored)
        assert verdict(client)
    assert sandbox.requests() == []
    with pytest.raises(zignsec.NotFoundError):
        verdict(client)
    # Also of the class, and of the default client.
    with mock.patch("zignsec.Client", autospec=True) as replaced_class:
        replaced_class.return_value.get_session.return_value = STORED
        assert verdict(zignsec.Client("key"))
        replaced_class.assert_called_once_with("key")
    with mock.patch("zignsec.get_session", return_value=STORED):
        assert zignsec.get_session("a-1") == STORED


def test_autospec_of_a_client_checks_names() -> None:
    doubles: tuple[Any, ...] = (
        mock.create_autospec(zignsec.Client, instance=True),
        mock.create_autospec(zignsec.Client("key", base_url="http://127.0.0.1:1")),
    )
    for double in doubles:
        assert issubclass(double.__class__, zignsec.Client)
        double.get_session.return_value = STORED
        assert verdict(double)
        with pytest.raises(AttributeError):
            double.fetch_session("a-1")
    session = mock.create_autospec(zignsec.Session, instance=True)
    assert isinstance(session, zignsec.Session)


def test_methods_of_an_async_client_can_be_replaced() -> None:
    async def check() -> None:
        async with zignsec.AsyncClient("key", base_url="http://127.0.0.1:1") as client:
            with mock.patch.object(client, "get_session", return_value=STORED) as replaced:
                assert await client.get_session("a-1") == STORED
                replaced.assert_awaited_once_with("a-1")
            double = mock.create_autospec(client)
            double.wait_for_session.return_value = STORED
            assert await double.wait_for_session("a-1", timeout=5) == STORED
            with pytest.raises(TypeError):
                double.wait_for_session("a-1", 5)
            with pytest.raises(zignsec.APIConnectionError):
                await client.with_options(max_retries=0).get_session("a-1")

    asyncio.run(check())


def test_a_replaced_client_is_freed(client: zignsec.Client) -> None:
    freed = weakref.ref(client)
    other = client.with_options()
    freed_other = weakref.ref(other)
    # The attribute refers to the client.
    other.get_session = other.get_session  # type: ignore[method-assign]
    del other
    gc.collect()
    assert freed_other() is None
    assert freed() is client


def test_tests_of_the_readme_pass(tmp_path: Path) -> None:
    tests = [code for code in programs("py/README.md", "python") if "def test_" in code]
    for number, code in enumerate(tests):
        (tmp_path / f"test_{number}.py").write_text(code)
    completed = run_pytest(tmp_path)
    assert "3 passed" in completed.stdout, completed.stdout
