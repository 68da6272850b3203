"""Threads, forks, leaks and the end of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading

import pytest
import zignsec
from sandbox import Sandbox
from steps import started


def run(program: str, *arguments: str) -> None:
    """Runs a program of its own."""
    # Python warns where threads are about at a fork, which is what some of them are for.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (ran.returncode, ran.stderr) == (0, "")


# A child that hangs ends by itself.
WARM_FORK = """
import multiprocessing, signal, sys, zignsec
key, url, ca_file, mine, theirs = sys.argv[1:]
client = zignsec.Client(key, base_url=url, ca_file=ca_file or None)

def ask(session_id):
    signal.alarm(60)
    for _ in range(200):
        assert client.get_session(session_id).id == session_id

client.get_session(mine)
child = multiprocessing.get_context("fork").Process(target=ask, args=(theirs,))
child.start()
ask(mine)
child.join()
sys.exit(child.exitcode)
"""


@pytest.mark.parametrize("tls", [False, True])
def test_both_sides_of_a_fork_go_on_with_a_warm_client(tls: bool) -> None:
    with Sandbox(*(["--tls"] if tls else [])) as box:
        client = box.client()
        sessions = started(client), started(client)
        client.close()
        run(WARM_FORK, box.api_key, box.url, box.ca_file or "", *sessions)
        lookups = [request for request in box.requests() if request["method"] == "GET"]
        assert len(lookups) == 401
        # One connection a process: a child opens its own.
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


def test_a_fork_among_busy_threads_leaves_a_child_that_works(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    run(BUSY_FORK, sandbox.api_key, sandbox.url, started(client))


def test_threads_that_share_a_client_get_their_own_answers(client: zignsec.Client) -> None:
    answers: dict[str, set[str]] = {}

    def work(session_id: str) -> None:
        answers[session_id] = {client.get_session(session_id).id for _ in range(100)}

    threads = [threading.Thread(target=work, args=(started(client),)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {session_id: {session_id} for session_id in answers}
    assert len(answers) == 10


def test_nothing_is_left_behind(
    sandbox: Sandbox, client: zignsec.Client, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = started(client)
    # pytest keeps what is logged.
    for logger in "zignsec", "asyncio", "made":
        caplog.set_level(logging.CRITICAL + 1, logger)

    def on_poll(_session: zignsec.Session, _elapsed: float) -> None:
        raise LookupError

    of_loops = sandbox.async_client()

    async def in_a_loop() -> None:
        with pytest.raises(LookupError):
            await of_loops.wait_for_session(session_id, on_poll=on_poll)
        async with of_loops.with_options(timeout=1) as other:
            await other.get_session(session_id)

    def work() -> None:
        client.get_session(session_id)
        with pytest.raises(zignsec.InvalidArgumentError):
            client.get_session("a/b")
        with pytest.raises(LookupError):
            client.wait_for_session(session_id, on_poll=on_poll)
        client.with_options(timeout=1).close()
        asyncio.run(in_a_loop())

    def left() -> tuple[int, int, int]:
        gc.collect()
        return len(gc.get_objects()), sys.getrefcount(on_poll), threading.active_count()

    for _ in range(3):
        work()
    before = left()
    for _ in range(20):
        work()
    after = left()
    # Less than one object for each round.
    assert after[0] - before[0] < 20
    assert after[1:] == before[1:]
    asyncio.run(of_loops.aclose())


SHUTDOWN = """
import logging, sys, threading, time, zignsec
key, url = sys.argv[1:]
logging.basicConfig(level=1, stream=sys.stdout)
client = zignsec.Client(key, base_url=url, attempt_timeout=0.1, max_retries=1000)
blocked = threading.Event()

def call():
    blocked.set()
    client.get_session("a")

class Slow:
    # Among the last things that an interpreter does; the call goes on meanwhile.
    def __del__(self, sleep=time.sleep):
        sleep(0.5)

sys.modules["slow"] = Slow()
threading.Thread(target=call, daemon=True).start()
blocked.wait()
time.sleep(0.2)
"""


def test_a_call_may_be_blocked_when_the_interpreter_ends(sandbox: Sandbox) -> None:
    sandbox.arm("stall", times=100)
    run(SHUTDOWN, sandbox.api_key, sandbox.url)
