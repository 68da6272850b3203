"""A web service for gunicorn. Its only client is created and used while the module is imported.

``/<word>`` starts a session with the word as its relay_state, gets the session, and returns both
results.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import zignsec


def start(word: str) -> zignsec.Session:
    return CLIENT.start_phone_2fa(
        "+46703339954",
        redirect_success="https://a.example",
        redirect_failure="https://b.example",
        relay_state=word,
    )


CLIENT = zignsec.Client()
# Leaves an open connection, which the workers must not use.
start("imported")


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    started = start(environ["PATH_INFO"].strip("/"))
    session = CLIENT.get_session(started.id)
    result = {
        "pid": os.getpid(),
        "started": started.id,
        "id": session.id,
        "relay_state": session.relay_state,
    }
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps(result).encode()]
