"""Cancelling a blocked call: signals, exceptions of signal handlers, and close()."""

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
from steps import (
    LIMIT,
    NEW_CONSOLE,
    REDIRECTS,
    SIGNALS,
    OnSignal,
    interrupt,
    request_arrived,
    send_when,
    start_session,
    until,
)

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
    """Whether the main thread of a process is blocked in a system call."""
    if sys.platform == "win32":
        # It cannot be seen there. The thread that presses Ctrl-C takes longer to start.
        return True
    stat = Path(f"/proc/{process}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize("case", [*CALLS, "pause"])
def test_ctrl_c_ends_a_blocked_call(sandbox: Sandbox, client: zignsec.Client, case: str) -> None:
    session_id = start_session(client)
    blocked = request_arrived(sandbox)
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
        creationflags=NEW_CONSOLE,
    )
    # The gateway has received the request, and before a pause also responded: the call is blocked.
    until(lambda: blocked() and asleep(process.pid))
    if case == "pause":
        until(lambda: sandbox.requests()[0]["status"] is not None and asleep(process.pid))
    sent = interrupt(process)
    out, _ = process.communicate(timeout=60)
    raised, status = out.split()
    assert float(raised) - sent < LIMIT
    assert status == "pending"


class SignalError(Exception):
    """Raised by a signal handler."""


def raise_signal_error() -> None:
    raise SignalError


def test_exception_of_a_signal_handler_ends_the_call(
    sandbox: Sandbox, client: zignsec.Client, on_signal: OnSignal
) -> None:
    on_signal(SIGNALS[0], raise_signal_error)
    for call in (client.get_session, client.wait_for_session):
        session_id = start_session(client)
        sandbox.arm("stall")
        sender = send_when(request_arrived(sandbox), SIGNALS[0])
        with pytest.raises(SignalError):
            call(session_id)
        sender.join()
        assert client.get_session(session_id).status == "pending"


def test_signal_handler_can_make_a_call(
    sandbox: Sandbox, client: zignsec.Client, on_signal: OnSignal
) -> None:
    session_id, other_id = start_session(client), start_session(client)
    inner: list[str] = []
    on_signal(SIGNALS[0], lambda: inner.append(client.get_session(other_id).id))
    sandbox.arm("late-answer")
    sender = send_when(lambda: len(sandbox.requests()) == 3, SIGNALS[0])
    assert client.get_session(session_id).id == session_id
    sender.join()
    assert inner == [other_id]


def test_exception_in_a_nested_call_does_not_end_the_outer_call(
    sandbox: Sandbox, client: zignsec.Client, on_signal: OnSignal
) -> None:
    session_id, other_id = start_session(client), start_session(client)
    caught: list[BaseException] = []

    def nested_call() -> None:
        try:
            client.get_session(other_id)
        except SignalError as error:
            caught.append(error)

    on_signal(SIGNALS[0], nested_call)
    on_signal(SIGNALS[1], raise_signal_error)
    sandbox.arm("late-answer")
    sandbox.arm("stall")
    senders = [
        send_when(lambda: len(sandbox.requests()) == 3, SIGNALS[0]),
        send_when(lambda: len(sandbox.requests()) == 4, SIGNALS[1]),
    ]
    assert client.get_session(session_id).id == session_id
    for sender in senders:
        sender.join()
    assert len(caught) == 1


@dataclass
class Ending:
    """The result of a call in a thread, and when it ended."""

    session: zignsec.Session | None
    error: BaseException | None
    at: float


def in_a_thread(call: Callable[[], zignsec.Session]) -> Future[Ending]:
    """Start a call in a thread."""
    ending: Future[Ending] = Future()

    def run() -> None:
        try:
            ending.set_result(Ending(call(), None, time.monotonic()))
        except BaseException as error:
            ending.set_result(Ending(None, error, time.monotonic()))

    threading.Thread(target=run).start()
    return ending


def test_signal_does_not_affect_calls_of_other_threads(
    sandbox: Sandbox, client: zignsec.Client, on_signal: OnSignal
) -> None:
    session_id = start_session(client)
    on_signal(SIGNALS[0], raise_signal_error)
    sandbox.arm("late-answer")
    call = in_a_thread(lambda: client.get_session(session_id))
    until(lambda: len(sandbox.requests()) == 2)
    with pytest.raises(SignalError):
        signal.raise_signal(SIGNALS[0])
    assert call.result().error is None


def test_close_cancels_running_calls(sandbox: Sandbox) -> None:
    def calls(client: zignsec.Client, session_id: str) -> list[Callable[[], zignsec.Session]]:
        return [
            lambda: client.get_session(session_id),
            lambda: client.wait_for_session(session_id),
            lambda: client.start_phone_2fa("+46703339954", **REDIRECTS),
        ]

    for number in range(3):
        client = zignsec.Client(sandbox.api_key, base_url=sandbox.url, attempt_timeout=60)
        call = calls(client, start_session(client))[number]
        sandbox.arm("stall")
        blocked = request_arrived(sandbox)
        running = in_a_thread(call)
        until(blocked)
        closed = time.monotonic()
        client.close()
        ending = running.result()
        assert isinstance(ending.error, zignsec.CallCancelledError)
        assert ending.at - closed < LIMIT
        # The request had arrived, so the gateway may have created a session.
        assert ending.error.in_doubt == (number == 2)
        with pytest.raises(zignsec.ClosedError, match="closed"):
            call()


def test_close_ends_the_pause_between_polls(sandbox: Sandbox, client: zignsec.Client) -> None:
    session_id = start_session(client)
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
def test_close_does_not_affect_the_other_client(
    sandbox: Sandbox, client: zignsec.Client, which: str
) -> None:
    session_id = start_session(client)
    other = client.with_options()
    remaining, closing = (other, client) if which == "original" else (client, other)
    sandbox.arm("late-answer")
    slow = in_a_thread(lambda: remaining.get_session(session_id))
    until(lambda: len(sandbox.requests()) == 2)
    sandbox.arm("stall")
    blocked = in_a_thread(lambda: closing.get_session(session_id))
    until(lambda: len(sandbox.requests()) == 3)
    closing.close()
    assert isinstance(blocked.result().error, zignsec.CallCancelledError)
    assert slow.result().error is None
    assert remaining.get_session(session_id).id == session_id
    with pytest.raises(zignsec.ClosedError, match="closed"):
        closing.get_session(session_id)
    with pytest.raises(zignsec.ClosedError, match="closed"):
        closing.with_options()


def test_with_options_keeps_omitted_options(sandbox: Sandbox, client: zignsec.Client) -> None:
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


def test_with_options_shares_connections(sandbox: Sandbox, client: zignsec.Client) -> None:
    other = client.with_options(timeout=20)
    start_session(client)
    start_session(other)
    other.close()
    start_session(client)
    assert len({request["connection"] for request in sandbox.requests()}) == 1
    assert repr(other) == repr(client)


@pytest.mark.parametrize("number", [-1.0, 0.0, float("nan"), float("inf"), 10**400])
def test_with_options_rejects_limits_out_of_range(client: zignsec.Client, number: float) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="timeout"):
        client.with_options(timeout=number)


@pytest.mark.parametrize("number", [-1, 2**31])
def test_with_options_rejects_counts_out_of_range(client: zignsec.Client, number: int) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="max_retries"):
        client.with_options(max_retries=number)
