"""The asyncio client.

The Rust core blocks, so each operation (one awaited method) runs its calls on a thread pool of the
client, with a duplicate of the client that only this operation uses. The duplicate is closed when
the operation ends. If the task was cancelled, this cancels the call on the thread. A wait uses a
thread only while it polls; between polls it sleeps in the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from zignsec._errors import CallCancelledError, ClosedError
from zignsec._zignsec import Client, Session, Wait

if TYPE_CHECKING:
    from typing import Concatenate, ParamSpec

    from typing_extensions import Self

    P = ParamSpec("P")

R = TypeVar("R")

# The number of calls that run at the same time; more calls wait in a queue.
_MAX_THREADS = 32


def _same_arguments_as_client(
    client: Callable[P, Client],  # noqa: ARG001
) -> Callable[[Callable[..., None]], Callable[Concatenate[AsyncClient, P], None]]:
    """Give ``__init__`` the signature of ``Client``, for type checkers."""
    return lambda function: function


def _same_arguments(
    method: Callable[Concatenate[Client, P], object],
) -> Callable[[Callable[..., R]], Callable[Concatenate[AsyncClient, P], R]]:
    """Give a method the signature of a method of ``Client``, for type checkers and ``help()``."""

    def decorate(function: Any) -> Any:
        # inspect.signature() reads this attribute.
        function.__wrapped__ = method
        return function

    return decorate


class AsyncClient:
    """The asyncio version of ``Client``: the same methods, awaitable.

    The arguments and errors are those of ``Client``. The client can be created outside an event
    loop and used by several loops. Cancelling a task that awaits a call cancels the call and frees
    its thread within 200 ms.

    At most 32 calls run at the same time, on threads of this client. More calls wait in a queue;
    their ``timeout`` starts when they leave it. ``aclose()`` ends the threads.
    """

    @_same_arguments_as_client(Client)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._client = Client(*args, **kwargs)
        self._pool = _Pool()

    @_same_arguments(Client.start_phone_2fa)
    async def start_phone_2fa(self, *args: Any, **kwargs: Any) -> Session:
        """Step 1: start a session. See ``Client.start_phone_2fa``.

        If the task is cancelled, the gateway may have created a session.
        """
        with self._operation() as operation:
            return await operation.run(lambda client: client.start_phone_2fa(*args, **kwargs))

    @_same_arguments(Client.get_session)
    async def get_session(self, *args: Any, **kwargs: Any) -> Session:
        """Step 3: get the current state of a session. See ``Client.get_session``."""
        with self._operation() as operation:
            return await operation.run(lambda client: client.get_session(*args, **kwargs))

    @_same_arguments(Client.wait_for_session)
    async def wait_for_session(
        self,
        session_id: str,
        *,
        on_poll: Callable[[Session, float], object] | None = None,
        **limits: Any,
    ) -> Session:
        """Step 3: wait until a session is final. See ``Client.wait_for_session``.

        It uses no thread between two polls. ``on_poll`` is called in the event loop and may be a
        coroutine function; its result is then awaited.
        """
        if on_poll is not None and not callable(on_poll):
            kind = type(on_poll).__name__
            raise TypeError(f"on_poll must be callable or None, not {kind}")
        with self._operation() as operation:
            wait = Wait(**limits)
            while True:
                session = await operation.run(lambda client: wait.poll(client, session_id))
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

    @_same_arguments(Client.with_options)
    def with_options(self, **limits: Any) -> AsyncClient:
        """Create a client that shares connections and keys with this one, but not its threads. See
        ``Client.with_options``."""
        other = object.__new__(AsyncClient)
        other._client = self._client.with_options(**limits)
        other._pool = _Pool()
        return other

    async def aclose(self) -> None:
        """Close the client and end its threads. Running and queued calls raise
        ``CallCancelledError``, later calls ``ClosedError``."""
        self._client.close()
        await self._pool.stop()

    async def __aenter__(self) -> Self:
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
        return repr(self._client).replace("Client", "AsyncClient", 1)

    def _operation(self) -> _Operation:
        if self._pool.process != os.getpid():
            # Threads do not survive a fork.
            self._pool = _Pool()
        return _Operation(self._client.with_options(), self._pool)


AsyncClient.__module__ = "zignsec"
# For inspect.signature() and help().
AsyncClient.__signature__ = inspect.signature(Client)  # type: ignore[attr-defined]


class _Pool:
    """The threads of an ``AsyncClient``, and the calls and operations that use them."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="zignsec")
        self.calls: set[Future[Any]] = set()
        self.operations: set[_Operation] = set()

    async def stop(self) -> None:
        self.threads.shutdown(wait=False)
        for operation in tuple(self.operations):
            operation.close()
        calls = [asyncio.wrap_future(call) for call in tuple(self.calls)]
        await asyncio.gather(*calls, return_exceptions=True)
        # All threads are idle now, so this returns at once.
        self.threads.shutdown()


class _Operation:
    """One awaited method of an ``AsyncClient``."""

    def __init__(self, client: Client, pool: _Pool) -> None:
        self._client = client
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[None] = self._loop.create_future()

    def __enter__(self) -> Self:
        self._pool.operations.add(self)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._pool.operations.discard(self)
        self._client.close()

    async def run(self, call: Callable[[Client], R]) -> R:
        """Make a call on a thread."""
        running = self._pool.threads.submit(call, self._client)
        self._pool.calls.add(running)
        running.add_done_callback(self._pool.calls.discard)
        try:
            return await asyncio.wrap_future(running)
        except ClosedError:
            # aclose() was called while this call was in the queue.
            raise CallCancelledError("cancelled: the client was closed") from None

    async def sleep(self, seconds: float) -> bool:
        """Sleep in the event loop. Return False if the client was closed meanwhile."""
        await asyncio.wait((self._closed,), timeout=seconds)
        return not self._closed.done()

    def close(self) -> None:
        """Cancel the operation, from any thread."""
        self._client.close()
        with contextlib.suppress(RuntimeError):  # The loop is closed, so nothing sleeps in it.
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
