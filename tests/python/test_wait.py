"""Waiting for a session."""

from __future__ import annotations

import itertools
import threading

import pytest
import zignsec
from sandbox import Sandbox
from steps import start_session

POLL_INTERVAL = 0.02


def test_wait_ends_with_the_result(sandbox: Sandbox, client: zignsec.Client) -> None:
    session_id = start_session(client)
    polls: list[tuple[zignsec.SessionStatus, float]] = []
    polled = threading.Event()

    def on_poll(session: zignsec.Session, elapsed: float) -> object:
        polls.append((session.status, elapsed))
        if len(polls) == 2:
            polled.set()
        # Only False itself stops the wait.
        return (None, 0, "")[len(polls) % 3]

    def accept() -> None:
        polled.wait()
        sandbox.user(session_id, "accept")

    user = threading.Thread(target=accept)
    user.start()
    session = client.wait_for_session(session_id, poll_interval=POLL_INTERVAL, on_poll=on_poll)
    user.join()
    assert session.is_verified
    assert [status for status, _ in polls[:2]] == ["pending", "pending"]
    assert polls[-1][0] == "accepted"
    assert all(0 < earlier[1] < later[1] for earlier, later in itertools.pairwise(polls))


def test_wait_timeout_reports_last_status_and_error(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    session_id = start_session(client)
    no_retries = client.with_options(max_retries=0)
    sandbox.arm("http-503")
    with pytest.raises(zignsec.WaitTimeoutError, match=r"pending.*503") as caught:
        no_retries.wait_for_session(session_id, timeout=0.3, poll_interval=POLL_INTERVAL)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.attempts == len(sandbox.requests()) - 1

    sandbox.arm("answer", status=429, headers={"retry-after": "3600"})
    with pytest.raises(zignsec.WaitTimeoutError) as caught:
        no_retries.wait_for_session(session_id)
    assert caught.value.retry_after == 3600


def test_on_poll_stops_the_wait_with_false(client: zignsec.Client) -> None:
    session_id = start_session(client)
    results = iter([None, 0, False])

    def on_poll(_session: zignsec.Session, _elapsed: float) -> object:
        return next(results)

    with pytest.raises(zignsec.CallCancelledError) as caught:
        client.wait_for_session(session_id, poll_interval=POLL_INTERVAL, on_poll=on_poll)
    assert caught.value.attempts == 3
    assert not caught.value.in_doubt
    assert client.get_session(session_id).status == "pending"


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("raised", [LookupError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_exception_of_on_poll_ends_the_wait(
    sandbox: Sandbox, client: zignsec.Client, raised: BaseException, final: bool
) -> None:
    session_id = start_session(client)
    if final:
        sandbox.user(session_id, "accept")

    def on_poll(_session: zignsec.Session, _elapsed: float) -> None:
        raise raised

    with pytest.raises(type(raised)) as caught:
        client.wait_for_session(session_id, poll_interval=POLL_INTERVAL, on_poll=on_poll)
    assert caught.value is raised
    assert client.get_session(session_id).id == session_id


def test_on_poll_can_make_calls(sandbox: Sandbox, client: zignsec.Client) -> None:
    session_id, other_id = start_session(client), start_session(client)
    sandbox.user(other_id, "accept")

    def fail(_session: zignsec.Session, _elapsed: float) -> None:
        raise LookupError

    def on_poll(session: zignsec.Session, _elapsed: float) -> None:
        if session.is_final:
            return
        with pytest.raises(LookupError):
            client.wait_for_session(other_id, on_poll=fail)
        assert client.wait_for_session(other_id).is_verified
        sandbox.user(session_id, "accept")

    assert client.wait_for_session(
        session_id, poll_interval=POLL_INTERVAL, on_poll=on_poll
    ).is_verified


def test_permanent_error_ends_the_wait(client: zignsec.Client) -> None:
    with pytest.raises(zignsec.NotFoundError) as caught:
        client.wait_for_session("no-such-session", poll_interval=POLL_INTERVAL)
    assert caught.value.attempts == 3
    with pytest.raises(zignsec.InvalidArgumentError, match="session_id"):
        client.wait_for_session("a/b")


@pytest.mark.parametrize("name", ["timeout", "poll_interval"])
@pytest.mark.parametrize("number", [-1.0, 0.0, float("nan"), float("inf"), 10**400])
def test_times_out_of_range_are_rejected(
    sandbox: Sandbox, client: zignsec.Client, name: str, number: float
) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match=name):
        client.wait_for_session("a", **{name: number})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert sandbox.requests() == []
