"""Many threads share one client, sessions, callbacks and an `AsyncClient`.

They run with every interpreter. A free-threaded one runs Python code on several threads at the same
time, so that there they also show that the extension does not need the GIL.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import pickle
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
import zignsec
from sandbox import Sandbox
from steps import REDIRECTS, SECRET, sign, start_session

THREADS = 8
ROUNDS = 50
BODY = b'{"id":"a","event":"session_finished","status":"FINISHED"}'

free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@pytest.fixture(autouse=True)
def _frequent_switches() -> Iterator[None]:
    """With the GIL, let other threads run as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(work: Callable[[int], object], threads: int = THREADS) -> None:
    """Call a function on many threads that start together; raise the first exception."""
    barrier = threading.Barrier(threads)

    def start(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(start, range(threads)))


@pytest.mark.skipif(not free_threaded, reason="for a free-threaded interpreter")
def test_import_does_not_enable_the_gil() -> None:
    # A warning would say that the extension enables the GIL, and is an error here.
    program = "import sys, zignsec, zignsec.testing; sys.exit(sys._is_gil_enabled())"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_many_threads_import_at_once() -> None:
    program = f"""
import threading
barrier = threading.Barrier({THREADS})
errors = []
def load():
    barrier.wait()
    try:
        import zignsec
        zignsec.AsyncClient, zignsec.SessionStatus
        try:
            zignsec.Client("a key")
        except zignsec.ConfigurationError:
            pass
    except BaseException as error:
        errors.append(error)
threads = [threading.Thread(target=load) for _ in range({THREADS})]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not errors, errors
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", program], check=True)


def test_threads_share_a_client(sandbox: Sandbox, client: zignsec.Client) -> None:
    def work(number: int) -> None:
        session_id = start_session(client)
        for _ in range(ROUNDS):
            session = client.get_session(session_id)
            assert session.id == session_id
            with client.with_options(max_retries=number) as other:
                assert other.get_session(session_id) == session
            assert sandbox.url in repr(client)

    at_once(work)


def test_threads_share_a_session(client: zignsec.Client) -> None:
    session = client.get_session(start_session(client))
    text, stored = repr(session), pickle.dumps(session)

    def work(_number: int) -> None:
        for _ in range(ROUNDS * 10):
            assert (repr(session), pickle.dumps(session)) == (text, stored)
            assert session.to_dict()["id"] == session.id
            assert session.status is zignsec.SessionStatus.PENDING
            assert len({session, pickle.loads(stored), session.from_json(session.json)}) <= 2
            assert not session.is_verified_for("+46703339954")

    at_once(work)


def test_threads_share_a_callback(sandbox: Sandbox, client: zignsec.Client) -> None:
    polled: list[str] = []
    session = client.start_phone_2fa("+46703339954", **REDIRECTS)

    def on_poll(session: zignsec.Session, _elapsed: float) -> bool:
        polled.append(session.id)
        return len(polled) < 20 * THREADS

    def work(_number: int) -> None:
        with pytest.raises(zignsec.CallCancelledError):
            client.wait_for_session(session.id, poll_interval=0.1, on_poll=on_poll)

    at_once(work)
    assert set(polled) == {session.id}
    assert len(sandbox.requests()) > 20 * THREADS


@contextmanager
def logged() -> Generator[list[str]]:
    """The log lines of the library, at level debug."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("zignsec")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield lines
    logger.setLevel(level)
    logger.removeHandler(handler)


def test_threads_log_every_attempt(client: zignsec.Client) -> None:
    session_id = start_session(client)
    with logged() as lines:

        def work(_number: int) -> None:
            for _ in range(ROUNDS):
                client.get_session(session_id)

        at_once(work)
    assert len(lines) == THREADS * ROUNDS


def test_threads_close_a_client_while_others_use_it(sandbox: Sandbox) -> None:
    session_id = start_session(sandbox.client())
    for _ in range(10):
        client = sandbox.client()

        def work(number: int, client: zignsec.Client = client) -> None:
            try:
                for count in itertools.count():
                    if number < 2 and count == 5:
                        client.close()
                    client.get_session(session_id)
                    client.with_options(timeout=9)
            except (zignsec.CallCancelledError, zignsec.ClosedError):
                pass

        at_once(work)
        assert sandbox.url in repr(client)


def test_threads_initialise_a_client_again(sandbox: Sandbox) -> None:
    client = sandbox.client()
    session_id = start_session(client)

    def work(_number: int) -> None:
        for _ in range(ROUNDS):
            # Not useful, but it must be harmless.
            client.__init__(sandbox.api_key, base_url=sandbox.url)  # type: ignore[misc]
            assert client.get_session(session_id).id == session_id

    at_once(work)


def test_threads_reset_the_default_client(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    session_id = start_session(sandbox.client())

    def work(number: int) -> None:
        for _ in range(ROUNDS):
            if number < 2:
                zignsec.reset_default_client()
                continue
            with suppress(zignsec.CallCancelledError):
                assert zignsec.get_session(session_id).id == session_id

    at_once(work)
    zignsec.reset_default_client()


@pytest.mark.skipif(
    free_threaded and sys.version_info < (3, 14),
    reason="CPython 3.13 counts the users of a bytearray's buffer without synchronisation",
)
def test_threads_verify_a_body_that_changes() -> None:
    body, signature = bytearray(BODY), sign(BODY, secret=SECRET)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for content in (BODY * 2, BODY):
                with suppress(BufferError):  # It cannot be resized while it is being copied.
                    body[:] = content

    def work(_number: int) -> None:
        verified = 0
        for _ in range(ROUNDS * 20):
            try:
                event = zignsec.verify_webhook(body, signature, SECRET)
                verified += event.session_id == "a"
            except zignsec.WebhookSignatureError:
                pass

    changing = threading.Thread(target=change)
    changing.start()
    try:
        at_once(work)
    finally:
        stop.set()
        changing.join()


def test_event_loops_of_many_threads_share_an_async_client(sandbox: Sandbox) -> None:
    client = sandbox.async_client()
    session_id = start_session(sandbox.client())

    async def calls() -> None:
        for _ in range(5):
            sessions = await asyncio.gather(*(client.get_session(session_id) for _ in range(20)))
            assert {session.id for session in sessions} == {session_id}

    def work(_number: int) -> None:
        asyncio.run(calls())

    at_once(work)
    asyncio.run(client.aclose())


def test_async_client_closes_while_its_threads_end_calls(sandbox: Sandbox) -> None:
    session_id = start_session(sandbox.client())

    async def run(pause: float) -> None:
        client = sandbox.async_client()
        calls = [asyncio.create_task(client.get_session(session_id)) for _ in range(100)]
        await asyncio.sleep(pause)
        await client.aclose()
        for result in await asyncio.gather(*calls, return_exceptions=True):
            expected = (zignsec.Session, zignsec.CallCancelledError, zignsec.ClosedError)
            assert isinstance(result, expected)

    for number in range(30):
        asyncio.run(run(number / 1000))
