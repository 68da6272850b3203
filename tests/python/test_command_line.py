"""``python -m zignsec``: what it prints, and how it ends."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import zignsec
from listener import Listener
from network import GATEWAY, Tinyproxy, dead_port, knowing_the_gateway
from sandbox import Sandbox
from steps import ROOT, arrived, until

DONE, BUG, BAD_USAGE, NOT_VERIFIED, NO_VERDICT, WEBHOOK_REFUSED = range(6)
CONFIGURATION, NETWORK, AUTHENTICATION, OTHER_STATUS = range(6, 10)
INTERRUPTED = 130

PHONE_NUMBER = "+46703339954"
START = (
    *("start", PHONE_NUMBER),
    *("--redirect-success", "https://a.example"),
    *("--redirect-failure", "https://b.example"),
)
SECRET = "a-secret-of-hooks"


@dataclass(frozen=True)
class Ran:
    """How the program ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output."""
        result: dict[str, Any] = json.loads(self.out)
        return result


def run(*arguments: str, environment: Mapping[str, str] | None = None, body: bytes = b"") -> Ran:
    """Runs the program with no more environment than is given."""
    ran = subprocess.run(
        [sys.executable, "-m", "zignsec", *arguments],
        input=body,
        env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True,
        timeout=60,
    )
    assert (b"Traceback" in ran.stderr) == (ran.returncode == BUG), ran.stderr
    return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


def known(sandbox: Sandbox, **more: str) -> dict[str, str]:
    """The environment that leads to a sandbox."""
    return {"ZIGNSEC_BASE_URL": sandbox.url, "ZIGNSEC_API_KEY": sandbox.api_key, **more}


@pytest.fixture
def where(sandbox: Sandbox) -> dict[str, str]:
    return known(sandbox)


def opened(where: Mapping[str, str]) -> str:
    """Opens a session and tells its id."""
    return str(run(*START, "--json", environment=where).json["id"])


def test_a_session_goes_from_start_to_verdict(sandbox: Sandbox, where: dict[str, str]) -> None:
    details = ("--locale", "Se", "--relay-state", "mine", "--webhook", "http://127.0.0.1:1/hook")
    ran = run(*START, *details, "--json", environment=where)
    assert (ran.code, ran.err) == (DONE, "")
    session = ran.json
    facts = {"status": "pending", "is_final": False, "is_verified": False}
    assert session.items() >= facts.items()
    assert session["redirect_url"] == session["data"]["redirect_url"]
    (seen,) = sandbox.call("sessions")
    assert (seen["id"], seen["phone_number"]) == (session["id"], PHONE_NUMBER)
    assert (seen["redirect_success"], seen["redirect_failure"]) == (
        "https://a.example",
        "https://b.example",
    )
    assert (seen["locale"], seen["relay_state"], seen["webhook"]) == details[1::2]

    ran = run("get", session["id"], environment=where)
    assert (ran.code, ran.err) == (NO_VERDICT, "")
    assert ran.out.splitlines() == [
        f"id            {session['id']}",
        "status        pending",
        "is_final      no",
        "is_verified   no",
        "redirect_url  -",
    ]

    sandbox.user(session["id"], "accept")
    for command in ("get", "wait"):
        ran = run(command, session["id"], "--json", environment=where)
        assert (ran.code, ran.err) == (DONE, "")
        facts = {"status": "accepted", "is_final": True, "is_verified": True}
        assert ran.json.items() >= facts.items()
        assert ran.json["data"]["request_data"]["relay_state"] == "mine"


@pytest.mark.parametrize("command", ["get", "wait"])
def test_a_session_that_ended_otherwise_is_told_apart(
    command: str, sandbox: Sandbox, where: dict[str, str]
) -> None:
    session_id = opened(where)
    sandbox.user(session_id, "cancel")
    ran = run(command, session_id, environment=where)
    assert (ran.code, ran.err) == (NOT_VERIFIED, "")
    assert "status        cancelled\n" in ran.out

    sandbox.arm("accepted-with-errors")
    assert run(command, session_id, environment=where).code == NOT_VERIFIED


def test_a_wait_that_takes_too_long_is_no_verdict(where: dict[str, str]) -> None:
    wait = ("wait", opened(where), "--timeout", "0.3", "--poll-interval", "0.1", "--json")
    ran = run(*wait, environment=where)
    assert ran.code == NO_VERDICT
    assert ran.json["error"]["type"] == "WaitTimeoutError"
    # No progress on what is no terminal.
    assert ran.err == f"WaitTimeoutError: {ran.json['error']['message']}\n"


def test_a_wait_shows_its_progress_on_a_terminal(sandbox: Sandbox, where: dict[str, str]) -> None:
    session_id = opened(where)
    ours, theirs = pty.openpty()
    polled = arrived(sandbox)
    process = subprocess.Popen(
        [sys.executable, "-m", "zignsec", "wait", session_id, "--poll-interval", "0.05"],
        env={"PATH": os.environ["PATH"], **where},
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
    # The line is gone where the result begins.
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
    arguments: tuple[str, ...], sandbox: Sandbox, where: dict[str, str]
) -> None:
    ran = run(*arguments, environment={**where, "ZIGNSEC_WEBHOOK_SECRET": SECRET})
    assert (ran.code, ran.out) == (BAD_USAGE, "")
    assert ran.err
    assert sandbox.requests() == []


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *[(command, "--api-key") for command in ("start", "get", "wait", "check")],
        ("verify-webhook", "--secret"),
    ],
)
def test_a_secret_on_the_command_line_is_refused(command: str, option: str) -> None:
    for given in ((option, "top-secret"), (f"{option}=top-secret",), (option,)):
        ran = run(command, *given)
        assert (ran.code, ran.out) == (BAD_USAGE, "")
        assert "every user of this machine can see a command line" in ran.err
        assert f"{option}-file" in ran.err
        assert "top-secret" not in ran.err
        assert option + " " not in run(command, "--help").out


def test_the_key_is_read_from_a_file(
    sandbox: Sandbox, where: dict[str, str], tmp_path: Path
) -> None:
    session_id = opened(where)
    file = tmp_path / "key"
    get = ("get", session_id, "--api-key-file", str(file), "--json")
    for end in ("", "\n", "\r\n"):
        file.write_bytes(f"{sandbox.api_key}{end}".encode())
        # It wins over the variable.
        ran = run(*get, environment={**where, "ZIGNSEC_API_KEY": "another"})
        assert (ran.code, ran.json["id"]) == (NO_VERDICT, session_id)

    file.write_text("another-key")
    ran = run(*get, environment=where)
    assert (ran.code, ran.json["error"]["status_code"]) == (AUTHENTICATION, 401)

    # What cannot be used is no reason to use another key.
    for content in (b"", b"\n", b"top-secret\xff", b"top secret", None):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        ran = run(*get, environment=where)
        assert (ran.code, ran.json["error"]["type"]) == (CONFIGURATION, "ConfigurationError")
        assert ran.json["error"]["message"] in ran.err
        assert not re.search("top.secret", ran.err + ran.out)
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
def test_failures_are_told_apart(
    sandbox: Sandbox, where: dict[str, str], fault: str, times: int, code: int, kind: str
) -> None:
    session_id = opened(where)
    opened(where)  # for other-id
    sandbox.arm(fault, times=times)
    ran = run("get", session_id, "--json", environment=where)
    assert (ran.code, ran.json["error"]["type"]) == (code, kind)
    assert ran.json["error"]["attempts"] == times
    assert ran.err == f"{kind}: {ran.json['error']['message']}\n"
    assert sandbox.api_key not in ran.err + ran.out


def test_a_session_in_doubt_is_told(sandbox: Sandbox, where: dict[str, str]) -> None:
    sandbox.arm("reset")
    ran = run(*START, "--json", environment=where)
    assert ran.code == NETWORK
    assert ran.json["error"]["in_doubt"] is True
    assert ran.err.endswith("; a session may have been opened all the same\n")


def test_ctrl_c_ends_it_without_a_traceback(sandbox: Sandbox, where: dict[str, str]) -> None:
    session_id = opened(where)
    polled = arrived(sandbox)
    process = subprocess.Popen(
        [sys.executable, "-m", "zignsec", "wait", session_id],
        env={"PATH": os.environ["PATH"], **where},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(polled)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "interrupted\n")
    assert process.returncode == INTERRUPTED


def signature(body: bytes, at: float) -> str:
    digest = hmac.new(SECRET.encode(), f"{at:.0f}.".encode() + body, hashlib.sha256)
    return f"t={at:.0f},v1={digest.hexdigest()}"


def test_a_webhook_is_verified(listener: Listener, tmp_path: Path) -> None:
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

    for ran in (
        run(*signed, body=hook.body, environment=right),
        run(*signed, "-", body=hook.body, environment=right),
        run(*signed, str(file), environment=right),
        run(*signed, str(file), *by_file, environment=wrong),
    ):
        assert (ran.code, ran.err) == (DONE, "")
        assert ran.out.splitlines() == [
            "name          session_created",
            f"session_id    {session.id}",
            "status        pending",
        ]
    ran = run(*signed, "--json", body=hook.body, environment=right)
    assert ran.json["session_id"] == session.id
    assert ran.json["data"] == json.loads(hook.body)

    for ran in (
        run(*signed, body=hook.body + b"\n", environment=right),
        run(*signed, body=hook.body, environment=wrong),
        run("verify-webhook", "--signature", "", str(file), environment=right),
    ):
        assert (ran.code, ran.out) == (WEBHOOK_REFUSED, "")
        assert ran.err.startswith("WebhookSignatureError: ")
        assert "top-secret" not in ran.err

    secret_file.write_text("\n")
    for ran in (
        run(*signed, str(file)),
        run(*signed, str(file), *by_file, environment=right),
        run(*signed, str(file), "--secret-file", str(tmp_path / "none"), environment=right),
        run(*signed, str(tmp_path / "none"), environment=right),
    ):
        assert (ran.code, ran.out) == (CONFIGURATION, "")


def test_a_webhook_that_was_kept_is_verified_when_asked_to() -> None:
    body = b'{"id":"a","event":"\\u001b[2J","status":"accepted"}'
    kept = ("verify-webhook", "--signature", signature(body, time.time() - 1000))
    right = {"ZIGNSEC_WEBHOOK_SECRET": SECRET}
    assert run(*kept, body=body, environment=right).code == WEBHOOK_REFUSED
    assert run(*kept, "--tolerance", "2000", body=body, environment=right).code == DONE
    ran = run(*kept, "--tolerance", "none", body=body, environment=right)
    assert ran.code == DONE
    # The terminal is not steered.
    assert ran.out.splitlines()[0] == r"name          '\x1b[2J'"


def check(environment: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """How a check ends, and what it tells, with no more of an error than its class."""
    ran = run("check", "--json", environment=environment)
    facts = ran.json
    if "error" in facts:
        assert ran.err == f"{facts['error']['type']}: {facts['error']['message']}\n"
        facts["error"] = facts["error"]["type"]
    return ran.code, facts


def test_a_check_of_the_key(sandbox: Sandbox, where: dict[str, str]) -> None:
    reached = {"gateway": sandbox.url, "proxy": None, "tls": None, "answered": True}
    assert check(where) == (DONE, {**reached, "key": "accepted"})
    assert sandbox.call("sessions") == []
    wrong = {**where, "ZIGNSEC_API_KEY": "wrong"}
    refused = {**reached, "key": "refused", "error": "AuthenticationError"}
    assert check(wrong) == (AUTHENTICATION, refused)
    assert check({**wrong, "ZIGNSEC_SECONDARY_API_KEY": sandbox.api_key})[0] == DONE
    sandbox.arm("http-403")
    refused["error"] = "PermissionDeniedError"
    assert check(where) == (AUTHENTICATION, refused)
    unknown = {**reached, "key": "unknown"}
    sandbox.arm("http-500")
    assert check(where) == (OTHER_STATUS, {**unknown, "error": "ServerError"})
    # It answers any key so.
    sandbox.arm("http-404", times=2)
    assert check(where) == (NETWORK, {**unknown, "error": "ProtocolError"})

    assert run("check", environment=where).out.splitlines() == [
        f"gateway       {sandbox.url}",
        "proxy         -",
        "tls           -",
        "answered      yes",
        "key           accepted",
    ]
    assert check({}) == (CONFIGURATION, {"error": "ConfigurationError"})


def test_a_check_of_what_is_no_gateway(listener: Listener) -> None:
    nobody = {"proxy": None, "tls": None, "answered": False, "key": "unknown"}
    where = {"ZIGNSEC_API_KEY": "key", "ZIGNSEC_BASE_URL": listener.url}
    assert check(where) == (
        NETWORK,
        {"gateway": listener.url, **nobody, "error": "ProtocolError"},
    )
    with dead_port() as dead:
        where["ZIGNSEC_BASE_URL"] = f"http://{dead}"
        assert check(where) == (
            NETWORK,
            {"gateway": f"http://{dead}", **nobody, "error": "APIConnectionError"},
        )


def test_a_check_of_the_certificate() -> None:
    with Sandbox("--tls") as box:
        assert box.ca_file is not None
        where = known(box, SSL_CERT_FILE=box.ca_file)
        gateway = {"gateway": box.url, "proxy": None}
        good = {**gateway, "tls": "trusted", "answered": True, "key": "accepted"}
        assert check(where) == (DONE, good)
        del where["SSL_CERT_FILE"]
        bad = {**gateway, "tls": "failed", "answered": False, "key": "unknown"}
        assert check(where) == (NETWORK, {**bad, "error": "TLSError"})
        where["SSL_CERT_FILE"] = box.ca_file
        box.arm("reset")
        lost = {**bad, "tls": "unknown", "error": "APIConnectionError"}
        assert check(where) == (NETWORK, lost)
        box.arm("garbage")
        assert check(where) == (NETWORK, {**bad, "tls": "trusted", "error": "ProtocolError"})
        where["SSL_CERT_FILE"] = "/no/such/file"
        assert check(where) == (CONFIGURATION, {"error": "ConfigurationError"})


def test_a_check_through_a_proxy(tmp_path: Path) -> None:
    proxy = Tinyproxy(tmp_path)
    try:
        with Sandbox("--tls", "--allow-host", GATEWAY) as box:
            assert box.ca_file is not None
            gateway = f"https://{GATEWAY}:{box.port}"
            where = known(box, SSL_CERT_FILE=box.ca_file, **knowing_the_gateway(tmp_path))
            where |= {
                "ZIGNSEC_BASE_URL": gateway,
                "HTTPS_PROXY": f"http://some-user:top-secret@{proxy.address}",
            }
            code, facts = check(where)
            assert code == DONE
            assert facts["proxy"] == f"http://{proxy.address}"
            assert facts["tls"] == "trusted"
            assert set(proxy.connects()) == {f"{GATEWAY}:{box.port}"}
            code, facts = check({**where, "NO_PROXY": GATEWAY})
            assert (code, facts["gateway"], facts["proxy"]) == (DONE, gateway, None)
    finally:
        proxy.stop()


def test_the_demo_shows_the_verdict() -> None:
    ran = run("demo")
    assert (ran.code, ran.err) == (DONE, "")
    told = ran.out.splitlines()
    assert re.search(r"opens the session (\S+); it is pending", told[1])
    assert "/2fa-ui/2fa/phone/" in told[2]
    assert re.search(r"types the code \d{5}", told[3])
    assert "status        accepted" in told
    assert "is_verified   yes" in told

    ran = run("demo", "--json")
    assert ran.code == DONE
    assert ran.json["is_verified"] is True
    assert "A sandbox plays" in ran.err


AS_BROWSER = """
import json, sys, urllib.request
base, session_id = sys.argv[1].split("/2fa-ui/2fa/phone/")
order = urllib.request.Request(f"{base}/_sandbox/sessions/{session_id}/user")
order.data = json.dumps({"action": "cancel"}).encode()
order.add_header("content-type", "application/json")
urllib.request.urlopen(order, timeout=30).close()
"""


def test_the_demo_leaves_the_user_to_a_browser(tmp_path: Path) -> None:
    browser = tmp_path / "browser.py"
    browser.write_text(AS_BROWSER)
    ran = run("demo", "--browser", environment={"BROWSER": f"{sys.executable} {browser} %s"})
    assert (ran.code, ran.err) == (NOT_VERIFIED, "")
    assert "The SMS arrives at http://127.0.0.1:" in ran.out
    assert "status        cancelled\n" in ran.out


def test_the_exit_codes_are_documented() -> None:
    ran = run("--help")
    assert ran.code == DONE
    of_help = dict(re.findall(r"^  (\d+) +(\S.*(?:\n {7}.*)?)$", ran.out, re.MULTILINE))
    of_help = {int(code): " ".join(text.split()) for code, text in of_help.items()}
    assert list(of_help) == [*range(10), INTERRUPTED]
    readme = (ROOT / "py/README.md").read_text()
    of_readme = re.findall(r"^\| (\d+) \| (.*) \|$", readme, re.MULTILINE)
    assert {int(code): text.replace("`", "") for code, text in of_readme} == of_help
    assert run("--version").out == f"zignsec {zignsec.__version__}\n"
