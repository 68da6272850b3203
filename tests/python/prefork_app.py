"""A web service as gunicorn loads it: one client for the process, made and used as it is imported.

``/<word>`` opens a session with the word as its relay_state, asks how it stands, and answers with
what came back.
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
# Leaves an open connection behind, which a worker must not touch.
start("imported")


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    started = start(environ["PATH_INFO"].strip("/"))
    session = CLIENT.get_session(started.id)
    answer = {
        "pid": os.getpid(),
        "started": started.id,
        "id": session.id,
        "relay_state": session.relay_state,
    }
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps(answer).encode()]
