"""Standard output and standard error of the command line."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO


class OutputError(Exception):
    """Standard output cannot be written."""

    def __init__(self, reason: str, *, is_closed_pipe: bool = False) -> None:
        super().__init__(f"cannot write standard output: {reason}")
        self.is_closed_pipe = is_closed_pipe


def open_missing_streams() -> None:
    """Open the standard streams that the parent process closed, as ``/dev/null``.

    Otherwise the next socket or file would become standard output or standard error. ``sys.stdout``
    remains ``None``.
    """
    # There may be no /dev/null, or no descriptor.
    with suppress(OSError):
        # The number is the lowest one that is free.
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(number, True)
        os.close(number)


def write(text: str) -> None:
    """Write to standard output, and flush it.

    Raises:
        OutputError: It is closed, its reader has gone, or the disk is full.
    """
    if not text:
        return
    # None if it was closed when Python started.
    if sys.stdout is None:
        raise OutputError("it is closed")
    try:
        _write(sys.stdout, text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(reason, is_closed_pipe=_is_closed_pipe(error)) from None


def _is_closed_pipe(error: OSError) -> bool:
    # On Windows, the C library has no special error for a pipe that nobody reads.
    unread = sys.platform == "win32" and error.errno == errno.EINVAL
    return unread or isinstance(error, ConnectionError)


def write_error(text: str) -> None:
    """Write to standard error, and flush it. Errors are ignored: nothing can report them."""
    if sys.stderr is not None:
        with suppress(OSError):
            _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    try:
        # Characters that the locale does not have are escaped.
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BaseException:
        # What was not written remains in the buffer. Python would write it again when it exits:
        # this could block, and would change the exit code.
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
        raise
