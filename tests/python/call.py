"""A program that tests run: calls from a process of its own, whose environment the test chose.

An order comes in on standard input and what became of each call leaves on standard output, both as
JSON. Everything that is logged leaves on standard error.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable

import zignsec


def start(client: zignsec.Client, relay_state: str | None = None) -> zignsec.Session:
    return client.start_phone_2fa(
        "+46703339954",
        redirect_success="https://a.example",
        redirect_failure="https://b.example",
        relay_state=relay_state,
    )


def start_at_length(client: zignsec.Client) -> zignsec.Session:
    """More than leaves in one go."""
    return start(client, "x" * 60_000)


def look_up(client: zignsec.Client) -> zignsec.Session:
    return client.get_session("no-such-session")


CALLS: dict[str, Callable[[zignsec.Client], zignsec.Session]] = {
    "POST": start,
    "LONG POST": start_at_length,
    "GET": look_up,
}


def failure(error: zignsec.ZignSecError) -> dict[str, object]:
    return {
        "error": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "status_code": error.status_code,
        "attempts": error.attempts,
        "in_doubt": error.in_doubt,
        "repr": repr(error),
    }


def outcome(client: zignsec.Client, method: str) -> dict[str, object]:
    try:
        return {"session_id": CALLS[method](client).id}
    except zignsec.ZignSecError as error:
        return failure(error)


def main() -> None:
    logging.basicConfig(level=1)
    order = json.load(sys.stdin)
    options = order["options"]
    if options.get("client_cert"):
        # JSON has no tuples.
        options["client_cert"] = tuple(options["client_cert"])
    outcomes: list[dict[str, object]] = []
    try:
        client = zignsec.Client(**options)
    except zignsec.ZignSecError as error:
        outcomes.append(failure(error))
    else:
        outcomes.extend(outcome(client, method) for method in order["calls"])
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
