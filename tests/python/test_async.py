"""The asyncio client."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zignsec
from sandbox import Sandbox
from steps import LIMIT, REDIRECTS, request_arrived, start_session, until

POLL_INTERVAL = 0.02
THREADS = 32
"""The maximum number of calls that run at the same time."""


@pytest.fixture
def async_client(sandbox: Sandbox) -> Iterator[zignsec.AsyncClient]:
    """A client with long time limits. Its threads end with the test: later tests count threads."""
    client = zignsec.AsyncClient(
        sandbox.api_key, base_url=sandbox.url, timeout=100, attempt_timeout=100
    )
    yield client
    asyncio.run(client.aclose())


def client_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("zignsec")]


async def until_async(condition: Callable[[], object]) -> None:
    """Like `until`, without blocking the event loop."""
    while not condition():
        await asyncio.sleep(0.005)


def test_session_from_start_to_result(sandbox: Sandbox) -> None:
    # Created outside an event loop.
    client = sandbox.async_client()

    async def check() -> zignsec.Session:
        async with client as entered:
            assert entered is client
            session = await client.start_phone_2fa("+46703339954", **REDIRECTS, relay_state="r")
            assert (await client.get_session(session.id)).status == "pending"
            sandbox.user(session.id, "accept")
            return await client.wait_for_session(session.id)

    session = asyncio.run(check())
    assert session.is_verified
    assert session.relay_state == "r"
    assert client_threads() == []


def test_methods_and_arguments_match_client() -> None:
    def arguments(function: Any) -> list[tuple[str, object, object]]:
        parameters = inspect.signature(function).parameters.values()
        return [(each.name, each.kind, each.default) for each in parameters if each.name != "self"]

    assert arguments(zignsec.AsyncClient) == arguments(zignsec.Client)
    for name in ("start_phone_2fa", "get_session", "wait_for_session", "with_options"):
        of_async = getattr(zignsec.AsyncClient, name)
        assert arguments(of_async) == arguments(getattr(zignsec.Client, name)), name


def test_errors_match_client(async_client: zignsec.AsyncClient) -> None:
    async def check() -> None:
        with pytest.raises(zignsec.NotFoundError):
            await async_client.get_session("no-such-session")
        with pytest.raises(zignsec.NotFoundError):
            await async_client.wait_for_session("no-such-session")
        with pytest.raises(zignsec.InvalidArgumentError, match="phone_number"):
            await async_client.start_phone_2fa("0", **REDIRECTS)
        with pytest.raises(zignsec.InvalidArgumentError, match="poll_interval"):
            await async_client.wait_for_session("a", poll_interval=0)
        with pytest.raises(TypeError, match="session_id must be str, not int"):
            await async_client.get_session(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    asyncio.run(check())


@pytest.mark.parametrize("fault", ["stall", "drip-body"])
@pytest.mark.parametrize("waiting", [False, True])
def test_cancelling_a_task_frees_its_thread(
    sandbox: Sandbox,
    client: zignsec.Client,
    async_client: zignsec.AsyncClient,
    fault: str,
    waiting: bool,
) -> None:
    session_id = start_session(client)

    async def check() -> None:
        call = async_client.wait_for_session if waiting else async_client.get_session
        # They occupy all threads of the client.
        sandbox.arm(fault, times=THREADS)
        tasks = [asyncio.create_task(call(session_id)) for _ in range(THREADS)]
        await until_async(lambda: len(sandbox.requests()) == 1 + THREADS)
        # The default executor of the loop, which also resolves host names, stays free.
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, lambda: "free") == "free"
        assert await loop.getaddrinfo("localhost", 80)
        queued = asyncio.create_task(call("never-sent"))
        await asyncio.sleep(0)
        cancelled = time.monotonic()
        for task in (*tasks, queued):
            task.cancel()
        results = await asyncio.gather(*tasks, queued, return_exceptions=True)
        assert {type(result) for result in results} == {asyncio.CancelledError}
        assert time.monotonic() - cancelled < LIMIT
        sandbox.disarm()
        assert (await async_client.get_session(session_id)).id == session_id
        await async_client.aclose()

    asyncio.run(check())
    assert not any("never-sent" in request["path"] for request in sandbox.requests())


def test_cancelling_ends_the_pause_between_polls(
    client: zignsec.Client, async_client: zignsec.AsyncClient
) -> None:
    session_id = start_session(client)

    async def check() -> None:
        polled = asyncio.Event()
        task = asyncio.create_task(
            async_client.wait_for_session(
                session_id, poll_interval=60, on_poll=lambda _session, _elapsed: polled.set()
            )
        )
        await polled.wait()
        cancelled = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - cancelled < LIMIT
        await async_client.aclose()

    asyncio.run(check())


MANY = 200


def test_wait_uses_no_thread_between_polls(
    client: zignsec.Client, async_client: zignsec.AsyncClient
) -> None:
    session_id = start_session(client)

    async def check() -> None:
        polled = 0

        def on_poll(_session: zignsec.Session, _elapsed: float) -> None:
            nonlocal polled
            polled += 1

        async def wait() -> None:
            with pytest.raises(zignsec.CallCancelledError):
                await async_client.wait_for_session(session_id, poll_interval=200, on_poll=on_poll)

        waits = [asyncio.create_task(wait()) for _ in range(MANY)]
        await until_async(lambda: polled == MANY)
        sessions = await asyncio.gather(
            *(async_client.get_session(session_id) for _ in range(MANY))
        )
        assert {session.id for session in sessions} == {session_id}
        await async_client.aclose()
        await asyncio.gather(*waits)

    asyncio.run(check())


def test_many_calls_and_waits_use_few_threads(
    sandbox: Sandbox, client: zignsec.Client, async_client: zignsec.AsyncClient
) -> None:
    session_ids = [start_session(client) for _ in range(4)] * (MANY // 4)
    others = threading.active_count()
    polled = most = 0

    def on_poll(session: zignsec.Session, _elapsed: float) -> None:
        nonlocal polled, most
        polled += not session.is_final
        most = max(most, threading.active_count())

    async def wait(session_id: str) -> zignsec.Session:
        return await async_client.wait_for_session(session_id, poll_interval=1, on_poll=on_poll)

    async def check() -> None:
        waits = [asyncio.create_task(wait(session_id)) for session_id in session_ids]
        await until_async(lambda: polled >= MANY)
        sessions = await asyncio.gather(*map(async_client.get_session, session_ids))
        assert [session.id for session in sessions] == session_ids
        for session_id in set(session_ids):
            sandbox.user(session_id, "accept")
        results = await asyncio.gather(*waits)
        assert [session.id for session in results] == session_ids
        assert all(session.is_verified for session in results)
        await async_client.aclose()

    asyncio.run(check())
    assert others < most <= others + THREADS
    assert client_threads() == []


def test_aclose_cancels_calls_and_waits(
    sandbox: Sandbox, client: zignsec.Client, async_client: zignsec.AsyncClient
) -> None:
    session_id = start_session(client)

    async def check() -> None:
        polled = asyncio.Event()
        pausing = asyncio.create_task(
            async_client.wait_for_session(
                session_id, poll_interval=60, on_poll=lambda _session, _elapsed: polled.set()
            )
        )
        await polled.wait()
        sandbox.arm("stall", times=THREADS)
        blocked = [
            asyncio.create_task(async_client.start_phone_2fa("+46703339954", **REDIRECTS))
            for _ in range(THREADS)
        ]
        await until_async(lambda: len(sandbox.requests()) == 2 + THREADS)
        queued = [
            asyncio.create_task(async_client.get_session(session_id)),
            asyncio.create_task(async_client.wait_for_session(session_id)),
        ]
        await asyncio.sleep(0)
        closed = time.monotonic()
        await async_client.aclose()
        assert time.monotonic() - closed < LIMIT
        assert client_threads() == []
        for task in (pausing, *blocked, *queued):
            with pytest.raises(zignsec.CallCancelledError) as caught:
                await task
            # The requests had arrived, so the gateway may have created sessions.
            assert caught.value.in_doubt == (task in blocked)
            assert caught.value.attempts == (task not in queued)
        with pytest.raises(zignsec.ClosedError, match="closed"):
            await async_client.get_session(session_id)
        with pytest.raises(zignsec.ClosedError, match="closed"):
            await async_client.wait_for_session(session_id)
        await async_client.aclose()

    asyncio.run(check())
    assert len(sandbox.requests()) == 2 + THREADS


OnPoll = Callable[[zignsec.Session, float], object]


def plain(result: Callable[[], object]) -> OnPoll:
    return lambda _session, _elapsed: result()


def coroutine(result: Callable[[], object]) -> OnPoll:
    async def on_poll(_session: zignsec.Session, _elapsed: float) -> object:
        await asyncio.sleep(0)
        return result()

    return on_poll


@pytest.mark.parametrize("to_on_poll", [plain, coroutine])
def test_on_poll_can_stop_the_wait_or_raise(
    sandbox: Sandbox,
    client: zignsec.Client,
    async_client: zignsec.AsyncClient,
    to_on_poll: Callable[[Callable[[], object]], OnPoll],
) -> None:
    session_id = start_session(client)

    def fail() -> object:
        raise LookupError

    async def check() -> None:
        results = iter([None, 0, False])
        with pytest.raises(zignsec.CallCancelledError) as caught:
            await async_client.wait_for_session(
                session_id, poll_interval=POLL_INTERVAL, on_poll=to_on_poll(lambda: next(results))
            )
        assert caught.value.attempts == 3
        with pytest.raises(LookupError):
            await async_client.wait_for_session(session_id, on_poll=to_on_poll(fail))
        sandbox.user(session_id, "accept")
        with pytest.raises(LookupError):
            await async_client.wait_for_session(session_id, on_poll=to_on_poll(fail))
        session = await async_client.wait_for_session(session_id, on_poll=to_on_poll(lambda: False))
        assert session.is_verified
        await async_client.aclose()

    asyncio.run(check())


def test_wait_timeout_reports_last_status_and_error(
    sandbox: Sandbox, client: zignsec.Client, async_client: zignsec.AsyncClient
) -> None:
    session_id = start_session(client)

    async def check() -> None:
        async with async_client.with_options(max_retries=0) as no_retries:
            sandbox.arm("http-503")
            with pytest.raises(zignsec.WaitTimeoutError, match=r"pending.*503") as caught:
                await no_retries.wait_for_session(
                    session_id, timeout=0.3, poll_interval=POLL_INTERVAL
                )
            assert caught.value.attempts == len(sandbox.requests()) - 1
            sandbox.arm("answer", status=429, headers={"retry-after": "3600"})
            with pytest.raises(zignsec.WaitTimeoutError) as caught:
                await no_retries.wait_for_session(session_id)
            assert caught.value.retry_after == 3600
        # The original client stays open.
        assert (await async_client.get_session(session_id)).id == session_id
        await async_client.aclose()

    asyncio.run(check())
    assert len({request["connection"] for request in sandbox.requests()[:-1]}) == 1


def test_client_works_in_several_event_loops(
    client: zignsec.Client, async_client: zignsec.AsyncClient
) -> None:
    session_id = start_session(client)
    for _ in range(3):
        assert asyncio.run(async_client.get_session(session_id)).id == session_id
    asyncio.run(async_client.aclose())


def test_repr_hides_the_key_and_pickling_fails(sandbox: Sandbox) -> None:
    client = zignsec.AsyncClient("very-secret", base_url=sandbox.url)
    assert repr(client) == f"<zignsec.AsyncClient base_url='{sandbox.url}'>"
    with pytest.raises(TypeError):
        pickle.dumps(client)


INTERRUPTED = """
import asyncio, sys, time, zignsec
key, url, session_id = sys.argv[1:]
client = zignsec.AsyncClient(key, base_url=url, timeout=100, attempt_timeout=100)
try:
    asyncio.run(client.get_session(session_id))
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
    print(asyncio.run(client.get_session(session_id)).status, flush=True)
    sys.exit(3)
"""


def test_ctrl_c_ends_an_event_loop(sandbox: Sandbox, client: zignsec.Client) -> None:
    session_id = start_session(client)
    blocked = request_arrived(sandbox)
    sandbox.arm("stall")
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, sandbox.api_key, sandbox.url, session_id],
        stdout=subprocess.PIPE,
        text=True,
    )
    until(blocked)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    raised, status = out.split()
    assert float(raised) - sent < LIMIT
    assert status == "pending"
    assert process.returncode == 3


FORKED = """
import asyncio, os, signal, sys, zignsec
key, url, session_id = sys.argv[1:]
client = zignsec.AsyncClient(key, base_url=url)

async def get_sessions():
    sessions = await asyncio.gather(*(client.get_session(session_id) for _ in range(20)))
    assert {session.id for session in sessions} == {session_id}

asyncio.run(get_sessions())
child = os.fork()
# Ends a child that hangs.
signal.alarm(30)
# In the child, the pool must not count the idle threads of its parent.
assert asyncio.run(client.get_session(session_id)).id == session_id
asyncio.run(get_sessions())
asyncio.run(client.aclose())
if child:
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""


def test_forked_child_can_use_the_inherited_client(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    command = [sys.executable, "-c", FORKED, sandbox.api_key, sandbox.url, start_session(client)]
    subprocess.run(command, check=True, timeout=60)
