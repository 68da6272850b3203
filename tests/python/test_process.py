"""Threads, forks, leaks and interpreter shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import threading
from statistics import median

import pytest
import zignsec
from network import needs
from sandbox import Sandbox
from steps import start_session


def run(program: str, *arguments: str) -> None:
    """Run a program in a new process."""
    # Python warns about a fork while other threads run; some programs test exactly that.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, *arguments]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (completed.returncode, completed.stderr) == (0, "")


# The alarm ends a child that hangs.
WARM_FORK = """
import multiprocessing, signal, sys, zignsec
key, url, ca_file, mine, theirs = sys.argv[1:]
client = zignsec.Client(key, base_url=url, ca_file=ca_file or None)

def get_sessions(session_id):
    signal.alarm(60)
    for _ in range(200):
        assert client.get_session(session_id).id == session_id

client.get_session(mine)
child = multiprocessing.get_context("fork").Process(target=get_sessions, args=(theirs,))
child.start()
get_sessions(mine)
child.join()
sys.exit(child.exitcode)
"""


@pytest.mark.parametrize("tls", [False, True])
def test_parent_and_child_use_an_open_client_after_a_fork(tls: bool) -> None:
    with Sandbox(*(["--tls"] if tls else [])) as box:
        client = box.client()
        sessions = start_session(client), start_session(client)
        client.close()
        run(WARM_FORK, box.api_key, box.url, box.ca_file or "", *sessions)
        lookups = [request for request in box.requests() if request["method"] == "GET"]
        assert len(lookups) == 401
        # One connection per process: a child opens a new one.
        assert len({request["connection"] for request in lookups}) == 2


BUSY_FORK = """
import os, signal, sys, threading, zignsec
key, url, session_id = sys.argv[1:]
client = zignsec.Client(key, base_url=url)
done = threading.Event()

def work():
    while not done.is_set():
        with client.with_options(max_retries=1) as other:
            other.get_session(session_id)

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(50):
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        assert client.with_options().get_session(session_id).id == session_id
        client.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
done.set()
for thread in threads:
    thread.join()
"""


def test_fork_with_busy_threads_leaves_a_working_child(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    run(BUSY_FORK, sandbox.api_key, sandbox.url, start_session(client))


def test_threads_that_share_a_client_get_their_own_responses(client: zignsec.Client) -> None:
    results: dict[str, set[str]] = {}

    def work(session_id: str) -> None:
        results[session_id] = {client.get_session(session_id).id for _ in range(100)}

    threads = [threading.Thread(target=work, args=(start_session(client),)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {session_id: {session_id} for session_id in results}
    assert len(results) == 10


def test_calls_leak_no_objects_or_threads(
    sandbox: Sandbox, client: zignsec.Client, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = start_session(client)
    # pytest stores the log records.
    for logger in "zignsec", "asyncio", "exceptions":
        caplog.set_level(logging.CRITICAL + 1, logger)

    def on_poll(_session: zignsec.Session, _elapsed: float) -> None:
        raise LookupError

    async_client = sandbox.async_client()

    async def in_a_loop() -> None:
        with pytest.raises(LookupError):
            await async_client.wait_for_session(session_id, on_poll=on_poll)
        async with async_client.with_options(timeout=1) as other:
            await other.get_session(session_id)

    def work() -> None:
        client.get_session(session_id)
        with pytest.raises(zignsec.InvalidArgumentError):
            client.get_session("a/b")
        with pytest.raises(LookupError):
            client.wait_for_session(session_id, on_poll=on_poll)
        client.with_options(timeout=1).close()
        asyncio.run(in_a_loop())

    def remaining() -> tuple[int, int, int]:
        gc.collect()
        return len(gc.get_objects()), sys.getrefcount(on_poll), threading.active_count()

    for _ in range(3):
        work()
    growth: list[int] = []
    # What leaks grows each time. What earlier tests left may come and go once.
    for _ in range(3):
        before = remaining()
        for _ in range(20):
            work()
        after = remaining()
        growth.append(after[0] - before[0])
        assert after[1:] == before[1:]
    # Less than one object per round.
    assert median(growth) < 20, growth
    asyncio.run(async_client.aclose())


RAISED = """
import os, sys, zignsec
change, ids = sys.argv[1], [int(number) for number in sys.argv[2].split()]
zignsec.Client().close()
getattr(os, change)(*ids)
try:
    zignsec.Client()
except zignsec.ConfigurationError as error:
    assert "pass api_key; the environment variables are ignored" in str(error), error
else:
    sys.exit("the environment was read")
assert "https://test-gateway.zignsec.com" in repr(zignsec.Client("a-key"))
"""


@pytest.mark.parametrize(
    ("change", "ids"),
    [
        ("setresuid", "65534 0 0"),
        ("setresgid", "65534 0 0"),
        # As a set-user-ID program that has given its privileges up for a while.
        ("setresuid", "65534 65534 0"),
    ],
)
def test_process_with_raised_privileges_ignores_the_environment(
    monkeypatch: pytest.MonkeyPatch, change: str, ids: str
) -> None:
    needs("root, who can change its real ID alone", found=os.geteuid() == 0)
    monkeypatch.setenv("ZIGNSEC_API_KEY", "from-the-environment")
    monkeypatch.setenv("ZIGNSEC_BASE_URL", "https://hostile.invalid")
    run(RAISED, change, ids)


SHUTDOWN = """
import logging, sys, threading, time, zignsec
key, url = sys.argv[1:]
logging.basicConfig(level=1, stream=sys.stdout)
client = zignsec.Client(key, base_url=url, attempt_timeout=0.1, max_retries=1000)
blocked = threading.Event()

def call():
    blocked.set()
    client.get_session("a")

locked = threading.Lock()
locked.acquire()

class Slow:
    # Runs late during interpreter shutdown, while the call is still blocked. On Windows, time.sleep
    # does not work then.
    def __del__(self, acquire=locked.acquire):
        acquire(timeout=0.5)

sys.modules["slow"] = Slow()
threading.Thread(target=call, daemon=True).start()
blocked.wait()
time.sleep(0.2)
"""


def test_interpreter_can_exit_while_a_call_is_blocked(sandbox: Sandbox) -> None:
    sandbox.arm("stall", times=100)
    run(SHUTDOWN, sandbox.api_key, sandbox.url)
