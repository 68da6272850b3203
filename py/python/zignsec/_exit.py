"""The exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """``--help`` describes them. 130, after Ctrl-C, is in ``__main__``."""

    DONE = 0
    BUG = 1
    BAD_USAGE = 2
    NOT_VERIFIED = 3
    NO_VERDICT = 4
    WEBHOOK_REFUSED = 5
    CONFIGURATION = 6
    NETWORK = 7
    AUTHENTICATION = 8
    GATEWAY = 9
    OUTPUT = 10
    CLOSED_PIPE = 141
    """128 and the number of SIGPIPE, as a shell reports a program that SIGPIPE ended."""
