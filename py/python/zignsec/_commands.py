"""The commands of ``python -m zignsec``. Each returns its result and the exit code."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any

import zignsec
from zignsec._zignsec import DEFAULT_MAX_RETRIES, route


class Exit(IntEnum):
    """The exit codes; ``--help`` describes them. Python itself exits with 1 after an unexpected
    exception."""

    DONE = 0
    BAD_USAGE = 2
    NOT_VERIFIED = 3
    NO_VERDICT = 4
    WEBHOOK_REFUSED = 5
    CONFIGURATION = 6
    NETWORK = 7
    AUTHENTICATION = 8
    GATEWAY = 9
    INTERRUPTED = 130


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


def printable(text: str) -> str:
    """Escape what a terminal would not show, or obey: text may contain what others wrote."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def report_error(error: zignsec.ZignSecError) -> Report:
    """Print an error on standard error. An error that has no exit code is raised again."""
    code = next((code for kind, code in _EXITS if isinstance(error, kind)), None)
    if code is None:
        raise error
    print(printable(f"{type(error).__name__}: {error}"), file=sys.stderr)
    details = {
        "type": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "status_code": error.status_code,
        "request_id": error.request_id,
        "retry_after": error.retry_after,
        "attempts": error.attempts,
        "in_doubt": error.in_doubt,
    }
    return {"error": details}, code


def start(args: Namespace) -> Report:
    with _client(args) as client:
        session = client.start_phone_2fa(
            args.phone_number,
            redirect_success=args.redirect_success,
            redirect_failure=args.redirect_failure,
            locale=args.locale,
            relay_state=args.relay_state,
            webhook=args.webhook,
        )
    return _as_dict(session), Exit.DONE


def get(args: Namespace) -> Report:
    with _client(args) as client:
        session = client.get_session(args.session_id)
    return _result_for(session, args.phone_number)


def wait(args: Namespace) -> Report:
    on_terminal = sys.stderr.isatty()

    def progress(session: zignsec.Session, elapsed: float) -> None:
        if on_terminal:
            print(f"\r\x1b[K{session.status} after {elapsed:.0f} s", end="", file=sys.stderr)

    with _client(args) as client:
        try:
            session = client.wait_for_session(
                args.session_id,
                timeout=args.timeout,
                poll_interval=args.poll_interval,
                on_poll=progress,
            )
        finally:
            if on_terminal:
                print("\r\x1b[K", end="", file=sys.stderr)
    return _result_for(session, args.phone_number)


def verify_webhook(args: Namespace) -> Report:
    if args.secret_file is not None:
        secret = _read_secret("--secret-file", args.secret_file)
    else:
        secret = os.environ.get("ZIGNSEC_WEBHOOK_SECRET", "")
    if not secret:
        raise zignsec.ConfigurationError(
            "no webhook secret: set ZIGNSEC_WEBHOOK_SECRET or use --secret-file"
        )
    if args.body == "-":
        body = sys.stdin.buffer.read()
    else:
        try:
            body = Path(args.body).read_bytes()
        except OSError as error:
            raise zignsec.ConfigurationError(f"cannot read the body: {error}") from None
    event = zignsec.verify_webhook(body, args.signature, secret, tolerance=args.tolerance)
    result = {
        "name": event.name,
        "session_id": event.session_id,
        "status": str(event.status),
        "data": event.to_dict(),
    }
    return result, Exit.DONE


# Never issued by the gateway.
_UNKNOWN_SESSION_ID = "00000000-0000-0000-0000-000000000000"
_INVALID_KEY = "not-an-api-key"
_REFUSED = (zignsec.AuthenticationError, zignsec.PermissionDeniedError)


def check(args: Namespace) -> Report:
    with _client(args, max_retries=0) as client:
        gateway, proxy = route(client)
        error = _get_unknown_session(client)
    answered = _is_unknown_session(error) or isinstance(error, zignsec.APIStatusError)
    if not gateway.startswith("https:"):
        tls = None
    elif answered or isinstance(error, zignsec.ProtocolError):
        tls = "trusted"
    else:
        tls = "failed" if isinstance(error, zignsec.TLSError) else "unknown"

    key = "refused" if isinstance(error, _REFUSED) else "unknown"
    if _is_unknown_session(error):
        # 404 means that the key was accepted only if an invalid key is rejected.
        with zignsec.Client(_INVALID_KEY, max_retries=0) as bogus_client:
            error = _get_unknown_session(bogus_client)
        if isinstance(error, _REFUSED):
            key, error = "accepted", None
        elif _is_unknown_session(error):
            error = zignsec.ProtocolError(
                "an invalid key gets the same answer; is this ZignSec's gateway?"
            )

    result = {"gateway": gateway, "proxy": proxy, "tls": tls, "answered": answered, "key": key}
    if error is None:
        return result, Exit.DONE
    details, code = report_error(error)
    return {**result, **details}, code


def _get_unknown_session(client: zignsec.Client) -> zignsec.ZignSecError | None:
    try:
        client.get_session(_UNKNOWN_SESSION_ID)
    except zignsec.ZignSecError as error:
        return error
    return None


def _is_unknown_session(error: zignsec.ZignSecError | None) -> bool:
    return error is None or isinstance(error, zignsec.NotFoundError)


def demo(args: Namespace) -> Report:
    # Imported here because only this command needs them.
    import webbrowser

    from zignsec.testing import Sandbox, SandboxError

    show = partial(print, file=sys.stderr if args.json else sys.stdout, flush=True)
    try:
        with Sandbox() as sandbox, sandbox.client() as client:
            show(f"The sandbox simulates ZignSec's gateway at {sandbox.url}")
            session = client.start_phone_2fa(
                _PHONE_NUMBER, redirect_success=sandbox.url, redirect_failure=sandbox.url
            )
            show(f"1. Your server starts session {session.id}; its status is {session.status}.")
            assert session.redirect_url is not None
            show(f"2. The user opens {session.redirect_url}")
            if args.browser:
                show(f"   You are the user. Read the SMS at {sandbox.url}")
                webbrowser.open(session.redirect_url)
            else:
                sandbox.user(session, "accept")
                code = sandbox.sms(_PHONE_NUMBER)[0].code
                show(f"   and enters the code {code} from the SMS.")
            show("3. Your server gets the result:")
            session = client.wait_for_session(session.id)
    except SandboxError as error:
        raise zignsec.ConfigurationError(str(error)) from None
    return _result_for(session, _PHONE_NUMBER)


# In the range reserved for fiction: no real phone has this number.
_PHONE_NUMBER = "+46701740605"


def _client(args: Namespace, *, max_retries: int = DEFAULT_MAX_RETRIES) -> zignsec.Client:
    key = None
    if args.api_key_file is not None:
        key = _read_secret("--api-key-file", args.api_key_file)
    return zignsec.Client(key, max_retries=max_retries)


def _read_secret(option: str, file: str) -> str:
    try:
        secret = Path(file).read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise zignsec.ConfigurationError(f"{option}: {error}") from None
    except UnicodeDecodeError:
        raise zignsec.ConfigurationError(f"{option}: {file} is not UTF-8") from None
    # The client would replace an empty key with the one from the environment.
    if not secret:
        raise zignsec.ConfigurationError(f"{option}: {file} is empty")
    return secret


def _as_dict(session: zignsec.Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "status": str(session.status),
        "is_final": session.is_final,
        "is_verified": session.is_verified,
        "redirect_url": session.redirect_url,
        "data": session.to_dict(),
    }


def _result_for(session: zignsec.Session, phone_number: str | None) -> Report:
    verified = session.is_verified
    if phone_number is not None:
        verified = session.is_verified_for(phone_number)
    result = {**_as_dict(session), "is_verified": verified}
    if verified:
        return result, Exit.DONE
    return result, Exit.NOT_VERIFIED if session.is_final else Exit.NO_VERDICT
