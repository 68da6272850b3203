"""A client for programs that use gevent.

Import it after ``gevent.monkey.patch_all()``, if the program calls that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from zignsec._green import GreenClient

if TYPE_CHECKING:
    from collections.abc import Callable

    _gevent: Any  # gevent has no complete type annotations.
else:
    # A statement and not importlib: PyInstaller and the like find only statements.
    import gevent as _gevent

R = TypeVar("R")


class GeventClient(GreenClient):
    """The methods, arguments and errors of ``Client``; other greenlets run during a call.

    Each call runs in gevent's thread pool. It has 10 threads; set ``GEVENT_THREADPOOL_SIZE``, or
    ``gevent.get_hub().threadpool.maxsize``, for more calls at the same time. Killing a greenlet
    that waits for a call, or a ``gevent.Timeout``, cancels the call. ``on_poll`` and logging
    handlers run in greenlets.
    """

    def _in_thread(self, function: Callable[[], None]) -> None:
        _gevent.get_hub().threadpool.apply(function)

    def _sleep(self, seconds: float) -> None:
        _gevent.sleep(seconds)

    def _spawn(self, function: Callable[[], R]) -> Any:
        return _gevent.spawn(function)

    def _wait_for(self, greenlet: Any, seconds: float | None) -> Any:
        greenlet.join(seconds)
        return greenlet.value
