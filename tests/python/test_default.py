"""The module-level functions, which use the default client."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import zignsec
from sandbox import Sandbox
from steps import REDIRECTS, request_arrived, start_session, until

PROGRAM = """
import os, signal, sys, threading, zignsec

def start():
    return zignsec.start_phone_2fa(
        "+46703339954", redirect_success="https://a.example", redirect_failure="https://b.example"
    )

url = os.environ.pop("ZIGNSEC_BASE_URL")
os.environ["ZIGNSEC_BASE_URL"] = "nonsense"
try:
    start()
except zignsec.ConfigurationError:
    # The error is not remembered.
    os.environ["ZIGNSEC_BASE_URL"] = url

gate = threading.Barrier(8)
sessions = []

def first():
    gate.wait()
    sessions.append(start())

threads = [threading.Thread(target=first) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(sessions) == 8

# From here on, the environment is not read again.
os.environ["ZIGNSEC_BASE_URL"] = "nonsense"
child = os.fork()
# Ends a child that hangs.
signal.alarm(30)
session = start()
assert zignsec.get_session(session.id).id == session.id
# In one write, because the child writes to the same pipe.
os.write(1, session.id.encode() + b" ")
polls = []
try:
    zignsec.wait_for_session(
        session.id, timeout=2, poll_interval=0.1, on_poll=lambda *poll: polls.append(poll)
    )
except zignsec.WaitTimeoutError:
    assert polls
if child:
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""


def test_default_client_is_created_once_from_the_environment(sandbox: Sandbox) -> None:
    env = {
        **os.environ,
        "ZIGNSEC_API_KEY": sandbox.api_key,
        "ZIGNSEC_BASE_URL": sandbox.url,
    }
    completed = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, stdout=subprocess.PIPE, text=True, timeout=60
    )
    assert completed.returncode == 0
    assert len(set(completed.stdout.split())) == 2
    assert len(sandbox.call("sessions")) == 10


@pytest.fixture
def default(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox of the default client."""
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    zignsec.reset_default_client()
    yield sandbox
    zignsec.reset_default_client()


def test_after_a_reset_the_environment_is_read_again(
    default: Sandbox, client: zignsec.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = start_session(client)
    assert zignsec.get_session(session_id).id == session_id
    with Sandbox() as other:
        monkeypatch.setenv("ZIGNSEC_BASE_URL", other.url)
        assert zignsec.get_session(session_id).id == session_id
        zignsec.reset_default_client()
        # Also if there is no default client.
        zignsec.reset_default_client()
        with pytest.raises(zignsec.NotFoundError):
            zignsec.get_session(session_id)
        other_id = zignsec.start_phone_2fa("+46703339954", **REDIRECTS).id
        assert [each["id"] for each in other.call("sessions")] == [other_id]
    assert len(default.call("sessions")) == 1
    # Other clients are not affected.
    assert client.get_session(session_id).id == session_id


def test_an_error_of_a_new_default_client_is_not_remembered(
    default: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIGNSEC_BASE_URL", "nonsense")
    with pytest.raises(zignsec.ConfigurationError):
        zignsec.get_session("a")
    monkeypatch.setenv("ZIGNSEC_BASE_URL", default.url)
    with pytest.raises(zignsec.NotFoundError):
        zignsec.get_session("a")


def test_a_reset_cancels_running_calls(default: Sandbox, client: zignsec.Client) -> None:
    session_id = start_session(client)
    polled = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(
            zignsec.wait_for_session,
            session_id,
            poll_interval=60,
            on_poll=lambda _session, _elapsed: polled.set(),
        )
        assert polled.wait(30)
        arrived = request_arrived(default)
        default.arm("stall")
        starting = threads.submit(zignsec.start_phone_2fa, "+46703339954", **REDIRECTS)
        until(arrived)
        zignsec.reset_default_client()
        for call, in_doubt in ((waiting, False), (starting, True)):
            error = call.exception(30)
            assert isinstance(error, zignsec.CallCancelledError)
            assert error.in_doubt == in_doubt
    assert zignsec.get_session(session_id).id == session_id


def test_calls_during_resets_succeed_or_are_cancelled(
    default: Sandbox, client: zignsec.Client
) -> None:
    session_id = start_session(client)
    done = threading.Event()

    def call() -> int:
        count = 0
        while not done.is_set():
            try:
                assert zignsec.get_session(session_id).id == session_id
                count += 1
            except zignsec.CallCancelledError:
                pass
        return count

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(call) for _ in range(8)]
        for _ in range(300):
            zignsec.reset_default_client()
        until(lambda: len(default.requests()) > 100)
        done.set()
        assert sum(each.result() for each in calls) > 0


def test_a_call_meets_a_reset_before_it_begins(
    default: Sandbox, client: zignsec.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = start_session(client)
    created: list[zignsec.Client] = []

    def create_during_reset() -> zignsec.Client:
        new = zignsec.Client()
        created.append(new)
        if len(created) == 1:
            zignsec.reset_default_client()
        elif len(created) == 2:
            monkeypatch.setattr(new, "get_session", reset_and_get)
        return new

    def reset_and_get(session_id: str) -> zignsec.Session:
        zignsec.reset_default_client()
        return zignsec.Client.get_session(created[1], session_id)

    monkeypatch.setattr("zignsec._default.Client", create_during_reset)
    assert zignsec.get_session(session_id).id == session_id
    assert len(created) == 3
    for each in created[:2]:
        with pytest.raises(zignsec.ClosedError):
            each.get_session(session_id)
    assert len(default.requests()) == 2


def test_a_reset_in_a_forked_child_affects_the_child_only(
    default: Sandbox, client: zignsec.Client
) -> None:
    session_id = start_session(client)
    program = """
import os, signal, sys, threading, zignsec
session_id = sys.argv[1]
assert zignsec.get_session(session_id).id == session_id
polled = threading.Event()
results = []

def wait():
    try:
        zignsec.wait_for_session(
            session_id, timeout=1, poll_interval=0.1, on_poll=lambda *_: polled.set()
        )
    except zignsec.ZignSecError as error:
        results.append(type(error))

waiting = threading.Thread(target=wait)
waiting.start()
polled.wait()
child = os.fork()
# Ends a child that hangs.
signal.alarm(30)
if not child:
    zignsec.reset_default_client()
    assert zignsec.get_session(session_id).id == session_id
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
waiting.join()
assert results == [zignsec.WaitTimeoutError], results
assert zignsec.get_session(session_id).id == session_id
"""
    environment = {**os.environ, **default.env}
    command = [sys.executable, "-W", "ignore", "-c", program, session_id]
    subprocess.run(command, env=environment, check=True, timeout=60)


@pytest.mark.usefixtures("default")
def test_on_poll_may_raise_the_error_of_another_closed_client(client: zignsec.Client) -> None:
    session_id = start_session(client)
    polls = 0
    client.close()

    def on_poll(_session: zignsec.Session, _elapsed: float) -> None:
        nonlocal polls
        polls += 1
        client.get_session(session_id)

    with pytest.raises(zignsec.ClosedError):
        zignsec.wait_for_session(session_id, on_poll=on_poll)
    assert polls == 1
