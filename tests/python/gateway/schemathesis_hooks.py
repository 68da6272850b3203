"""What schemathesis does around each of its calls to the sandbox."""

from __future__ import annotations

import urllib.request
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from sandbox import direct

LONGEST_WAIT_S = 0.01


def before_call(context: object, case: Any, kwargs: object) -> None:  # noqa: ARG001
    """Cuts a wait short that the description allows, so that the run ends in time."""
    try:
        wait = float(case.query["wait"])
    except (KeyError, TypeError, ValueError):
        return
    if LONGEST_WAIT_S < wait <= 60:
        case.query["wait"] = LONGEST_WAIT_S


def after_call(context: object, case: Any, response: Any) -> None:  # noqa: ARG001
    """Disarms what was armed: it would meet the calls that follow."""
    if case.operation.path == "/_sandbox/faults":
        address = urlsplit(str(response.request.url))
        disarm = urllib.request.Request(f"http://{address.netloc}/_sandbox/faults", method="DELETE")
        direct.open(disarm, timeout=30).close()


# Its decorator has no complete type.
_untyped: Any = schemathesis
for _hook in (before_call, after_call):
    _untyped.hook(_hook)
