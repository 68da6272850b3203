"""A client for programs that use eventlet.

Import it after ``eventlet.monkey_patch()``, if the program calls that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from zignsec._green import GreenClient
from zignsec._queued_call import is_out_of_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    _eventlet: Any  # eventlet has no type annotations.
    _tpool: Any
else:
    # Statements and not importlib: PyInstaller and the like find only statements.
    import eventlet as _eventlet
    from eventlet import tpool as _tpool

R = TypeVar("R")


class EventletClient(GreenClient):
    """The methods, arguments and errors of ``Client``; other greenlets run during a call.

    Each call runs in eventlet's thread pool. It has 20 threads; set ``EVENTLET_THREADPOOL_SIZE``
    for more calls at the same time. Killing a greenlet that waits for a call, or an
    ``eventlet.Timeout``, cancels the call. ``on_poll`` and logging handlers run in greenlets.

    Fork worker processes before the first call: eventlet's threads and its event loop do not
    survive a fork, and a call in the child would never end.
    """

    def _in_thread(self, function: Callable[[], None]) -> None:
        try:
            _tpool.execute(function)
        except RuntimeError as error:
            if is_out_of_threads(error):
                # eventlet takes a pool for ready whose threads it could not start, and later calls
                # would never end.
                _tpool.killall()
            raise

    def _sleep(self, seconds: float) -> None:
        _eventlet.sleep(seconds)

    def _spawn(self, function: Callable[[], R]) -> Any:
        return _eventlet.spawn(function)

    def _wait_for(self, greenlet: Any, seconds: float | None) -> Any:
        with _eventlet.Timeout(seconds, False):
            return greenlet.wait()
