"""The asyncio client.

The Rust core blocks, so each operation (one awaited method) runs its calls on a thread pool of the
client, with a duplicate of the client that only this operation uses. The duplicate is closed when
the operation ends. If the task was cancelled, this cancels the call on the thread. A wait uses a
thread only while it polls; between polls it sleeps in the event loop.

The time limit of an operation starts when it begins, in the event loop. If no thread is free in
time, the event loop ends the operation; if one becomes free, its call has the rest of the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from zignsec._errors import (
    CallCancelledError,
    ClosedError,
    ZignSecError,
)
from zignsec._queued_call import QueuedCall, is_out_of_threads, no_thread
from zignsec._signatures import same_arguments, same_arguments_as_client
from zignsec._zignsec import Client, Session, Wait, process_key

if TYPE_CHECKING:
    from typing_extensions import Self

R = TypeVar("R")

# The number of calls that run at the same time; more calls wait in a queue.
_MAX_THREADS = 32


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "AsyncClient works with asyncio only, and no asyncio event loop is running in this "
            "thread; with another event loop, such as that of trio, use Client in a thread: "
            "await trio.to_thread.run_sync(client.get_session, session_id)"
        ) from None


class AsyncClient:
    """The asyncio version of ``Client``: the same methods, awaitable.

    The arguments and errors are those of ``Client``. The client can be created outside an event
    loop and used by several loops. It works with asyncio only: under another event loop, such as
    that of trio, its methods raise ``RuntimeError``. Cancelling a task that awaits a call cancels
    the call and frees its thread within 200 ms.

    At most 32 calls run at the same time, on threads of this client; more calls wait in a queue.
    The time in the queue counts: a call that gets no thread within its ``timeout`` raises
    ``APITimeoutError``, and a wait ``WaitTimeoutError``. Nothing was sent then. If the system
    refuses to start a thread and the client has no other, a call raises ``APIConnectionError``.
    ``aclose()`` ends the threads.

    A subclass may have its own ``__init__``, which calls ``super().__init__()``.
    """

    @same_arguments_as_client(Client)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._client = Client(*args, **kwargs)
        self._pool = _Pool()

    @same_arguments(Client.start_phone_2fa)
    async def start_phone_2fa(self, *args: Any, **kwargs: Any) -> Session:
        """Step 1: start a session. See ``Client.start_phone_2fa``.

        If the task is cancelled, the gateway may have created a session.
        """
        return await self._call(lambda client: client.start_phone_2fa(*args, **kwargs))

    @same_arguments(Client.get_session)
    async def get_session(self, *args: Any, **kwargs: Any) -> Session:
        """Step 3: get the current state of a session. See ``Client.get_session``."""
        return await self._call(lambda client: client.get_session(*args, **kwargs))

    @same_arguments(Client.wait_for_session)
    async def wait_for_session(
        self,
        session_id: str,
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[Session, float], object] | None = None,
    ) -> Session:
        """Step 3: wait until a session is final. See ``Client.wait_for_session``.

        It uses no thread between two polls. ``on_poll`` is called in the event loop and may be a
        coroutine function; its result is then awaited.
        """
        if on_poll is not None and not callable(on_poll):
            kind = type(on_poll).__name__
            raise TypeError(f"on_poll must be callable or None, not {kind}")
        with self._operation(self._client.with_options()) as operation:
            wait = Wait(timeout=timeout, poll_interval=poll_interval)
            while True:
                session = await operation.run(
                    lambda client: wait.poll(client, session_id), wait.left(), wait.timed_out
                )
                if session is not None:
                    result = None
                    if on_poll is not None:
                        result = on_poll(session, wait.elapsed())
                        if inspect.isawaitable(result):
                            result = await result
                    if session.is_final:
                        return session
                    if result is False:
                        raise wait.cancelled()
                if not await operation.sleep(wait.pause()):
                    raise wait.cancelled()

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> Self:
        """Create a client that shares connections and keys with this one, but not its threads. See
        ``Client.with_options``."""
        client = self._client.with_options(timeout=timeout, max_retries=max_retries)
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._client = client
        other._pool = _Pool()
        return other

    async def aclose(self) -> None:
        """Close the client and end its threads. Running and queued calls raise
        ``CallCancelledError``, later calls ``ClosedError``."""
        self._client.close()
        await self._current_pool().stop()

    async def __aenter__(self) -> Self:
        _running_loop()
        self._client.__enter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        kind = type(self)
        _, _, rest = repr(self._client).partition(" ")
        return f"<{kind.__module__}.{kind.__qualname__} {rest}"

    async def _call(self, call: Callable[[Client], R]) -> R:
        queued = QueuedCall(
            self._client, f"an AsyncClient makes at most {_MAX_THREADS} calls at the same time"
        )

        def on_thread(client: Client) -> R:
            queued.check()
            return call(client)

        with self._operation(queued.client) as operation:
            return await operation.run(on_thread, queued.limit, queued.timed_out)

    def _operation(self, client: Client) -> _Operation:
        return _Operation(client, self._current_pool())

    def _current_pool(self) -> _Pool:
        if self._pool.process != process_key():
            # Threads do not survive a fork, and the calls of the parent never end here.
            self._pool = _Pool()
        return self._pool


AsyncClient.__module__ = "zignsec"


class _Pool:
    """The threads of an ``AsyncClient``, and the calls and operations that use them."""

    def __init__(self) -> None:
        self.process = process_key()
        self._executor = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="zignsec")
        self._has_threads = False
        self._is_stopped = False
        self._calls: set[Future[Any]] = set()
        self.operations: set[_Operation] = set()

    def submit(self, call: Callable[[Client], R], client: Client) -> Future[R]:
        """Make a call on a thread, now or when one is free."""
        # Not the executor's own future: if it cannot start a thread, the executor raises an error,
        # but has queued the call, and another thread would make it. A start must not be made after
        # its caller got an error.
        future: Future[R] = Future()
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        try:
            self._executor.submit(_make_call, future, call, client)
            self._has_threads = True
        except BaseException as error:
            no_new_thread = isinstance(error, RuntimeError) and is_out_of_threads(error)
            if no_new_thread and self._has_threads and not self._is_stopped:
                # A thread that exists makes the call when it is free.
                return future
            future.cancel()
            if isinstance(error, RuntimeError) and self._is_stopped:
                raise CallCancelledError("cancelled: the client was closed") from None
            if no_new_thread:
                raise no_thread() from error
            raise
        return future

    async def stop(self) -> None:
        self._is_stopped = True
        self._executor.shutdown(wait=False)
        # Copies, because threads add and remove elements. Unlike tuple(), copy() of a set is atomic
        # without the GIL too.
        for operation in self.operations.copy():
            operation.close()
        if calls := self._calls.copy():
            _running_loop()
            await asyncio.wait([_ended(call) for call in calls])
        # All threads are idle now, so this returns at once.
        self._executor.shutdown()


def _make_call(future: Future[R], call: Callable[[Client], R], client: Client) -> None:
    """Runs on a thread."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call(client)
    except BaseException as error:
        future.set_exception(error)
        # Otherwise, this frame and the exception refer to each other.
        del future
    else:
        future.set_result(result)


def _ended(call: Future[Any]) -> asyncio.Future[None]:
    """A future of the running event loop that is done when a call has ended."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def wake(_call: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # The loop is closed, so nothing waits in it.
            loop.call_soon_threadsafe(_resolve, ended)

    call.add_done_callback(wake)
    return ended


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Operation:
    """One awaited method of an ``AsyncClient``."""

    def __init__(self, client: Client, pool: _Pool) -> None:
        self._client = client
        self._pool = pool
        self._loop = _running_loop()
        self._closed: asyncio.Future[None] = self._loop.create_future()

    def __enter__(self) -> Self:
        self._pool.operations.add(self)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._pool.operations.discard(self)
        self._client.close()

    async def run(
        self, call: Callable[[Client], R], limit: float, timed_out: Callable[[], ZignSecError]
    ) -> R:
        """Make a call on a thread. If no thread is free within ``limit`` seconds, raise the
        exception that ``timed_out`` returns."""
        running = self._pool.submit(call, self._client)
        try:
            ended = _ended(running)
            await asyncio.wait((ended,), timeout=limit)
            # A call can be cancelled only while it is in the queue. On a thread, it ends by itself.
            if running.cancel():
                raise timed_out()
            await ended
            return running.result()
        except ClosedError:
            # aclose() was called while this call was in the queue.
            raise CallCancelledError("cancelled: the client was closed") from None
        finally:
            running.cancel()
            # Otherwise, this frame and the exception of the call refer to each other.
            del running

    async def sleep(self, seconds: float) -> bool:
        """Sleep in the event loop. Return False if the client was closed meanwhile."""
        await asyncio.wait((self._closed,), timeout=seconds)
        return not self._closed.done()

    def close(self) -> None:
        """Cancel the operation, from any thread."""
        self._client.close()
        with contextlib.suppress(RuntimeError):  # The loop is closed, so nothing sleeps in it.
            self._loop.call_soon_threadsafe(_resolve, self._closed)
