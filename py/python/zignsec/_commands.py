"""The commands of the command line. Each returns its result and the exit code."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, BinaryIO

import zignsec
from zignsec._exit import Exit
from zignsec._output import write, write_error
from zignsec._report import HTML_PAGE, Report, report_error
from zignsec._zignsec import DEFAULT_MAX_RETRIES, check_phone_number, route


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
    _check_phone_number(args)
    with _client(args) as client:
        session = client.get_session(args.session_id)
    return _result_for(session, args.phone_number)


def wait(args: Namespace) -> Report:
    _check_phone_number(args)
    on_terminal = sys.stderr is not None and sys.stderr.isatty()

    def progress(session: zignsec.Session, elapsed: float) -> None:
        if on_terminal:
            write_error(f"\r\x1b[K{session.status} after {elapsed:.0f} s")

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
                write_error("\r\x1b[K")
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
    body = _read_body(args.body)
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
    responded = _is_unknown_session(error) or isinstance(
        error, (zignsec.APIStatusError, zignsec.ProtocolError)
    )
    if not gateway.startswith("https:"):
        tls = None
    elif responded:
        tls = "trusted"
    else:
        tls = "failed" if isinstance(error, zignsec.TLSError) else "unknown"

    error = _of_another_server(error)
    answered = responded and not isinstance(error, zignsec.ProtocolError)
    key = "refused" if isinstance(error, _REFUSED) else "unknown"
    if _is_unknown_session(error):
        # 404 means that the key was accepted only if an invalid key is rejected.
        with zignsec.Client(_INVALID_KEY, max_retries=0) as bogus_client:
            error = _get_unknown_session(bogus_client)
        if isinstance(error, _REFUSED):
            key, error = "accepted", None
        elif _is_unknown_session(error):
            page = f", {HTML_PAGE}" if HTML_PAGE in str(error) else ""
            error = zignsec.ProtocolError(
                f"{gateway}: an invalid key gets the same answer{page}; is this ZignSec's gateway?"
            )

    result = {"gateway": gateway, "proxy": proxy, "tls": tls, "answered": answered, "key": key}
    if error is None:
        return result, Exit.DONE
    details, code = report_error(error, args)
    return {**result, **details}, code


def _of_another_server(error: zignsec.ZignSecError | None) -> zignsec.ZignSecError | None:
    """Replace the error for an HTML page or a redirect, which says nothing about the key.

    The gateway may send HTML with 401, 404 and 5xx. It returns 200 with JSON, and does not
    redirect. Firewalls return 403.
    """
    if error is None or error.status_code in (401, 404, *range(500, 600)):
        return error
    is_redirect = error.status_code in range(300, 400)
    if HTML_PAGE not in error.message and not is_redirect:
        return error
    return zignsec.ProtocolError(
        error.message,
        status_code=error.status_code,
        request_id=error.request_id,
        attempts=error.attempts,
    )


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

    def show(line: str) -> None:
        (write_error if args.json else write)(f"{line}\n")

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


def _check_phone_number(args: Namespace) -> None:
    # Checked before the call: a malformed number must not look like that of another user.
    if args.phone_number is not None:
        check_phone_number(args.phone_number)


def _client(args: Namespace, *, max_retries: int = DEFAULT_MAX_RETRIES) -> zignsec.Client:
    key = None
    if args.api_key_file is not None:
        key = _read_secret("--api-key-file", args.api_key_file)
    return zignsec.Client(key, max_retries=max_retries)


def _read_secret(option: str, file: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            secret = _read(opened).decode().rstrip("\r\n")
    except OSError as error:
        raise zignsec.ConfigurationError(f"{option}: {error}") from None
    except UnicodeDecodeError:
        raise zignsec.ConfigurationError(f"{option}: {file} is not UTF-8") from None
    # The client would replace an empty key with the one from the environment.
    if not secret:
        raise zignsec.ConfigurationError(f"{option}: {file} is empty")
    return secret


def _read_body(file: str) -> bytes:
    try:
        if file != "-":
            with Path(file).open("rb") as opened:
                return _read(opened)
        # None if it was closed when Python started.
        if sys.stdin is None:
            raise OSError("standard input is closed")
        return _read(sys.stdin.buffer)
    except OSError as error:
        raise zignsec.ConfigurationError(f"FILE: cannot read the body: {error}") from None


def _read(file: BinaryIO) -> bytes:
    """Read a file that may be endless, such as a device."""
    content = file.read(_MAX_LENGTH + 1)
    if len(content) > _MAX_LENGTH:
        raise OSError("larger than 1 MiB")
    return content


# In bytes. Keys, secrets and webhooks are far shorter.
_MAX_LENGTH = 1024 * 1024


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
