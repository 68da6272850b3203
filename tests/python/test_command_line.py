"""``python -m zignsec`` and ``zignsec``: the output and exit codes.

What happens if the standard streams are closed or full is in test_command_line_streams.py.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import zignsec
from command_line import (
    AUTHENTICATION,
    BAD_USAGE,
    CLOSED_PIPE,
    CONFIGURATION,
    DONE,
    INTERRUPTED,
    MODULE,
    NETWORK,
    NO_RESULT,
    NOT_VERIFIED,
    OTHER_STATUS,
    SCRIPT,
    WEBHOOK_REJECTED,
    environment_of,
    run,
)
from listener import Listener
from network import GATEWAY, Tinyproxy, dead_port, resolving_the_gateway
from sandbox import Sandbox
from steps import ROOT, request_arrived, until

PHONE_NUMBER = "+46703339954"
START = (
    *("start", PHONE_NUMBER),
    *("--redirect-success", "https://a.example"),
    *("--redirect-failure", "https://b.example"),
)
SECRET = "a-secret-of-hooks"

PAGE = '\n<!DOCTYPE html><html lang="en"><title>Sign in to the network</title></html>'
HTML_PAGE = "an HTML page, from a proxy, a portal or a firewall"


@pytest.fixture
def env(sandbox: Sandbox) -> dict[str, str]:
    return environment_of(sandbox)


def start_session(env: Mapping[str, str]) -> str:
    """Start a session and return its ID."""
    return str(run(*START, "--json", environment=env).json["id"])


def test_session_from_start_to_result(sandbox: Sandbox, env: dict[str, str]) -> None:
    details = ("--locale", "Se", "--relay-state", "mine", "--webhook", "http://127.0.0.1:1/hook")
    completed = run(*START, *details, "--json", environment=env)
    assert (completed.code, completed.err) == (DONE, "")
    session = completed.json
    expected = {"status": "pending", "is_final": False, "is_verified": False}
    assert session.items() >= expected.items()
    assert session["redirect_url"] == session["data"]["redirect_url"]
    (seen,) = sandbox.call("sessions")
    assert (seen["id"], seen["phone_number"]) == (session["id"], PHONE_NUMBER)
    assert (seen["redirect_success"], seen["redirect_failure"]) == (
        "https://a.example",
        "https://b.example",
    )
    assert (seen["locale"], seen["relay_state"], seen["webhook"]) == details[1::2]

    completed = run("get", session["id"], environment=env)
    assert (completed.code, completed.err) == (NO_RESULT, "")
    assert completed.out.splitlines() == [
        f"id            {session['id']}",
        "status        pending",
        "is_final      no",
        "is_verified   no",
        "redirect_url  -",
    ]

    sandbox.user(session["id"], "accept")
    for command in ("get", "wait"):
        completed = run(command, session["id"], "--json", environment=env)
        assert (completed.code, completed.err) == (DONE, "")
        expected = {"status": "accepted", "is_final": True, "is_verified": True}
        assert completed.json.items() >= expected.items()
        assert completed.json["data"]["request_data"]["relay_state"] == "mine"


@pytest.mark.parametrize("command", ["get", "wait"])
def test_verdict_is_for_the_given_phone_number(
    command: str, sandbox: Sandbox, env: dict[str, str]
) -> None:
    session_id = start_session(env)
    sandbox.user(session_id, "accept")
    for number, code in ((PHONE_NUMBER, DONE), ("+46700000001", NOT_VERIFIED)):
        completed = run(command, session_id, "--phone-number", number, "--json", environment=env)
        assert (completed.code, completed.err) == (code, "")
        assert completed.json["is_verified"] is (code == DONE)


@pytest.mark.parametrize("command", ["get", "wait"])
def test_unverified_session_has_its_own_exit_code(
    command: str, sandbox: Sandbox, env: dict[str, str]
) -> None:
    session_id = start_session(env)
    sandbox.user(session_id, "cancel")
    completed = run(command, session_id, environment=env)
    assert (completed.code, completed.err) == (NOT_VERIFIED, "")
    assert "status        cancelled\n" in completed.out

    sandbox.arm("accepted-with-errors")
    assert run(command, session_id, environment=env).code == NOT_VERIFIED


def test_wait_timeout_has_its_own_exit_code(env: dict[str, str]) -> None:
    wait = ("wait", start_session(env), "--timeout", "0.3", "--poll-interval", "0.1", "--json")
    completed = run(*wait, environment=env)
    assert completed.code == NO_RESULT
    assert completed.json["error"]["type"] == "WaitTimeoutError"
    # Progress is only shown on a terminal.
    assert completed.err == f"WaitTimeoutError: {completed.json['error']['message']}\n"


def test_wait_shows_progress_on_a_terminal(sandbox: Sandbox, env: dict[str, str]) -> None:
    session_id = start_session(env)
    import pty

    ours, theirs = pty.openpty()
    polled = request_arrived(sandbox)
    process = subprocess.Popen(
        [sys.executable, "-m", "zignsec", "wait", session_id, "--poll-interval", "0.05"],
        env={"PATH": os.environ["PATH"], **env},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    until(polled)
    sandbox.user(session_id, "accept")
    out, _ = process.communicate(timeout=60)
    shown = ""
    while not shown.endswith("\r\x1b[K") or "accepted" not in shown:
        shown += os.read(ours, 4096).decode()
    os.close(ours)
    assert process.returncode == DONE
    assert re.match(r"\r\x1b\[Kpending after 0 s\r\x1b\[K", shown)
    # The progress line is cleared before the result.
    assert re.search(r"\r\x1b\[Kaccepted after \d+ s\r\x1b\[K$", shown)
    assert out.startswith(f"id            {session_id}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--vers",),
        ("no-such-command",),
        ("get",),
        ("get", "a", "--no-such-option"),
        ("get", "a", "--js"),
        ("get", "not an id"),
        ("start", PHONE_NUMBER),
        ("start", "0", *START[2:]),
        (*START, "--webhook", "no-url"),
        ("wait", "a", "--timeout", "-1"),
        ("wait", "a", "--timeout", "nan"),
        ("wait", "a", "--poll-interval", "soon"),
        ("verify-webhook", "--signature", "t=1,v1=00", "--tolerance", "0"),
        ("verify-webhook", "--signature", "t=1,v1=00", "--tolerance", "never"),
        ("verify-webhook",),
    ],
    ids=" ".join,
)
def test_bad_usage_sends_nothing(
    arguments: tuple[str, ...], sandbox: Sandbox, env: dict[str, str]
) -> None:
    completed = run(*arguments, environment={**env, "ZIGNSEC_WEBHOOK_SECRET": SECRET})
    assert (completed.code, completed.out) == (BAD_USAGE, "")
    assert completed.err
    assert sandbox.requests() == []


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "COMMAND"),
        (("no-such-command",), "COMMAND"),
        (("get",), "SESSION_ID"),
        (("get", "not an id"), "SESSION_ID"),
        (("get", b"\xff"), "SESSION_ID"),
        (("get", "a", "--no-such-option"), "--no-such-option"),
        (("get", "a", "--json=1"), "--json"),
        (("start", "0", *START[2:]), "PHONE_NUMBER"),
        (("start", "", *START[2:]), "PHONE_NUMBER"),
        (START[:4], "--redirect-failure"),
        ((*START, "--redirect-success", "no-url"), "--redirect-success"),
        ((*START, "--redirect-failure", ""), "--redirect-failure"),
        ((*START, "--webhook", "no-url"), "--webhook"),
        ((*START, "--relay-state", b"\xff"), "--relay-state"),
        ((*START, "--locale", b"\xff"), "--locale"),
        (("get", "a", "--phone-number", "0701740605"), "--phone-number"),
        (("get", "a", "--phone-number", b"+\xff"), "--phone-number"),
        (("wait", "a", "--phone-number", ""), "--phone-number"),
        (("wait", "a", "--timeout", "-1"), "--timeout"),
        (("wait", "a", "--timeout", "soon"), "--timeout"),
        (("wait", "a", "--poll-interval", "nan"), "--poll-interval"),
        (("wait", "a", "--poll-interval", ""), "--poll-interval"),
        (("verify-webhook",), "--signature"),
        (("verify-webhook", "--signature", "a", "--tolerance", "0"), "--tolerance"),
        (("verify-webhook", "--signature", "a", "--tolerance", "inf"), "--tolerance"),
        (("verify-webhook", "--signature", "a", "--tolerance", "never"), "--tolerance"),
        (("verify-webhook", "--signature", "a", "/no/such/file"), "FILE"),
        (("verify-webhook", "--signature", "a", "/dev/zero"), "FILE"),
        (("verify-webhook", "--signature", "a", "--secret-file", "/no/such"), "--secret-file"),
        (("verify-webhook", "--signature", "a", "--secret-file", "/dev/zero"), "--secret-file"),
        (("get", "a", "--api-key-file", "/no/such/file"), "--api-key-file"),
        (("get", "a", "--api-key-file", "/dev/zero"), "--api-key-file"),
        (("get", "a", "--api-key-file", b"/\xff"), "--api-key-file"),
        (("get", "a", "--api-key-file", __file__), "--api-key-file"),
    ],
    ids=str,
)
def test_error_names_the_argument(
    arguments: tuple[str | bytes, ...], name: str, sandbox: Sandbox, env: dict[str, str]
) -> None:
    completed = run(*arguments, environment={**env, "ZIGNSEC_WEBHOOK_SECRET": SECRET})
    assert completed.code in (BAD_USAGE, CONFIGURATION)
    assert re.search(rf"(: |\b|\B){re.escape(name)}\b", completed.err.splitlines()[-1])
    # Neither a name of the Python API nor one of the parser.
    assert not re.search(r"\w_\w", completed.err.splitlines()[-1].replace(name, ""))
    assert sandbox.requests() == []


def test_missing_key_or_secret_is_explained(env: dict[str, str]) -> None:
    completed = run("get", "a")
    assert completed.code == CONFIGURATION
    assert completed.err.endswith("no API key: use --api-key-file or set ZIGNSEC_API_KEY\n")
    completed = run("verify-webhook", "--signature", "a")
    assert completed.code == CONFIGURATION
    assert "set ZIGNSEC_WEBHOOK_SECRET or use --secret-file" in completed.err
    completed = run("get", "a", environment={**env, "ZIGNSEC_API_KEY": "a key"})
    assert completed.code == CONFIGURATION
    assert completed.err.startswith("ConfigurationError: ZIGNSEC_API_KEY ")


def test_module_and_script_are_the_same(env: dict[str, str]) -> None:
    session_id = start_session(env)
    for arguments, code in (
        (("--help",), DONE),
        (("wait", "--help"), DONE),
        (("--version",), DONE),
        ((), BAD_USAGE),
        (("no-such-command",), BAD_USAGE),
        (("get",), BAD_USAGE),
        (("get", "not an id"), BAD_USAGE),
        (("get", session_id), NO_RESULT),
        (("get", session_id, "--json"), NO_RESULT),
        (("get", "no-such-session"), OTHER_STATUS),
        (("check",), DONE),
    ):
        of_module = run(*arguments, environment=env, program=MODULE)
        of_script = run(*arguments, environment=env, program=SCRIPT)
        assert of_module.code == of_script.code == code
        assert unnamed(of_module.out, "python -m zignsec") == unnamed(of_script.out, "zignsec")
        assert unnamed(of_module.err, "python -m zignsec") == unnamed(of_script.err, "zignsec")


def unnamed(text: str, name: str) -> str:
    """The text without the name of the program, and without line breaks, which depend on it."""
    return " ".join(re.sub(rf"^(usage: )?{name}(?=[ :]\D)", r"\1PROGRAM", text, flags=re.M).split())


def test_usage_shows_the_name_of_the_program(tmp_path: Path) -> None:
    link = tmp_path / "zs"
    link.symlink_to(SCRIPT[0])
    for program, name in ((MODULE, "python -m zignsec"), (SCRIPT, "zignsec"), ((str(link),), "zs")):
        for option in ("--help", "--no-such-option"):
            completed = run(option, program=program)
            assert (completed.out + completed.err).startswith(f"usage: {name} [-h]")


def test_html_page_and_wrong_base_url_are_explained(sandbox: Sandbox, env: dict[str, str]) -> None:
    session_id = start_session(env)
    for status in (200, 403, 404, 502):
        sandbox.arm("answer", status=status, body=PAGE, times=3)
        assert HTML_PAGE in run("get", session_id, environment=env).err
        sandbox.disarm()
    for path in ("/core/api", "/core/api/", "/core", "/core/api/sessions"):
        completed = run(
            "get",
            session_id,
            environment={**env, "ZIGNSEC_BASE_URL": env["ZIGNSEC_BASE_URL"] + path},
        )
        assert completed.code == OTHER_STATUS
        assert "remove /core/api from ZIGNSEC_BASE_URL" in completed.err
    completed = run("get", "no-such-session", environment=env)
    assert (HTML_PAGE in completed.err, "ZIGNSEC_BASE_URL" in completed.err) == (False, False)


@pytest.mark.parametrize("command", ["start", "get", "wait", "check", "demo", "verify-webhook"])
@pytest.mark.parametrize("option", ["--api-key", "--secret"])
def test_secret_on_the_command_line_is_rejected(command: str, option: str) -> None:
    forms = ((option, "top-secret"), (f"{option}=top-secret",), (option,))
    for given in [(command, *form) for form in forms] + [(*form, command) for form in forms]:
        completed = run(*given)
        assert (completed.code, completed.out) == (BAD_USAGE, "")
        assert "every user of this machine can read the command line" in completed.err
        assert f"{option}-file" in completed.err
        assert "top-secret" not in completed.err
        assert option + " " not in run(command, "--help").out


def test_key_is_read_from_a_file(sandbox: Sandbox, env: dict[str, str], tmp_path: Path) -> None:
    session_id = start_session(env)
    file = tmp_path / "key"
    get = ("get", session_id, "--api-key-file", str(file), "--json")
    for end in ("", "\n", "\r\n"):
        file.write_bytes(f"{sandbox.api_key}{end}".encode())
        # It has priority over the variable.
        completed = run(*get, environment={**env, "ZIGNSEC_API_KEY": "another"})
        assert (completed.code, completed.json["id"]) == (NO_RESULT, session_id)

    file.write_text("another-key")
    completed = run(*get, environment=env)
    assert (completed.code, completed.json["error"]["status_code"]) == (AUTHENTICATION, 401)

    # An unusable file is an error; the key in the environment is not used instead.
    for content in (b"", b"\n", b"top-secret\xff", b"top secret", None):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        completed = run(*get, environment=env)
        assert (completed.code, completed.json["error"]["type"]) == (
            CONFIGURATION,
            "ConfigurationError",
        )
        assert completed.json["error"]["message"] in completed.err
        assert not re.search("top.secret", completed.err + completed.out)
    assert run("get", session_id).code == CONFIGURATION


@pytest.mark.parametrize(
    ("fault", "times", "code", "kind"),
    [
        ("http-400", 1, OTHER_STATUS, "BadRequestError"),
        ("http-401", 1, AUTHENTICATION, "AuthenticationError"),
        ("http-403", 1, AUTHENTICATION, "PermissionDeniedError"),
        ("http-404", 1, OTHER_STATUS, "NotFoundError"),
        ("http-500", 3, OTHER_STATUS, "ServerError"),
        ("redirect", 1, OTHER_STATUS, "APIStatusError"),
        ("not-json", 1, NETWORK, "ProtocolError"),
        ("other-id", 1, NETWORK, "ProtocolError"),
        ("reset", 3, NETWORK, "APIConnectionError"),
    ],
)
def test_errors_have_different_exit_codes(
    sandbox: Sandbox, env: dict[str, str], fault: str, times: int, code: int, kind: str
) -> None:
    session_id = start_session(env)
    start_session(env)  # other-id returns this one
    sandbox.arm(fault, times=times)
    completed = run("get", session_id, "--json", environment=env)
    assert (completed.code, completed.json["error"]["type"]) == (code, kind)
    assert completed.json["error"]["attempts"] == times
    assert completed.err == f"{kind}: {completed.json['error']['message']}\n"
    assert sandbox.api_key not in completed.err + completed.out


def test_in_doubt_is_reported_once(sandbox: Sandbox, env: dict[str, str]) -> None:
    sandbox.arm("reset")
    completed = run(*START, "--json", environment=env)
    assert completed.code == NETWORK
    assert completed.json["error"]["in_doubt"] is True
    assert (
        completed.err
        == f"{completed.json['error']['type']}: {completed.json['error']['message']}\n"
    )
    assert completed.err.count("may have created a session") == 1


def signature(body: bytes, at: float) -> str:
    digest = hmac.new(SECRET.encode(), f"{at:.0f}.".encode() + body, hashlib.sha256)
    return f"t={at:.0f},v1={digest.hexdigest()}"


def test_webhook_is_verified(listener: Listener, tmp_path: Path) -> None:
    with Sandbox("--webhook-secret", SECRET) as box, box.client() as client:
        session = client.start_phone_2fa(
            PHONE_NUMBER,
            redirect_success="https://a.example",
            redirect_failure="https://b.example",
            webhook=listener.url,
        )
        hook = listener.next()
    file, secret_file = tmp_path / "body", tmp_path / "secret"
    file.write_bytes(hook.body)
    secret_file.write_text(f"{SECRET}\n")
    signed = ("verify-webhook", "--signature", hook.headers["x-zignsec-hmac-sha256"])
    right = {"ZIGNSEC_WEBHOOK_SECRET": SECRET}
    wrong = {"ZIGNSEC_WEBHOOK_SECRET": "top-secret"}
    by_file = ("--secret-file", str(secret_file))

    for completed in (
        run(*signed, body=hook.body, environment=right),
        run(*signed, "-", body=hook.body, environment=right),
        run(*signed, str(file), environment=right),
        run(*signed, str(file), *by_file, environment=wrong),
    ):
        assert (completed.code, completed.err) == (DONE, "")
        assert completed.out.splitlines() == [
            "name          session_created",
            f"session_id    {session.id}",
            "status        pending",
        ]
    completed = run(*signed, "--json", body=hook.body, environment=right)
    assert completed.json["session_id"] == session.id
    assert completed.json["data"] == json.loads(hook.body)

    for completed in (
        run(*signed, body=hook.body + b"\n", environment=right),
        run(*signed, body=hook.body, environment=wrong),
        run("verify-webhook", "--signature", "", str(file), environment=right),
    ):
        assert (completed.code, completed.out) == (WEBHOOK_REJECTED, "")
        assert completed.err.startswith("WebhookSignatureError: ")
        assert "top-secret" not in completed.err

    secret_file.write_text("\n")
    for completed in (
        run(*signed, str(file)),
        run(*signed, str(file), *by_file, environment=right),
        run(*signed, str(file), "--secret-file", str(tmp_path / "none"), environment=right),
        run(*signed, str(tmp_path / "none"), environment=right),
    ):
        assert (completed.code, completed.out) == (CONFIGURATION, "")


def test_tolerance_accepts_stored_webhooks() -> None:
    body = b'{"id":"a","event":"\\u001b[2J","status":"accepted"}'
    kept = ("verify-webhook", "--signature", signature(body, time.time() - 1000))
    right = {"ZIGNSEC_WEBHOOK_SECRET": SECRET}
    assert run(*kept, body=body, environment=right).code == WEBHOOK_REJECTED
    assert run(*kept, "--tolerance", "2000", body=body, environment=right).code == DONE
    completed = run(*kept, "--tolerance", "none", body=body, environment=right)
    assert completed.code == DONE
    # Control characters are escaped.
    assert completed.out.splitlines()[0] == r"name          \x1b[2J"


def check(environment: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """The exit code and result of `check`. An error is reduced to the name of its class."""
    completed = run("check", "--json", environment=environment)
    result = completed.json
    if "error" in result:
        assert completed.err == f"{result['error']['type']}: {result['error']['message']}\n"
        result["error"] = result["error"]["type"]
    return completed.code, result


def test_check_tests_the_key(sandbox: Sandbox, env: dict[str, str]) -> None:
    reached = {"gateway": sandbox.url, "proxy": None, "tls": None, "answered": True}
    assert check(env) == (DONE, {**reached, "key": "accepted"})
    assert sandbox.call("sessions") == []
    wrong = {**env, "ZIGNSEC_API_KEY": "wrong"}
    refused = {**reached, "key": "refused", "error": "AuthenticationError"}
    assert check(wrong) == (AUTHENTICATION, refused)
    assert check({**wrong, "ZIGNSEC_SECONDARY_API_KEY": sandbox.api_key})[0] == DONE
    sandbox.arm("http-403")
    refused["error"] = "PermissionDeniedError"
    assert check(env) == (AUTHENTICATION, refused)
    unknown = {**reached, "key": "unknown"}
    sandbox.arm("http-500")
    assert check(env) == (OTHER_STATUS, {**unknown, "error": "ServerError"})
    # The invalid key gets the same response.
    sandbox.arm("http-404", times=2)
    assert check(env) == (NETWORK, {**unknown, "error": "ProtocolError"})

    assert run("check", environment=env).out.splitlines() == [
        f"gateway       {sandbox.url}",
        "proxy         -",
        "tls           -",
        "answered      yes",
        "key           accepted",
    ]
    assert check({}) == (CONFIGURATION, {"error": "ConfigurationError"})


def test_check_reports_unreachable_and_wrong_servers(listener: Listener) -> None:
    unknown = {"proxy": None, "tls": None, "answered": False, "key": "unknown"}
    env = {"ZIGNSEC_API_KEY": "key", "ZIGNSEC_BASE_URL": listener.url}
    assert check(env) == (
        NETWORK,
        {"gateway": listener.url, **unknown, "error": "ProtocolError"},
    )
    with dead_port() as dead:
        env["ZIGNSEC_BASE_URL"] = f"http://{dead}"
        assert check(env) == (
            NETWORK,
            {"gateway": f"http://{dead}", **unknown, "error": "APIConnectionError"},
        )


@pytest.mark.parametrize("status", [200, 302, 307, 400, 403, 407, 511])
@pytest.mark.parametrize("page", [PAGE, "<script>location='/login'</script>", "<?xml?><html>"])
def test_check_recognises_the_page_of_a_portal(
    status: int, page: str, sandbox: Sandbox, env: dict[str, str]
) -> None:
    sandbox.arm("answer", status=status, body=page)
    completed = run("check", "--json", environment=env)
    code, key = (OTHER_STATUS, "unknown") if status == 511 else (NETWORK, "unknown")
    assert (completed.code, completed.json["key"]) == (code, key)
    assert completed.json["error"]["status_code"] == status
    assert HTML_PAGE in completed.err
    assert completed.json["answered"] is (status == 511)
    # The advice for an answer of the gateway does not apply.
    assert "ask ZignSec" not in completed.err
    assert "Syntax error" not in completed.err


def test_check_accepts_a_gateway_that_sends_errors_as_html() -> None:
    with Sandbox("--error-shape", "html") as box:
        env = environment_of(box)
        assert run("check", environment=env).code == DONE
        completed = run("check", "--json", environment={**env, "ZIGNSEC_API_KEY": "wrong"})
        assert (completed.code, completed.json["key"]) == (AUTHENTICATION, "refused")
        assert HTML_PAGE in completed.err


def test_check_gives_a_hint_for_a_wrong_base_url(sandbox: Sandbox, env: dict[str, str]) -> None:
    for path in ("/core/api", "/core/api/"):
        wrong = {**env, "ZIGNSEC_BASE_URL": sandbox.url + path}
        completed = run("check", "--json", environment=wrong)
        assert (completed.code, completed.json["key"]) == (NETWORK, "unknown")
        assert "remove /core/api from ZIGNSEC_BASE_URL: the client adds it" in completed.err


def test_check_shows_a_proxy_that_refuses_connections() -> None:
    with dead_port() as dead:
        env = {
            "ZIGNSEC_API_KEY": "key",
            "ZIGNSEC_BASE_URL": "https://gateway.example",
            "HTTPS_PROXY": f"http://some-user:top-secret@{dead}",
        }
        completed = run("check", "--json", environment=env)
        assert completed.code == NETWORK
        expected = {
            "proxy": f"http://{dead}",
            "tls": "unknown",
            "answered": False,
            "key": "unknown",
        }
        assert completed.json.items() >= expected.items()
        assert "top-secret" not in completed.out + completed.err
        assert "portal" not in completed.err


def test_check_tests_the_certificate() -> None:
    with Sandbox("--tls") as box:
        assert box.ca_file is not None
        env = environment_of(box, SSL_CERT_FILE=box.ca_file)
        gateway = {"gateway": box.url, "proxy": None}
        good = {**gateway, "tls": "trusted", "answered": True, "key": "accepted"}
        assert check(env) == (DONE, good)
        del env["SSL_CERT_FILE"]
        bad = {**gateway, "tls": "failed", "answered": False, "key": "unknown"}
        assert check(env) == (NETWORK, {**bad, "error": "TLSError"})
        env["SSL_CERT_FILE"] = box.ca_file
        box.arm("reset")
        lost = {**bad, "tls": "unknown", "error": "APIConnectionError"}
        assert check(env) == (NETWORK, lost)
        box.arm("garbage")
        assert check(env) == (NETWORK, {**bad, "tls": "trusted", "error": "ProtocolError"})
        env["SSL_CERT_FILE"] = "/no/such/file"
        assert check(env) == (CONFIGURATION, {"error": "ConfigurationError"})


def test_check_shows_the_proxy(tmp_path: Path) -> None:
    proxy = Tinyproxy(tmp_path)
    try:
        with Sandbox("--tls", "--allow-host", GATEWAY) as box:
            assert box.ca_file is not None
            gateway = f"https://{GATEWAY}:{box.port}"
            env = environment_of(box, SSL_CERT_FILE=box.ca_file, **resolving_the_gateway(tmp_path))
            env |= {
                "ZIGNSEC_BASE_URL": gateway,
                "HTTPS_PROXY": f"http://some-user:top-secret@{proxy.address}",
            }
            code, result = check(env)
            assert code == DONE
            assert result["proxy"] == f"http://{proxy.address}"
            assert result["tls"] == "trusted"
            assert set(proxy.connects()) == {f"{GATEWAY}:{box.port}"}
            code, result = check({**env, "NO_PROXY": GATEWAY})
            assert (code, result["gateway"], result["proxy"]) == (DONE, gateway, None)
    finally:
        proxy.stop()


def test_demo_shows_the_result() -> None:
    completed = run("demo")
    assert (completed.code, completed.err) == (DONE, "")
    lines = completed.out.splitlines()
    assert re.search(r"starts session (\S+); its status is pending", lines[1])
    assert "/2fa-ui/2fa/phone/" in lines[2]
    assert re.search(r"enters the code \d{5}", lines[3])
    assert "status        accepted" in lines
    assert "is_verified   yes" in lines

    completed = run("demo", "--json")
    assert completed.code == DONE
    assert completed.json["is_verified"] is True
    assert "The sandbox simulates" in completed.err


AS_BROWSER = """
import json, sys, urllib.request
base, session_id = sys.argv[1].split("/2fa-ui/2fa/phone/")
request = urllib.request.Request(f"{base}/_sandbox/sessions/{session_id}/user")
request.data = json.dumps({"action": "cancel"}).encode()
request.add_header("content-type", "application/json")
urllib.request.urlopen(request, timeout=30).close()
"""


def test_demo_opens_a_browser(tmp_path: Path) -> None:
    browser = tmp_path / "browser.py"
    browser.write_text(AS_BROWSER)
    completed = run("demo", "--browser", environment={"BROWSER": f"{sys.executable} {browser} %s"})
    assert (completed.code, completed.err) == (NOT_VERIFIED, "")
    assert "Read the SMS at http://127.0.0.1:" in completed.out
    assert "status        cancelled\n" in completed.out


def test_exit_codes_are_documented() -> None:
    completed = run("--help")
    assert completed.code == DONE
    in_help = dict(re.findall(r"^  (\d+) +(\S.*(?:\n {7}.*)?)$", completed.out, re.MULTILINE))
    in_help = {int(code): " ".join(text.split()) for code, text in in_help.items()}
    assert list(in_help) == [*range(11), INTERRUPTED, CLOSED_PIPE]
    readme = (ROOT / "py/README.md").read_text(encoding="utf-8")
    in_readme = re.findall(r"^\| (\d+) \| (.*) \|$", readme, re.MULTILINE)
    assert {int(code): text.replace("`", "") for code, text in in_readme} == in_help
    assert run("--version").out == f"zignsec {zignsec.__version__}\n"
