"""The client for asyncio.

The core blocks, so each call runs on a thread of the client's own, with a ``Client`` of its own.
That is closed when the awaiting task goes on, however it does, which ends the call of a task that
was cancelled. Waiting holds a thread for its polls alone and sleeps in the event loop.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from zignsec._errors import CallCancelledError, InvalidArgumentError
from zignsec._zignsec import Client, Session, Wait

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

# As many calls are on their way at a time; more take their turn.
_THREADS = 32


class AsyncClient:
    """A connection to the gateway for asyncio: a ``Client`` whose calls are awaited.

    The arguments are those of ``Client``, and so are the errors. No event loop is needed to make
    one, and more than one may use it. To cancel the task that awaits a call ends the call, and
    frees its thread, within 200 ms.

    At most 32 calls are on their way at a time, each on a thread of the client's own; more take
    their turn, before their ``timeout`` begins. The threads end with ``aclose()``.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        secondary_api_key: str | None = None,
        base_url: str | None = None,
        environment: Literal["test", "production"] | None = None,
        auth_scheme: Literal["authorization", "zs-product-key"] = "authorization",
        timeout: float = 30.0,
        connect_timeout: float = 5.0,
        attempt_timeout: float = 10.0,
        max_retries: int = 2,
        ca_file: str | PathLike[str] | None = None,
        client_cert: tuple[str | PathLike[str], str | PathLike[str]] | None = None,
        proxy: str | None = None,
        user_agent: str | None = None,
    ) -> None:
        self._client = Client(
            api_key,
            secondary_api_key=secondary_api_key,
            base_url=base_url,
            environment=environment,
            auth_scheme=auth_scheme,
            timeout=timeout,
            connect_timeout=connect_timeout,
            attempt_timeout=attempt_timeout,
            max_retries=max_retries,
            ca_file=ca_file,
            client_cert=client_cert,
            proxy=proxy,
            user_agent=user_agent,
        )
        self._work = _Work()

    async def start_phone_2fa(
        self,
        phone_number: str,
        *,
        redirect_success: str,
        redirect_failure: str,
        locale: str | None = "En",
        relay_state: str | None = None,
        webhook: str | None = None,
        csrf_token: str | None = None,
    ) -> Session:
        """Step 1: open a session. As ``Client.start_phone_2fa``.

        Where the task is cancelled, a session may have been opened all the same.
        """
        with self._operation() as operation:
            return await operation.run(
                lambda client: client.start_phone_2fa(
                    phone_number,
                    redirect_success=redirect_success,
                    redirect_failure=redirect_failure,
                    locale=locale,
                    relay_state=relay_state,
                    webhook=webhook,
                    csrf_token=csrf_token,
                )
            )

    async def get_session(self, session_id: str) -> Session:
        """Step 3: ask how a session stands. As ``Client.get_session``."""
        with self._operation() as operation:
            return await operation.run(lambda client: client.get_session(session_id))

    async def wait_for_session(
        self,
        session_id: str,
        *,
        timeout: float = 300.0,
        poll_interval: float = 2.0,
        on_poll: Callable[[Session, float], object] | None = None,
    ) -> Session:
        """Step 3, until there is a verdict. As ``Client.wait_for_session``.

        It holds no thread between two polls. ``on_poll`` runs in the event loop, and may be a
        coroutine function: what it returns is then awaited.
        """
        with self._operation() as operation:
            wait = Wait(timeout=timeout, poll_interval=poll_interval)
            while True:
                session = await operation.run(lambda client: wait.poll(client, session_id))
                if session is not None:
                    answer = None
                    if on_poll is not None:
                        answer = on_poll(session, wait.elapsed())
                        if inspect.isawaitable(answer):
                            answer = await answer
                    if session.is_final:
                        return session
                    if answer is False:
                        raise wait.stopped()
                if not await operation.sleep(wait.pause()):
                    raise wait.stopped()

    def with_options(
        self, *, timeout: float | None = None, max_retries: int | None = None
    ) -> AsyncClient:
        """Another client that shares connections and keys with this one, but not its threads. As
        ``Client.with_options``."""
        other = object.__new__(AsyncClient)
        other._client = self._client.with_options(timeout=timeout, max_retries=max_retries)
        other._work = _Work()
        return other

    async def aclose(self) -> None:
        """Close the client: what is awaited ends as ``CallCancelledError``, a call after that is an
        ``InvalidArgumentError``, and the client's threads end."""
        self._client.close()
        await self._work.stop()

    async def __aenter__(self) -> Self:
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
        if self._work.process != os.getpid():
            # A fork leaves the threads behind.
            self._work = _Work()
        return _Operation(self._client.with_options(), self._work)


AsyncClient.__module__ = "zignsec"


class _Work:
    """What an ``AsyncClient`` is doing: its threads and what they run."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="zignsec")
        self.calls: set[Future[Any]] = set()
        self.operations: set[_Operation] = set()

    async def stop(self) -> None:
        self.threads.shutdown(wait=False)
        for operation in tuple(self.operations):
            operation.close()
        calls = [asyncio.wrap_future(call) for call in tuple(self.calls)]
        await asyncio.gather(*calls, return_exceptions=True)
        # They are idle now, and end at once.
        self.threads.shutdown()


class _Operation:
    """What one method of an ``AsyncClient`` does, from its start to its end."""

    def __init__(self, client: Client, work: _Work) -> None:
        self._client = client
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[None] = self._loop.create_future()

    def __enter__(self) -> Self:
        self._work.operations.add(self)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._work.operations.discard(self)
        self._client.close()

    async def run(self, call: Callable[[Client], T]) -> T:
        """Makes a call on a thread. It ends with this operation at the latest."""
        running = self._work.threads.submit(call, self._client)
        self._work.calls.add(running)
        running.add_done_callback(self._work.calls.discard)
        try:
            return await asyncio.wrap_future(running)
        except InvalidArgumentError:
            # One that was still to be begun finds its client closed.
            if self._closed.done():
                raise CallCancelledError("the client was closed") from None
            raise

    async def sleep(self, seconds: float) -> bool:
        """Sleeps in the event loop; tells whether it was not closed meanwhile."""
        await asyncio.wait((self._closed,), timeout=seconds)
        return not self._closed.done()

    def close(self) -> None:
        """Ends it, from any thread."""
        # In this order, so that `run` knows why its call is refused.
        self._loop.call_soon_threadsafe(self._settle)
        self._client.close()

    def _settle(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
