"""A web service for the servers of these tests. Its only client is created and used while the
module is imported.

``/start/<word>`` starts a session with the word as its relay_state, gets the session, and returns
both results. ``/check/<id>`` returns the verdict of a session. ``/get/<id>`` only gets a session,
and ``/wait/<word>`` polls once.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import zignsec

PHONE = "+46703339954"

logging.basicConfig(
    filename=os.environ["TEST_LOG"], level=logging.DEBUG, format="%(process)d %(message)s"
)


def create_client() -> Any:
    if os.environ.get("TEST_CLIENT") == "gevent":
        from zignsec.gevent import GeventClient

        return GeventClient()
    return zignsec.Client()


CLIENT = create_client()


def start(word: str) -> zignsec.Session:
    session: zignsec.Session = CLIENT.start_phone_2fa(
        PHONE,
        redirect_success="https://a.example",
        redirect_failure="https://b.example",
        relay_state=word,
    )
    return session


# Each interpreter has its own module sys.
sys.mark = "that of wsgi_app"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

# Leaves an open connection, which other processes must not use.
start("imported")


def respond(action: str, argument: str) -> dict[str, Any]:
    if action == "start":
        started = start(argument)
        session = CLIENT.get_session(started.id)
        return {"started": started.id, "id": session.id, "relay_state": session.relay_state}
    if action == "check":
        session = CLIENT.get_session(argument)
        verified, other = session.is_verified_for(PHONE), session.is_verified_for("+46701740605")
        return {"verified": verified, "other": other}
    if action == "wait":
        return wait(start(argument).id)
    return {"id": CLIENT.get_session(argument).id}


def wait(session_id: str) -> dict[str, Any]:
    """Wait for one poll. Return the mark of the interpreter that `on_poll` ran in."""
    marks: list[object] = []

    def on_poll(_session: zignsec.Session, _elapsed: float) -> bool:
        import sys

        marks.append(getattr(sys, "mark", None))
        return False

    try:
        CLIENT.wait_for_session(session_id, on_poll=on_poll)
    except zignsec.CallCancelledError:
        return {"interpreter": marks[0]}
    raise AssertionError("the wait was not cancelled")


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    _, action, argument = environ["PATH_INFO"].split("/")
    result = {"pid": os.getpid(), "python": sys.executable, **respond(action, argument)}
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps(result).encode()]
