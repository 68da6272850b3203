"""``Client`` for programs that are monkey-patched by gevent or eventlet.

A call blocks its thread in Rust, which monkey-patching does not change. So each call runs on a real
thread, and the greenlet that makes it waits. No Python code that takes locks runs on that thread:
those of ``logging`` and of callbacks are patched, and hang if greenlets and threads use them at the
same time. The greenlet writes the log records and calls ``on_poll``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from zignsec._errors import CallCancelledError, ClosedError, ZignSecError
from zignsec._logger import logger
from zignsec._queued_call import QueuedCall, is_out_of_threads, no_thread
from zignsec._signatures import same_arguments, same_arguments_as_client
from zignsec._zignsec import Client, Session, Wait, _collect_log

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

R = TypeVar("R")


class GreenClient:
    """The methods and arguments of ``Client``; a call blocks only the greenlet that makes it."""

    @same_arguments_as_client(Client)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._client = Client(*args, **kwargs)
        self._operations: set[Client] = set()

    @same_arguments(Client.start_phone_2fa)
    def start_phone_2fa(self, *args: Any, **kwargs: Any) -> Session:
        """Step 1: start a session. See ``Client.start_phone_2fa``."""
        return self._single_call(lambda client: client.start_phone_2fa(*args, **kwargs))

    @same_arguments(Client.get_session)
    def get_session(self, *args: Any, **kwargs: Any) -> Session:
        """Step 3: get the current state of a session. See ``Client.get_session``."""
        return self._single_call(lambda client: client.get_session(*args, **kwargs))

    @same_arguments(Client.wait_for_session)
    def wait_for_session(
        self,
        session_id: str,
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[Session, float], object] | None = None,
    ) -> Session:
        """Step 3: poll a session until it is final. See ``Client.wait_for_session``.

        It uses no thread between two polls.
        """
        if on_poll is not None and not callable(on_poll):
            kind = type(on_poll).__name__
            raise TypeError(f"on_poll must be callable or None, not {kind}")
        client = self._client.with_options()
        with self._operation(client):
            wait = Wait(timeout=timeout, poll_interval=poll_interval)
            while True:
                session = self._call(
                    lambda: wait.poll(client, session_id), wait.left(), wait.timed_out
                )
                if session is not None:
                    go_on = on_poll is None or on_poll(session, wait.elapsed()) is not False
                    if session.is_final:
                        return session
                    if not go_on:
                        raise wait.cancelled()
                end = time.monotonic() + wait.pause()
                # In short steps: close() removes the client.
                while client in self._operations and (left := end - time.monotonic()) > 0:
                    self._sleep(min(left, 0.1))

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> Self:
        """Create a client that shares connections and keys. See ``Client.with_options``."""
        client = self._client.with_options(timeout=timeout, max_retries=max_retries)
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._client = client
        other._operations = set()
        return other

    def close(self) -> None:
        """Close the client. Running calls and waits raise ``CallCancelledError``, later calls
        ``ClosedError``."""
        self._client.close()
        # A copy, because greenlets and threads add and remove elements.
        for client in self._operations.copy():
            self._operations.discard(client)
            client.close()

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        kind = type(self)
        _, _, rest = repr(self._client).partition(" ")
        return f"<{kind.__module__}.{kind.__qualname__} {rest}"

    def _single_call(self, call: Callable[[Client], R]) -> R:
        queued = QueuedCall(self._client, "the thread pool has too few threads")

        def on_thread() -> R:
            queued.check()
            return call(queued.client)

        with self._operation(queued.client):
            return self._call(on_thread, queued.limit, queued.timed_out)

    @contextmanager
    def _operation(self, client: Client) -> Generator[None]:
        """One method, with a duplicate of the client. Closing it at the end cancels the call if the
        greenlet was killed or its timeout was over."""
        self._operations.add(client)
        try:
            yield
        finally:
            self._operations.discard(client)
            client.close()

    def _call(
        self, call: Callable[[], R], limit: float, timed_out: Callable[[], ZignSecError]
    ) -> R:
        """Make a call on a thread. If no thread is free within ``limit`` seconds, raise the
        exception that ``timed_out`` returns."""
        result, exception = self._outcome(call, limit, timed_out)
        try:
            if isinstance(exception, ClosedError):
                raise CallCancelledError("cancelled: the client was closed") from None
            if exception is not None:
                raise exception
        finally:
            # Otherwise, this frame and the exception refer to each other.
            del exception
        return result  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    def _outcome(
        self, call: Callable[[], R], limit: float, timed_out: Callable[[], ZignSecError]
    ) -> tuple[R | None, BaseException | None]:
        task = _Task(lambda: _collect_log(call))

        def finish() -> tuple[R | None, BaseException | None]:
            try:
                self._on_thread(task)
                # pop: the exception refers to the frame of the task.
                result, records, exception = task.results.pop()
                for level, line in records:
                    logger.log(level, line)
            except BaseException as error:
                return None, error
            return result, exception

        # A separate greenlet also writes the log of a call that its caller does not wait for.
        greenlet = self._spawn(finish)
        outcome: tuple[R | None, BaseException | None] | None = self._wait_for(greenlet, limit)
        if outcome is not None:
            return outcome
        if task.withdraw():
            return None, timed_out()
        # A call that runs on a thread ends by itself.
        outcome = self._wait_for(greenlet, None)
        assert outcome is not None
        return outcome

    def _on_thread(self, task: _Task[Any]) -> None:
        try:
            self._in_thread(task)
        except RuntimeError as error:
            if not is_out_of_threads(error):
                raise
            # gevent has queued the task nevertheless, and a thread that exists may run it.
            if task.withdraw():
                raise no_thread() from error
            while not task.results:
                self._sleep(0.05)

    def _in_thread(self, function: Callable[[], None]) -> None:
        """Run a function on a real thread."""
        raise NotImplementedError

    def _sleep(self, seconds: float) -> None:
        """Let other greenlets run."""
        raise NotImplementedError

    def _spawn(self, function: Callable[[], R]) -> Any:
        """Start a new greenlet, which goes on if this one is killed."""
        raise NotImplementedError

    def _wait_for(self, greenlet: Any, seconds: float | None) -> Any:
        """Return the result of a greenlet, or None after this time."""
        raise NotImplementedError


class _Task(Generic[R]):
    """A function that returns a result and raises nothing, which a thread runs unless it was
    withdrawn before."""

    def __init__(self, function: Callable[[], R]) -> None:
        self._function = function
        self._state: dict[str, str] = {}
        self.results: list[R] = []

    def __call__(self) -> None:
        # setdefault is atomic.
        if self._state.setdefault("state", "begun") == "begun":
            self.results.append(self._function())

    def withdraw(self) -> bool:
        """Return whether no thread has begun to run the function."""
        return self._state.setdefault("state", "withdrawn") == "withdrawn"
