"""A program that makes calls in a separate process, so that a test can choose the environment.

It reads the calls to make from standard input and writes their results to standard output, both as
JSON. The log goes to standard error.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable

import zignsec


def start(client: zignsec.Client, path: str = "/") -> zignsec.Session:
    return client.start_phone_2fa(
        "+46703339954",
        redirect_success=f"https://a.example{path}",
        redirect_failure="https://b.example",
    )


def start_with_large_body(client: zignsec.Client) -> zignsec.Session:
    """The request does not fit in one TLS record or send buffer."""
    return start(client, "/" + "x" * 60_000)


def get_unknown_session(client: zignsec.Client) -> zignsec.Session:
    return client.get_session("no-such-session")


CALLS: dict[str, Callable[[zignsec.Client], zignsec.Session]] = {
    "POST": start,
    "LONG POST": start_with_large_body,
    "GET": get_unknown_session,
}


def error_details(error: zignsec.ZignSecError) -> dict[str, object]:
    return {
        "error": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "status_code": error.status_code,
        "attempts": error.attempts,
        "in_doubt": error.in_doubt,
        "repr": repr(error),
    }


def call(client: zignsec.Client, method: str) -> dict[str, object]:
    try:
        return {"session_id": CALLS[method](client).id}
    except zignsec.ZignSecError as error:
        return error_details(error)


def main() -> None:
    logging.basicConfig(level=1)
    task = json.load(sys.stdin)
    options = task["options"]
    if options.get("client_cert"):
        # JSON has no tuples.
        options["client_cert"] = tuple(options["client_cert"])
    results: list[dict[str, object]] = []
    try:
        client = zignsec.Client(**options)
    except zignsec.ZignSecError as error:
        results.append(error_details(error))
    else:
        results.extend(call(client, method) for method in task["calls"])
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
