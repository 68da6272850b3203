"""What the commands of the command line do. Each tells its result and how the program ends."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any

import zignsec
from zignsec._zignsec import route


class Exit(IntEnum):
    """How the program ends; ``--help`` tells what each number means. 1 is Python's own, for what
    nobody expected."""

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
"""A command's result, and how the program ends."""

# The first that an error is an instance of.
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


def failed(error: zignsec.ZignSecError) -> Report:
    """Tells on standard error what went wrong; raises it again where nobody expected it."""
    code = next((code for kind, code in _EXITS if isinstance(error, kind)), None)
    if code is None:
        raise error
    doubt = "; a session may have been opened all the same" if error.in_doubt else ""
    print(f"{type(error).__name__}: {error}{doubt}", file=sys.stderr)
    facts = {
        "type": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "status_code": error.status_code,
        "request_id": error.request_id,
        "retry_after": error.retry_after,
        "attempts": error.attempts,
        "in_doubt": error.in_doubt,
    }
    return {"error": facts}, code


def start(order: Namespace) -> Report:
    with _client(order) as client:
        session = client.start_phone_2fa(
            order.phone_number,
            redirect_success=order.redirect_success,
            redirect_failure=order.redirect_failure,
            locale=order.locale,
            relay_state=order.relay_state,
            webhook=order.webhook,
        )
    return _facts(session), Exit.DONE


def get(order: Namespace) -> Report:
    with _client(order) as client:
        session = client.get_session(order.session_id)
    return _facts(session), _verdict(session)


def wait(order: Namespace) -> Report:
    on_terminal = sys.stderr.isatty()

    def progress(session: zignsec.Session, elapsed: float) -> None:
        if on_terminal:
            print(f"\r\x1b[K{session.status} after {elapsed:.0f} s", end="", file=sys.stderr)

    with _client(order) as client:
        try:
            session = client.wait_for_session(
                order.session_id,
                timeout=order.timeout,
                poll_interval=order.poll_interval,
                on_poll=progress,
            )
        finally:
            if on_terminal:
                print("\r\x1b[K", end="", file=sys.stderr)
    return _facts(session), _verdict(session)


def verify_webhook(order: Namespace) -> Report:
    if order.secret_file is not None:
        secret = _secret("--secret-file", order.secret_file)
    else:
        secret = os.environ.get("ZIGNSEC_WEBHOOK_SECRET", "")
    if not secret:
        raise zignsec.ConfigurationError(
            "no secret: set ZIGNSEC_WEBHOOK_SECRET or name a --secret-file"
        )
    if order.body == "-":
        body = sys.stdin.buffer.read()
    else:
        try:
            body = Path(order.body).read_bytes()
        except OSError as error:
            raise zignsec.ConfigurationError(f"the body cannot be read: {error}") from None
    event = zignsec.verify_webhook(body, order.signature, secret, tolerance=order.tolerance)
    facts = {
        "name": event.name,
        "session_id": event.session_id,
        "status": str(event.status),
        "data": event.to_dict(),
    }
    return facts, Exit.DONE


# Such an id is given to nobody, and such a key is nobody's.
_NO_SESSION = "00000000-0000-0000-0000-000000000000"
_NO_KEY = "this-is-no-key"
_REFUSED = (zignsec.AuthenticationError, zignsec.PermissionDeniedError)


def check(order: Namespace) -> Report:
    with _client(order, max_retries=0) as client:
        gateway, proxy = route(client)
        error = _look_up(client)
    answered = _is_unknown_session(error) or isinstance(error, zignsec.APIStatusError)
    if not gateway.startswith("https:"):
        tls = None
    elif answered or isinstance(error, zignsec.ProtocolError):
        tls = "trusted"
    else:
        tls = "failed" if isinstance(error, zignsec.TLSError) else "unknown"

    key = "refused" if isinstance(error, _REFUSED) else "unknown"
    if _is_unknown_session(error):
        # Only where another key is answered otherwise does that speak for this one.
        with zignsec.Client(_NO_KEY, max_retries=0) as stranger:
            error = _look_up(stranger)
        if isinstance(error, _REFUSED):
            key, error = "accepted", None
        elif _is_unknown_session(error):
            error = zignsec.ProtocolError(
                "a key that nobody has is answered alike: is this ZignSec's gateway?"
            )

    facts = {"gateway": gateway, "proxy": proxy, "tls": tls, "answered": answered, "key": key}
    if error is None:
        return facts, Exit.DONE
    told, code = failed(error)
    return {**facts, **told}, code


def _look_up(client: zignsec.Client) -> zignsec.ZignSecError | None:
    try:
        client.get_session(_NO_SESSION)
    except zignsec.ZignSecError as error:
        return error
    return None


def _is_unknown_session(error: zignsec.ZignSecError | None) -> bool:
    return error is None or isinstance(error, zignsec.NotFoundError)


def demo(order: Namespace) -> Report:
    # Not for the commands that go without.
    import webbrowser

    from zignsec.testing import Sandbox, SandboxError

    say = partial(print, file=sys.stderr if order.json else sys.stdout, flush=True)
    try:
        with Sandbox() as sandbox, sandbox.client() as client:
            say(f"A sandbox plays ZignSec's gateway at {sandbox.url}")
            session = client.start_phone_2fa(
                _PHONE_NUMBER, redirect_success=sandbox.url, redirect_failure=sandbox.url
            )
            say(f"1. Your server opens the session {session.id}; it is {session.status}.")
            assert session.redirect_url is not None
            say(f"2. The user goes to {session.redirect_url}")
            if order.browser:
                say(f"   That is you. The SMS arrives at {sandbox.url}")
                webbrowser.open(session.redirect_url)
            else:
                sandbox.user(session, "accept")
                code = sandbox.sms(_PHONE_NUMBER)[0].code
                say(f"   and types the code {code}, which arrives by SMS.")
            say("3. Your server asks how the session ended:")
            session = client.wait_for_session(session.id)
    except SandboxError as error:
        raise zignsec.ConfigurationError(str(error)) from None
    return _facts(session), _verdict(session)


# Reserved for fiction.
_PHONE_NUMBER = "+46701740605"


def _client(order: Namespace, max_retries: int = 2) -> zignsec.Client:
    key = None
    if order.api_key_file is not None:
        key = _secret("--api-key-file", order.api_key_file)
    return zignsec.Client(key, max_retries=max_retries)


def _secret(option: str, file: str) -> str:
    try:
        secret = Path(file).read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise zignsec.ConfigurationError(f"{option}: {error}") from None
    except UnicodeDecodeError:
        raise zignsec.ConfigurationError(f"{option}: {file} is not UTF-8") from None
    # To the client no key would mean that of the environment.
    if not secret:
        raise zignsec.ConfigurationError(f"{option}: {file} is empty")
    return secret


def _facts(session: zignsec.Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "status": str(session.status),
        "is_final": session.is_final,
        "is_verified": session.is_verified,
        "redirect_url": session.redirect_url,
        "data": session.to_dict(),
    }


def _verdict(session: zignsec.Session) -> Exit:
    if session.is_verified:
        return Exit.DONE
    return Exit.NOT_VERIFIED if session.is_final else Exit.NO_VERDICT
