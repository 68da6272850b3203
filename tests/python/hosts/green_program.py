"""A program that gevent or eventlet monkey-patches: `green_program.py gevent|eventlet SCENARIO...`.

An uncaught exception is a failed test.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

green: Any
LIBRARY = sys.argv[1]
if LIBRARY == "gevent":
    green = import_module("gevent")
    import_module("gevent.monkey").patch_all()
else:
    warnings.simplefilter("ignore")  # eventlet is deprecated.
    green = import_module("eventlet")
    green.monkey_patch()

# Only now, as in a server that patches first.
import gc  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
import weakref  # noqa: E402

import zignsec  # noqa: E402
from sandbox import Sandbox  # noqa: E402
from steps import REDIRECTS, start_session  # noqa: E402

if TYPE_CHECKING:
    from zignsec.gevent import GeventClient as GreenClient
else:
    module = import_module(f"zignsec.{LIBRARY}")
    GreenClient = getattr(module, f"{LIBRARY.capitalize()}Client")

box = Sandbox()
client: GreenClient
with box.client() as plain:
    session_id = start_session(plain)
ticks: list[float] = []
records: list[str] = []
threads: set[int] = set()


class Handler(logging.Handler):
    """Lets other greenlets run while it has its lock, as a handler that writes to a socket."""

    def emit(self, record: logging.LogRecord) -> None:
        records.append(record.getMessage())
        threads.add(threading.get_native_id())
        green.sleep(0.001)


def joined(greenlets: Iterable[Any]) -> list[Any]:
    """The results of greenlets, which all run at the same time."""
    return [each.get() if LIBRARY == "gevent" else each.wait() for each in list(greenlets)]


def later(seconds: float, function: Callable[..., object], *arguments: object) -> None:
    def run() -> None:
        green.sleep(seconds)
        function(*arguments)

    green.spawn(run)


def start_ticks() -> None:
    def tick() -> None:
        while True:
            ticks.append(time.monotonic())
            green.sleep(0.02)

    green.spawn(tick)
    green.sleep(0.1)


def ticks_during(call: Callable[[], object]) -> int:
    before = len(ticks)
    call()
    return len(ticks) - before


def until(condition: Callable[[], object]) -> None:
    with green.Timeout(30):
        while not condition():
            green.sleep(0.01)


def raises(expected: type[BaseException], call: Callable[[], object]) -> BaseException:
    try:
        call()
    except expected as error:
        return error
    raise AssertionError(f"no {expected}")


def cancelled() -> int:
    return sum(record.endswith(": cancelled") for record in records)


def other_greenlets_run_during_calls() -> None:
    box.arm("late-answer", times=21)
    assert ticks_during(lambda: client.get_session(session_id)) > 20
    # Twenty calls at once: two rounds of gevent's ten threads.
    begun = time.monotonic()
    found = joined(green.spawn(client.get_session, session_id) for _ in range(20))
    assert {session.id for session in found} == {session_id}
    assert time.monotonic() - begun < 4


def the_thread_pool_of_the_library() -> None:
    """Without the client for greenlets: `Client` blocks; the library's own pool does not."""
    blocking = box.client()
    box.arm("late-answer", times=2)
    assert ticks_during(lambda: blocking.get_session(session_id)) < 5

    def in_pool() -> None:
        if LIBRARY == "gevent":
            found = green.get_hub().threadpool.apply(blocking.get_session, (session_id,))
        else:
            found = import_module("eventlet.tpool").execute(blocking.get_session, session_id)
        assert found.id == session_id

    assert ticks_during(in_pool) > 20


def logging_does_not_hang() -> None:
    """Log records that threads of the pool write themselves hang after about 2000 records."""

    def log() -> None:
        for _ in range(200):
            logging.info("other")
            green.sleep(0)

    def call() -> None:
        for _ in range(25):
            client.get_session(session_id)

    joined([green.spawn(call) for _ in range(20)] + [green.spawn(log) for _ in range(5)])
    assert records.count("other") == 1000
    assert sum(record.startswith("GET core/") for record in records) == 500
    assert threads == {threading.get_native_id()}


def errors_of_logging_reach_the_caller() -> None:
    def refuse(_record: logging.LogRecord) -> bool:
        raise LookupError

    logging.getLogger("zignsec").addFilter(refuse)
    raises(LookupError, lambda: client.get_session(session_id))
    logging.getLogger("zignsec").removeFilter(refuse)


def timeouts_kills_and_close_cancel_the_call() -> None:
    box.arm("stall", times=3)
    begun = time.monotonic()

    def with_timeout() -> None:
        with green.Timeout(0.3):
            client.get_session(session_id)

    raises(green.Timeout, with_timeout)
    assert time.monotonic() - begun < 1
    until(lambda: cancelled() == 1)

    greenlet = green.spawn(client.get_session, session_id)
    green.sleep(0.3)
    greenlet.kill()
    until(lambda: cancelled() == 2)

    later(0.3, client.close)
    raises(zignsec.CallCancelledError, lambda: client.get_session(session_id))
    assert cancelled() == 3
    raises(zignsec.ClosedError, lambda: client.get_session(session_id))


def close_ends_a_wait() -> None:
    later(0.3, client.close)
    wait = client.wait_for_session
    begun = time.monotonic()
    raises(zignsec.CallCancelledError, lambda: wait(session_id, poll_interval=30))
    assert time.monotonic() - begun < 2


def on_poll_runs_in_the_greenlet() -> None:
    polled: list[tuple[str, int]] = []

    def on_poll(session: zignsec.Session, _elapsed: float) -> bool:
        polled.append((session.status.value, threading.get_native_id()))
        green.sleep(0.01)
        return len(polled) < 3

    def fail(_session: zignsec.Session, _elapsed: float) -> None:
        raise LookupError

    wait = client.wait_for_session
    raises(zignsec.CallCancelledError, lambda: wait(session_id, poll_interval=0.1, on_poll=on_poll))
    assert polled == [("pending", threading.get_native_id())] * 3
    raises(LookupError, lambda: wait(session_id, on_poll=fail))
    not_callable: Any = 3
    raises(TypeError, lambda: wait(session_id, on_poll=not_callable))


def errors_and_limits_match_client() -> None:
    raises(zignsec.WaitTimeoutError, lambda: client.wait_for_session(session_id, timeout=0.3))
    raises(zignsec.InvalidArgumentError, lambda: client.get_session("a/b"))
    assert raises(zignsec.NotFoundError, lambda: client.get_session("unknown")).__cause__ is None
    box.arm("stall")
    with client.with_options(timeout=0.5, max_retries=0) as short:
        raises(zignsec.APITimeoutError, lambda: short.get_session(session_id))
    raises(zignsec.ClosedError, lambda: short.get_session(session_id))
    # A closed copy does not close the client.
    client.get_session(session_id)
    assert repr(client) == f"<zignsec.{LIBRARY}.{type(client).__name__} base_url='{box.url}'>"
    unknown: Any = {"unknown": 1}
    raises(TypeError, lambda: client.wait_for_session(session_id, **unknown))


def time_in_the_queue_counts() -> None:
    """More calls than threads: each has its whole time limit from the call on, not more."""
    count = 60
    box.arm("stall", times=count)
    short = client.with_options(timeout=0.8, max_retries=0)
    begun = time.monotonic()
    calls = [
        green.spawn(raises, zignsec.APITimeoutError, lambda: short.get_session(session_id))
        for _ in range(count)
    ]
    errors = joined(calls)
    # Six rounds of gevent's ten threads, three of eventlet's twenty.
    assert time.monotonic() - begun < 1.6
    queued = [error for error in errors if error.attempts == 0]
    assert len(queued) >= count / 2
    assert {str(error) for error in queued} == {
        "no thread was free in time for the call (timeout 0.8 s): the thread pool has too few "
        "threads; nothing was sent"
    }
    box.call("faults", method="DELETE")


def a_wait_ends_although_no_thread_is_free() -> None:
    client.get_session(session_id)
    if LIBRARY == "gevent":
        pool = green.get_hub().threadpool
        sleep = import_module("gevent.monkey").get_original("time", "sleep")
        sleeping = [pool.spawn(sleep, 3) for _ in range(pool.maxsize)]
    else:
        execute = import_module("eventlet.tpool").execute
        sleep = import_module("eventlet.patcher").original("time").sleep
        sleeping = [green.spawn(execute, sleep, 3) for _ in range(20)]
    green.sleep(0.1)
    begun = time.monotonic()
    raises(zignsec.WaitTimeoutError, lambda: client.wait_for_session(session_id, timeout=0.5))
    assert time.monotonic() - begun < 2
    joined(sleeping)
    # No poll was made for it afterwards.
    count = len(records)
    client.get_session(session_id)
    assert len(records) == count + 1


def a_forked_child_makes_calls() -> None:
    client.get_session(session_id)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(20)  # Ends a child that hangs.
            joined(green.spawn(client.get_session, session_id) for _ in range(5))
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    # The parent's calls end, too.
    joined(green.spawn(client.get_session, session_id) for _ in range(5))


def errors_do_not_wait_for_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        gone = weakref.ref(raises(zignsec.NotFoundError, lambda: client.get_session("unknown")))
        green.sleep(0.1)  # The greenlet of the call ends.
        assert gone() is None
    finally:
        gc.enable()


def a_subclass() -> None:
    class Metered(GreenClient):
        def __init__(self, region: str) -> None:
            super().__init__(box.api_key, base_url=box.url)
            self.region = region

    other = Metered("eu").with_options(max_retries=0)
    assert (type(other), other.region) == (Metered, "eu")
    assert other.get_session(session_id).id == session_id


def the_verdict() -> None:
    started = client.start_phone_2fa("+46703339954", **REDIRECTS)
    assert not started.is_verified
    later(0.3, box.user, started, "accept")
    session = client.wait_for_session(started.id, poll_interval=0.1)
    assert session.is_verified_for("+46703339954")
    assert not session.is_verified_for("+46701740605")


def ctrl_c_ends_the_call() -> None:
    box.arm("stall")
    later(0.3, os.kill, os.getpid(), signal.SIGINT)
    begun = time.monotonic()
    raises(KeyboardInterrupt, lambda: client.get_session(session_id))
    assert time.monotonic() - begun < 1
    until(lambda: cancelled() == 1)


def exit_during_a_call() -> None:
    box.arm("stall")
    green.spawn(client.get_session, session_id)
    green.sleep(0.3)


def main(*scenarios: str) -> None:
    global client
    logging.getLogger().addHandler(Handler())
    logging.getLogger().setLevel(logging.DEBUG)
    start_ticks()
    with box:
        for scenario in scenarios:
            client = GreenClient(box.api_key, base_url=box.url)
            records.clear()
            threads.clear()
            globals()[scenario]()


if __name__ == "__main__":
    main(*sys.argv[2:])
