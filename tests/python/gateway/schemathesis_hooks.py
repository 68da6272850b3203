"""What schemathesis does around each of its calls to the sandbox."""

from __future__ import annotations

import re
import urllib.request
from typing import Any, cast
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


def filter_body(context: Any, body: Any) -> bool:
    """Leaves out URLs that are good although the description does not say so: its pattern is a part
    of what is taken, since no pattern tells all URLs from all other text."""
    if context.operation.path != "/core/api/sessions/two_factor_auth/phone":
        return True
    schemas = context.operation.schema.raw_schema["components"]["schemas"]
    given = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    for name, described in schemas["StartRequest"]["properties"].items():
        text = given.get(name)
        if "pattern" not in described or not isinstance(text, str):
            continue
        if re.match("https?://[^/]", text) and not re.fullmatch(described["pattern"], text):
            return False
    return True


# Its decorator has no complete type.
_untyped: Any = schemathesis
for _hook in (before_call, after_call, filter_body):
    _untyped.hook(_hook)
