"""Schemathesis hooks that run around each request to the sandbox."""

from __future__ import annotations

import re
import urllib.request
from typing import Any, cast
from urllib.parse import urlsplit

import schemathesis
from sandbox import direct

MAX_WAIT_S = 0.01


def before_call(context: object, case: Any, kwargs: object) -> None:  # noqa: ARG001
    """Shortens valid waits, so that the run is not too long."""
    try:
        wait = float(case.query["wait"])
    except (KeyError, TypeError, ValueError):
        return
    if MAX_WAIT_S < wait <= 60:
        case.query["wait"] = MAX_WAIT_S


def after_call(context: object, case: Any, response: Any) -> None:  # noqa: ARG001
    """Disarms the faults that a request armed, so that they do not affect later requests."""
    if case.operation.path == "/_sandbox/faults":
        address = urlsplit(str(response.request.url))
        disarm = urllib.request.Request(f"http://{address.netloc}/_sandbox/faults", method="DELETE")
        direct.open(disarm, timeout=30).close()


def filter_body(context: Any, body: Any) -> bool:
    """Skips URLs that are valid for the sandbox but do not match the pattern in the description.

    No pattern matches exactly the valid URLs, so the one in the description is stricter.
    """
    if context.operation.path != "/core/api/sessions/two_factor_auth/phone":
        return True
    schemas = context.operation.schema.raw_schema["components"]["schemas"]
    fields = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    for name, described in schemas["StartRequest"]["properties"].items():
        text = fields.get(name)
        if "pattern" not in described or not isinstance(text, str):
            continue
        if re.match("https?://[^/]", text) and not re.fullmatch(described["pattern"], text):
            return False
    return True


# The type of its decorator is incomplete.
_untyped: Any = schemathesis
for _hook in (before_call, after_call, filter_body):
    _untyped.hook(_hook)
