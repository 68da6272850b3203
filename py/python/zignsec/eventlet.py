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
    """

    def _in_thread(self, function: Callable[[], R]) -> R:
        # Not for functions that return a tuple with an exception in the middle: it raises that.
        try:
            result: R = _tpool.execute(function)
        except RuntimeError as error:
            if is_out_of_threads(error):
                # eventlet takes a pool for ready whose threads it could not start, and later calls
                # would never end.
                _tpool.killall()
            raise
        return result

    def _sleep(self, seconds: float) -> None:
        _eventlet.sleep(seconds)

    def _in_greenlet(self, function: Callable[[], R]) -> R:
        result: R = _eventlet.spawn(function).wait()
        return result
