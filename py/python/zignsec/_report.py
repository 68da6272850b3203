"""The results and errors of the command line, as text."""

from __future__ import annotations

import json
import os
import re
from argparse import Namespace
from typing import Any

import zignsec
from zignsec._exit import Exit
from zignsec._output import write_error

Report = tuple[dict[str, Any], Exit]
"""The result of a command, and the exit code."""

# The first matching class counts.
_EXITS: tuple[tuple[type[zignsec.ZignSecError], Exit], ...] = (
    (zignsec.InvalidArgumentError, Exit.BAD_USAGE),
    (zignsec.ConfigurationError, Exit.CONFIGURATION),
    (zignsec.APIConnectionError, Exit.NETWORK),
    (zignsec.AuthenticationError, Exit.AUTHENTICATION),
    (zignsec.PermissionDeniedError, Exit.AUTHENTICATION),
    (zignsec.APIStatusError, Exit.GATEWAY),
    (zignsec.WaitTimeoutError, Exit.NO_VERDICT),
    (zignsec.WebhookSignatureError, Exit.WEBHOOK_REFUSED),
)

HTML_PAGE = "an HTML page, from a proxy, a portal or a firewall"
"""How the message of an error calls such a page."""


def printable(text: str) -> str:
    """Escape what a terminal would not show, or obey: text may contain what others wrote."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def result_text(result: dict[str, Any], *, as_json: bool) -> str:
    """The text on standard output."""
    if as_json:
        return json.dumps(result) + "\n"
    return "".join(
        f"{name:<13} {printable(_text(value))}\n"
        for name, value in result.items()
        # `data` is for programs only, and the error is already on standard error.
        if name not in ("data", "error")
    )


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def report_error(error: zignsec.ZignSecError, args: Namespace) -> Report:
    """Print an error on standard error. An error that has no exit code is raised again."""
    code = next((code for kind, code in _EXITS if isinstance(error, kind)), None)
    if code is None:
        raise error
    message = _message(error, args)
    write_error(printable(f"{type(error).__name__}: {message}") + "\n")
    details = {
        "type": type(error).__name__,
        "code": error.code,
        "message": message,
        "status_code": error.status_code,
        "request_id": error.request_id,
        "retry_after": error.retry_after,
        "attempts": error.attempts,
        "in_doubt": error.in_doubt,
    }
    return {"error": details}, code


def _message(error: zignsec.ZignSecError, args: Namespace) -> str:
    """The message of an error, in the words of the command line."""
    message = error.message
    if isinstance(error, (zignsec.InvalidArgumentError, zignsec.ConfigurationError)):
        message = message.replace("pass api_key", "use --api-key-file")
        return re.sub(r"^\w+", lambda name: _argument(name[0], args), message)
    is_answer = isinstance(error, (zignsec.ProtocolError, zignsec.APIStatusError))
    if is_answer and re.search(r"/core(/api|/*$)", os.environ.get("ZIGNSEC_BASE_URL", "")):
        message += "; remove /core/api from ZIGNSEC_BASE_URL: the client adds it"
    return message


def _argument(name: str, args: Namespace) -> str:
    """What the command line calls an argument of the client. Another word is returned as it is."""
    match name:
        case "api_key":
            return "the key of --api-key-file"
        case "secret":
            return "ZIGNSEC_WEBHOOK_SECRET" if args.secret_file is None else "--secret-file"
        case "session_id":
            return "SESSION_ID"
        case "phone_number":
            return "--phone-number" if hasattr(args, "session_id") else "PHONE_NUMBER"
        case _:
            return f"--{name.replace('_', '-')}" if hasattr(args, name) else name
