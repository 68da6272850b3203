"""A call that waits until a thread is free. Its time limit starts before that."""

from __future__ import annotations

import time

from zignsec._errors import APIConnectionError, APITimeoutError
from zignsec._zignsec import Client, begin_call


class QueuedCall:
    """The time limit of a call that begins now, and a client for this call only."""

    def __init__(self, client: Client, queue: str) -> None:
        self.client, self.limit = begin_call(client)
        self._queue = queue
        # A start that is sent when its time is almost over would only be in doubt. Waits keep the
        # same rest for their last poll.
        self._latest = time.monotonic() + self.limit - min(0.5, self.limit / 4)

    def check(self) -> None:
        """Raise an exception if too little time is left, now that there is a thread."""
        if time.monotonic() > self._latest:
            raise self.timed_out()

    def timed_out(self) -> APITimeoutError:
        """The exception for a call that got no thread in time."""
        return APITimeoutError(
            f"no thread was free in time for the call (timeout {self.limit:g} s): {self._queue}; "
            "nothing was sent"
        )


def is_out_of_threads(error: RuntimeError) -> bool:
    """Whether an error says that the system refused to start a thread."""
    return "can't start new thread" in str(error)


def no_thread() -> APIConnectionError:
    """The exception for a call for which no thread could be started."""
    return APIConnectionError(
        "could not start a thread for the call; the process has reached its limit of threads or "
        "memory: check `ulimit -u` and the limits of the container; nothing was sent"
    )
