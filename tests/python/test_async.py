"""The asyncio client."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import zignsec
from sandbox import Sandbox
from steps import LIMIT, NEW_CONSOLE, REDIRECTS, interrupt, request_arrived, start_session, until

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
        with pytest.raises(TypeError, match="unexpected keyword argument 'time_out'"):
            await async_client.wait_for_session("a", time_out=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
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


class LastCallEnds(set[Any]):
    """Calls of which the last one ends as soon as somebody looks whether there are any."""

    def __bool__(self) -> bool:
        found = len(self) > 0
        self.clear()
        return found

    def __iter__(self) -> Iterator[Any]:
        found = list(super().__iter__())
        self.clear()
        return iter(found)


def test_aclose_while_the_last_call_ends(
    async_client: zignsec.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: Future[None] = Future()
    ended.set_result(None)
    monkeypatch.setattr(vars(async_client)["_pool"], "_calls", LastCallEnds({ended}))
    asyncio.run(async_client.aclose())


@pytest.fixture
def silent() -> Iterator[zignsec.AsyncClient]:
    """A client of a server that accepts connections and never sends anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = zignsec.AsyncClient("key", base_url=url, timeout=100, attempt_timeout=100)
        yield client
        asyncio.run(client.aclose())


def test_time_in_the_queue_counts(silent: zignsec.AsyncClient) -> None:
    limit = 1.0
    client = silent.with_options(timeout=limit)

    async def check() -> None:
        begun = time.monotonic()

        async def call(number: int) -> zignsec.APITimeoutError:
            with pytest.raises(zignsec.APITimeoutError) as caught:
                if number % 2:
                    await client.start_phone_2fa("+46703339954", **REDIRECTS)
                else:
                    await client.get_session("a")
            # It would be seven times the limit if each call had the whole limit on its thread.
            assert limit * 0.75 <= time.monotonic() - begun < limit * 3
            return caught.value

        errors = await asyncio.gather(*map(call, range(MANY)))
        queued = [error for error in errors if error.attempts == 0]
        assert len(queued) == MANY - THREADS
        for error in queued:
            assert not error.in_doubt
            assert str(error) == (
                "no thread was free in time for the call (timeout 1 s): an AsyncClient makes at "
                "most 32 calls at the same time; nothing was sent"
            )
        assert sum(error.in_doubt for error in errors) == THREADS // 2
        await client.aclose()

    asyncio.run(check())


def test_a_call_that_leaves_the_queue_has_the_rest_of_its_time(
    silent: zignsec.AsyncClient,
) -> None:
    client = silent.with_options(timeout=4)

    async def check() -> None:
        # They occupy all threads for two seconds.
        short = [client.wait_for_session("a", timeout=2) for _ in range(THREADS)]
        blocked = [asyncio.create_task(each) for each in short]
        await asyncio.sleep(0)
        begun = time.monotonic()
        with pytest.raises(zignsec.APITimeoutError) as caught:
            await client.get_session("a")
        # Not 6 seconds.
        assert 4 <= time.monotonic() - begun < 4.6
        assert caught.value.attempts == 1
        for each in blocked:
            with pytest.raises(zignsec.WaitTimeoutError):
                await each
        await client.aclose()

    asyncio.run(check())


def test_a_wait_without_a_thread_ends_in_time(silent: zignsec.AsyncClient) -> None:
    async def check() -> None:
        blocked = [asyncio.create_task(silent.get_session("a")) for _ in range(THREADS)]
        await asyncio.sleep(0)
        begun = time.monotonic()
        with pytest.raises(zignsec.WaitTimeoutError, match="no poll succeeded") as caught:
            await silent.wait_for_session("a", timeout=0.5)
        assert 0.5 <= time.monotonic() - begun < 5
        assert caught.value.attempts == 0
        # So does asyncio's own limit.
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(silent.get_session("a"), 0.1)
        await silent.aclose()
        for each in blocked:
            with pytest.raises(zignsec.CallCancelledError):
                await each

    asyncio.run(check())


def test_without_a_running_asyncio_loop_the_error_says_so(
    sandbox: Sandbox, client: zignsec.Client, async_client: zignsec.AsyncClient
) -> None:
    session_id = start_session(client)
    coroutines: list[Callable[[], Coroutine[Any, Any, object]]] = [
        lambda: async_client.get_session(session_id),
        lambda: async_client.start_phone_2fa("+46703339954", **REDIRECTS),
        lambda: async_client.wait_for_session(session_id),
        lambda: async_client.__aenter__(),
    ]
    for create in coroutines:
        with pytest.raises(
            RuntimeError, match=r"works with asyncio only.*trio\.to_thread\.run_sync"
        ) as caught:
            # As another event loop does.
            create().send(None)
        assert not isinstance(caught.value, zignsec.ZignSecError)
    assert len(sandbox.requests()) == 1
    assert asyncio.run(async_client.get_session(session_id)).id == session_id
    # Without running calls, nothing is to be awaited.
    with pytest.raises(StopIteration):
        async_client.aclose().send(None)
    assert client_threads() == []


def test_a_loop_that_was_closed_during_a_call(
    sandbox: Sandbox,
    client: zignsec.Client,
    async_client: zignsec.AsyncClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session_id = start_session(client)
    sandbox.arm("stall", times=2)
    before = len(sandbox.requests())
    loop = asyncio.new_event_loop()
    # asyncio complains that the tasks were not awaited, now or later.
    loop.set_exception_handler(lambda _loop, _context: None)
    tasks = [loop.create_task(async_client.get_session(session_id)) for _ in range(2)]
    loop.run_until_complete(until_async(lambda: len(sandbox.requests()) == before + 2))
    loop.close()
    # The client works in another loop.
    assert asyncio.run(async_client.get_session(session_id)).id == session_id
    closed = time.monotonic()
    asyncio.run(async_client.aclose())
    # The calls have a limit of 100 seconds.
    assert time.monotonic() - closed < 10
    assert client_threads() == []
    del tasks
    # No thread complains that the loop is closed. "exceptions" is a logger of these tests.
    assert {record.name for record in caplog.records} <= {"asyncio", "exceptions", "zignsec"}
    assert "closed" not in caplog.text
    with pytest.raises(zignsec.ClosedError):
        asyncio.run(async_client.get_session(session_id))


class Metered(zignsec.AsyncClient):
    """A subclass with its own ``__init__``."""

    def __init__(self, region: str, **options: Any) -> None:
        super().__init__("key-of-" + region, **options)
        self.region = region

    async def get_session(self, session_id: str) -> zignsec.Session:
        try:
            return await super().get_session(session_id)
        except zignsec.AuthenticationError:
            return zignsec.Session.from_json('{"id":"a","status":"failed"}')


def test_client_can_be_subclassed(sandbox: Sandbox) -> None:
    assert list(inspect.signature(Metered).parameters) == ["region", "options"]

    async def check() -> None:
        async with Metered("eu", base_url=sandbox.url) as client:
            assert repr(client) == f"<{__name__}.Metered base_url='{sandbox.url}'>"
            assert (await client.get_session("a")).status == "failed"
            other = client.with_options(max_retries=0)
            assert (type(other), other.region) == (Metered, "eu")
            assert (await other.get_session("a")).status == "failed"
        # Closed separately.
        assert (await other.get_session("a")).status == "failed"
        await other.aclose()
        with pytest.raises(zignsec.ClosedError):
            await client.get_session("a")

    asyncio.run(check())
    assert client_threads() == []


NO_THREADS = """
import asyncio, resource, sys, threading, zignsec
key, url, session_id = sys.argv[1:]
start = dict(redirect_success="https://a.example", redirect_failure="https://b.example")

def limit_threads():
    # Less than the stack of a thread.
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 4_000_000, resource.RLIM_INFINITY))

def allow_threads():
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)

async def main():
    async with zignsec.AsyncClient(key, base_url=url) as client:
        limit_threads()
        for call in (client.start_phone_2fa("+46703339954", **start), client.get_session("a")):
            try:
                await call
            except zignsec.APIConnectionError as error:
                print(type(error).__name__, error.attempts, error.in_doubt, error)
        allow_threads()
        # The calls above are not made, now that there is a thread.
        assert (await client.get_session(session_id)).id == session_id
        limit_threads()
        # A thread that exists makes the calls one after the other.
        sessions = await asyncio.gather(*(client.get_session(session_id) for _ in range(20)))
        assert {session.id for session in sessions} == {session_id}
        threads = [each for each in threading.enumerate() if each.name.startswith("zignsec")]
        assert len(threads) == 1, threads
        allow_threads()
        await asyncio.gather(*(client.get_session(session_id) for _ in range(20)))

asyncio.run(main())
"""


def test_a_process_without_threads_gets_a_clear_error(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    command = [
        *(sys.executable, "-c", NO_THREADS),
        *(sandbox.api_key, sandbox.url, start_session(client)),
    ]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    lines = ran.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("APIConnectionError 0 False could not start a thread for the call")
    assert len(sandbox.call("sessions")) == 1


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
        creationflags=NEW_CONSOLE,
    )
    until(blocked)
    sent = interrupt(process)
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


FORKED_DURING_A_CALL = """
import asyncio, os, signal, sys, threading, zignsec
key, url, session_id = sys.argv[1:]
client = zignsec.AsyncClient(key, base_url=url)

async def fork_during_a_call():
    call = asyncio.ensure_future(client.get_session(session_id))
    while not any(thread.name.startswith("zignsec") for thread in threading.enumerate()):
        await asyncio.sleep(0.01)
    child = os.fork()
    if child == 0:
        # A call of the parent never ends in the child.
        signal.alarm(30)
        asyncio.events._set_running_loop(None)
        asyncio.run(client.aclose())
        os._exit(0)
    await client.aclose()
    try:
        await call
    except zignsec.CallCancelledError:
        return child
    raise AssertionError("the call was not cancelled")

assert os.waitpid(asyncio.run(fork_during_a_call()), 0)[1] == 0
"""


def test_forked_child_can_close_the_client_of_a_busy_parent(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    session_id = start_session(client)
    sandbox.arm("stall")
    command = [sys.executable, "-c", FORKED_DURING_A_CALL, sandbox.api_key, sandbox.url, session_id]
    subprocess.run(command, check=True, timeout=60)


def test_forked_child_can_use_the_inherited_client(
    sandbox: Sandbox, client: zignsec.Client
) -> None:
    command = [sys.executable, "-c", FORKED, sandbox.api_key, sandbox.url, start_session(client)]
    subprocess.run(command, check=True, timeout=60)
