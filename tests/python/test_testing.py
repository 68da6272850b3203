"""``zignsec.testing`` and the pytest fixture."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import zignsec
from listener import Listener
from steps import REDIRECTS, programs
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


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_sandbox_stops_with_its_parent_process(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHAN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    url, pid = process.stdout.readline().split()
    # It is in another process group, because a terminal sends Ctrl-C to the whole group.
    assert os.getpgid(int(pid)) != os.getpgid(process.pid)
    # It becomes readable when the sandbox exits.
    sandbox = os.pidfd_open(int(pid))
    process.send_signal(number)
    process.communicate(timeout=30)
    ended, _, _ = select.select([sandbox], [], [], 30)
    os.close(sandbox)
    assert ended
    assert is_gone(url)


PLUGIN_USER = """
import os

def test_one(zignsec_sandbox):
    os.write(int(os.environ["URLS_FD"]), f"{zignsec_sandbox.url}\\n".encode())

test_another = test_one
"""


def run_pytest(folder: Path, *options: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run pytest on a folder, without the configuration of these tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, **how)


def test_fixture_provides_a_sandbox_for_each_test(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(PLUGIN_USER)
    reading, writing = os.pipe()
    env = {**os.environ, "URLS_FD": str(writing)}
    completed = run_pytest(tmp_path, env=env, pass_fds=[writing])
    os.close(writing)
    with os.fdopen(reading) as pipe:
        urls = pipe.read().split()
    assert "2 passed" in completed.stdout, completed.stdout
    assert len(set(urls)) == 2
    assert all(map(is_gone, urls))

    completed = run_pytest(tmp_path, "--fixtures")
    assert "zignsec_sandbox -- " in completed.stdout
    assert "A new sandbox gateway for each test" in completed.stdout


def test_tests_of_the_readme_pass(tmp_path: Path) -> None:
    (code,) = (code for code in programs("py/README.md", "python") if "zignsec_sandbox" in code)
    (tmp_path / "test_it.py").write_text(code)
    completed = run_pytest(tmp_path)
    assert "2 passed" in completed.stdout, completed.stdout
