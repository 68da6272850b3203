"""What ends a blocked call: signals, what their handlers raise, and close()."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pytest
import zignsec
from sandbox import Sandbox
from steps import LIMIT, REDIRECTS, OnSignal, arrived, send_when, started, until

INTERRUPTED = """
import sys, time, zignsec
client = zignsec.Client(sys.argv[1], base_url=sys.argv[2], attempt_timeout=60, timeout=60)
session_id = sys.argv[3]
try:
    {call}
except KeyboardInterrupt as error:
    print(time.monotonic(), flush=True)
    assert error.__cause__ is None
print(client.get_session(session_id).status)
"""

CALLS = {
    "stall": "client.get_session(session_id)",
    "drip-body": "client.get_session(session_id)",
    "stall-wait": "client.wait_for_session(session_id)",
    "drip-head-wait": "client.wait_for_session(session_id)",
}


def asleep(process: int) -> bool:
    """Whether the main thread of a process is blocked in the system."""
    stat = Path(f"/proc/{process}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize("case", [*CALLS, "pause"])
def test_ctrl_c_ends_a_blocked_call(sandbox: Sandbox, client: zignsec.Client, case: str) -> None:
    session_id = started(client)
    blocked = arrived(sandbox)
    if case == "pause":
        call = "client.wait_for_session(session_id, poll_interval=60)"
    else:
        call = CALLS[case]
        sandbox.arm(case.removesuffix("-wait"))
    program = INTERRUPTED.format(call=call)
    process = subprocess.Popen(
        [sys.executable, "-c", program, sandbox.api_key, sandbox.url, session_id],
        stdout=subprocess.PIPE,
        text=True,
    )
    # The gateway has the request (and answered it, before a pause): the call is blocked.
    until(lambda: blocked() and asleep(process.pid))
    if case == "pause":
        until(lambda: sandbox.requests()[0]["status"] is not None and asleep(process.pid))
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    raised, status = out.split()
    assert float(raised) - sent < LIMIT
    assert status == "pending"


class Rung(Exception):  # noqa: N818
    """What a signal handler raises."""


def ring() -> None:
    raise Rung


def test_what_a_signal_handler_raises_passes_through(
    sandbox: Sandbox, client: zignsec.Client, on_signal: OnSignal
) -> None:
    on_signal(signal.SIGUSR1, ring)
    for call in (client.get_session, client.wait_for_session):
        session_id = started(client)
        sandbox.arm("stall")
        sender = send_when(arrived(sandbox), signal.SIGUSR1)
        with pytest.raises(Rung):
            call(session_id)
        sender.join()
        assert client.get_session(session_id).status == "pending"


def test_a_signal_handler_may_make_a_call(
    sandbox: Sandbox, client: zignsec.Client, on_signal: OnSignal
) -> None:
    session_id, other_id = started(client), started(client)
    inner: list[str] = []
    on_signal(signal.SIGUSR1, lambda: inner.append(client.get_session(other_id).id))
    sandbox.arm("late-answer")
    sender = send_when(lambda: len(sandbox.requests()) == 3, signal.SIGUSR1)
    assert client.get_session(session_id).id == session_id
    sender.join()
    assert inner == [other_id]


def test_what_ends_a_handlers_call_does_not_end_the_one_it_interrupts(
    sandbox: Sandbox, client: zignsec.Client, on_signal: OnSignal
) -> None:
    session_id, other_id = started(client), started(client)
    caught: list[BaseException] = []

    def call_of_its_own() -> None:
        try:
            client.get_session(other_id)
        except Rung as error:
            caught.append(error)

    on_signal(signal.SIGUSR1, call_of_its_own)
    on_signal(signal.SIGUSR2, ring)
    sandbox.arm("late-answer")
    sandbox.arm("stall")
    senders = [
        send_when(lambda: len(sandbox.requests()) == 3, signal.SIGUSR1),
        send_when(lambda: len(sandbox.requests()) == 4, signal.SIGUSR2),
    ]
    assert client.get_session(session_id).id == session_id
    for sender in senders:
        sender.join()
    assert len(caught) == 1


@dataclass
class Ending:
    """How a call in a thread ended, and when."""

    session: zignsec.Session | None
    error: BaseException | None
    at: float


def in_a_thread(call: Callable[[], zignsec.Session]) -> Future[Ending]:
    """Starts a call."""
    ending: Future[Ending] = Future()

    def run() -> None:
        try:
            ending.set_result(Ending(call(), None, time.monotonic()))
        except BaseException as error:
            ending.set_result(Ending(None, error, time.monotonic()))

    threading.Thread(target=run).start()
    return ending


def test_a_signal_does_not_touch_the_calls_of_other_threads(
    sandbox: Sandbox, client: zignsec.Client, on_signal: OnSignal
) -> None:
    session_id = started(client)
    on_signal(signal.SIGUSR1, ring)
    sandbox.arm("late-answer")
    call = in_a_thread(lambda: client.get_session(session_id))
    until(lambda: len(sandbox.requests()) == 2)
    with pytest.raises(Rung):
        signal.raise_signal(signal.SIGUSR1)
    assert call.result().error is None


def test_close_ends_what_runs(sandbox: Sandbox) -> None:
    def calls(client: zignsec.Client, session_id: str) -> list[Callable[[], zignsec.Session]]:
        return [
            lambda: client.get_session(session_id),
            lambda: client.wait_for_session(session_id),
            lambda: client.start_phone_2fa("+46703339954", **REDIRECTS),
        ]

    for number in range(3):
        client = zignsec.Client(sandbox.api_key, base_url=sandbox.url, attempt_timeout=60)
        call = calls(client, started(client))[number]
        sandbox.arm("stall")
        blocked = arrived(sandbox)
        running = in_a_thread(call)
        until(blocked)
        closed = time.monotonic()
        client.close()
        ending = running.result()
        assert isinstance(ending.error, zignsec.CallCancelledError)
        assert ending.at - closed < LIMIT
        # A session may have been opened: the request had arrived.
        assert ending.error.in_doubt == (number == 2)
        with pytest.raises(zignsec.InvalidArgumentError, match="closed"):
            call()


def test_close_ends_the_pause_of_a_wait(sandbox: Sandbox, client: zignsec.Client) -> None:
    session_id = started(client)
    polled = threading.Event()

    def on_poll(_session: zignsec.Session, _elapsed: float) -> None:
        polled.set()

    waiting = in_a_thread(
        lambda: client.wait_for_session(session_id, poll_interval=60, on_poll=on_poll)
    )
    polled.wait()
    closed = time.monotonic()
    client.close()
    ending = waiting.result()
    assert isinstance(ending.error, zignsec.CallCancelledError)
    assert ending.at - closed < LIMIT
    assert len(sandbox.requests()) == 2


@pytest.mark.parametrize("which", ["original", "other"])
def test_closing_one_of_two_leaves_the_calls_of_the_other(
    sandbox: Sandbox, client: zignsec.Client, which: str
) -> None:
    session_id = started(client)
    other = client.with_options()
    stays, goes = (other, client) if which == "original" else (client, other)
    sandbox.arm("late-answer")
    slow = in_a_thread(lambda: stays.get_session(session_id))
    until(lambda: len(sandbox.requests()) == 2)
    sandbox.arm("stall")
    blocked = in_a_thread(lambda: goes.get_session(session_id))
    until(lambda: len(sandbox.requests()) == 3)
    goes.close()
    assert isinstance(blocked.result().error, zignsec.CallCancelledError)
    assert slow.result().error is None
    assert stays.get_session(session_id).id == session_id
    with pytest.raises(zignsec.InvalidArgumentError, match="closed"):
        goes.get_session(session_id)
    with pytest.raises(zignsec.InvalidArgumentError, match="closed"):
        goes.with_options()


def test_options_that_are_left_out_stay(sandbox: Sandbox, client: zignsec.Client) -> None:
    once = client.with_options(max_retries=1)
    brief = once.with_options(timeout=0.3)
    sandbox.arm("http-500", times=6)
    for each, attempts in ((once, 2), (client, 3)):
        with pytest.raises(zignsec.ServerError) as caught:
            each.get_session("a")
        assert caught.value.attempts == attempts
    sandbox.disarm()
    sandbox.arm("stall")
    with pytest.raises(zignsec.APITimeoutError):
        brief.get_session("a")
    sandbox.disarm()
    sandbox.arm("answer", status=500, headers={"retry-after": "0"}, times=3)
    with pytest.raises(zignsec.ServerError) as caught:
        brief.with_options(timeout=20).get_session("a")
    assert caught.value.attempts == 2


def test_what_with_options_makes_shares_connections(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    other = client.with_options(timeout=20)
    started(client)
    started(other)
    other.close()
    started(client)
    assert len({request["connection"] for request in sandbox.requests()}) == 1
    assert repr(other) == repr(client)


@pytest.mark.parametrize("number", [-1.0, 0.0, float("nan"), float("inf"), 10**400])
def test_with_options_refuses_odd_limits(client: zignsec.Client, number: float) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="timeout"):
        client.with_options(timeout=number)


@pytest.mark.parametrize("number", [-1, 2**31])
def test_with_options_refuses_odd_counts(client: zignsec.Client, number: int) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="max_retries"):
        client.with_options(max_retries=number)
