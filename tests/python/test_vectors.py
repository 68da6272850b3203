"""The shared cases of tests/vectors, run by Python against the sandbox."""

from __future__ import annotations

import hmac
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import zignsec
from sandbox import Sandbox

SESSION_ID = "55c20771-9d75-4241-8e0f-94d3a37671ca"


def cases(file: str) -> list[dict[str, Any]]:
    path = Path(__file__).parent.parent / "vectors" / file
    return cast("list[dict[str, Any]]", json.loads(path.read_text()))


def named(file: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases(file), ids=lambda case: case["name"])


KINDS = {case["kind"]: case for case in cases("kinds.json")}


def expect(kind: str, error: zignsec.ZignSecError) -> None:
    assert type(error).__name__ == KINDS[kind]["python"]
    assert error.code == KINDS[kind]["code"]


@pytest.fixture(scope="module")
def plain() -> Iterator[Sandbox]:
    box = Sandbox()
    yield box
    box.stop()


@pytest.fixture(scope="module")
def secure() -> Iterator[Sandbox]:
    box = Sandbox("--tls")
    yield box
    box.stop()


def value(given: Any) -> Any:
    """A value of a case; bytes that are not UTF-8 are, in Python, lone surrogates."""
    if isinstance(given, dict):
        given = cast("dict[str, str]", given)
        return bytes.fromhex(given["bytes"]).decode("utf-8", "surrogateescape")
    return given


@named("arguments.json")
def test_bad_arguments_are_refused_and_nothing_is_sent(
    case: dict[str, Any], plain: Sandbox
) -> None:
    plain.reset()
    given = {name: value(text) for name, text in case["set"].items()}
    settings: dict[str, Any] = {"api_key": plain.api_key, "base_url": plain.url}
    start: dict[str, Any] = {
        "phone_number": "+46701740605",
        "redirect_success": "https://example.com/ok",
        "redirect_failure": "https://example.com/no",
    }
    with pytest.raises(zignsec.ZignSecError) as caught:
        if case["call"] == "client":
            zignsec.Client(**(settings | given))
        elif case["call"] == "get":
            zignsec.Client(**settings).get_session(**given)
        else:
            zignsec.Client(**settings).start_phone_2fa(**(start | given))
    expect(case["kind"], caught.value)
    assert caught.value.attempts == 0
    assert not caught.value.in_doubt
    assert plain.requests() == []


@named("answers.json")
def test_every_failure_is_told_by_its_exception(
    case: dict[str, Any], plain: Sandbox, secure: Sandbox
) -> None:
    tls = case.get("tls", False)
    box = secure if tls or case.get("setup") == "untrusted" else plain
    box.reset()
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
        if case.get("setup", "").startswith("silent"):
            own.listen()
        urls = {
            None: box.url,
            "refused": f"http://127.0.0.1:{port}",
            "silent": f"http://127.0.0.1:{port}",
            "silent-tls": f"https://127.0.0.1:{port}",
            # No name has a part of 64 letters: the look-up fails without asking anybody.
            "unknown-host": f"https://{'a' * 64}.example",
            "plain-on-tls": plain.url.replace("http:", "https:"),
            "untrusted": secure.url,
        }

        def client(attempt_timeout: float) -> zignsec.Client:
            return zignsec.Client(
                box.api_key,
                base_url=urls[case.get("setup")],
                attempt_timeout=attempt_timeout,
                max_retries=0,
                ca_file=secure.ca_file if tls else None,
            )

        def start(client: zignsec.Client) -> zignsec.Session:
            return client.start_phone_2fa(
                "+46701740605",
                redirect_success="https://example.com/ok",
                redirect_failure="https://example.com/no",
            )

        session_id, before = SESSION_ID, 0
        if "fault" in case:
            if case["call"] == "get":
                session_id, before = start(client(10)).id, 1
            box.call("faults", case["fault"])
        caller = client(case.get("timeout_ms", 10_000) / 1000)
        with pytest.raises(zignsec.ZignSecError) as caught:
            if case["call"] == "get":
                caller.get_session(session_id)
            else:
                start(caller)
    error = caught.value
    expect(case["kind"], error)
    assert error.status_code == case.get("http_status")
    assert (error.retry_after is not None) == case.get("retry_after", False)
    assert error.in_doubt == case.get("in_doubt", False)
    assert error.attempts == 1
    assert (error.body is not None) == ("http_status" in case)
    if "requests" in case:
        assert len(box.requests()) - before == case["requests"]


@named("sessions.json")
def test_every_answer_is_read_as_the_rules_say(case: dict[str, Any], plain: Sandbox) -> None:
    plain.reset()
    client = zignsec.Client(plain.api_key, base_url=plain.url)
    plain.arm("answer", status=200, body=case["body"])
    if "kind" in case:
        with pytest.raises(zignsec.ZignSecError) as caught:
            client.get_session(SESSION_ID)
        expect(case["kind"], caught.value)
        return
    session = client.get_session(SESSION_ID)
    assert session.status is zignsec.SessionStatus(case["status"])
    assert session.status_text == case["status_text"]
    assert session.is_final == case["final"]
    assert session.is_verified == case["verified"]


def webhook_of(case: dict[str, Any]) -> tuple[bytes, str | None, str]:
    """The body, the header and the secret of a case."""
    body: str = value(case["body"])
    sent = body.encode("utf-8", "surrogateescape") + b" " * case.get("padding", 0)
    return sent, value(case["signature"]), value(case.get("secret", "a-secret-of-hooks"))


@named("webhooks.json")
def test_every_webhook_is_judged_as_the_rules_say(case: dict[str, Any]) -> None:
    body, signature, secret = webhook_of(case)
    tolerance = case.get("tolerance_s")
    if "kind" in case:
        with pytest.raises(zignsec.ZignSecError) as caught:
            zignsec.verify_webhook(body, signature, secret, tolerance=tolerance)
        expect(case["kind"], caught.value)
        assert caught.value.attempts == 0
        return
    event = zignsec.verify_webhook(body, signature, secret, tolerance=tolerance)
    assert event.session_id == case["session_id"]
    assert event.name == case["event"]
    assert event.status is zignsec.SessionStatus(case["status"])
    assert event.status_text == case["status_text"]
    assert event.relay_state == case.get("relay_state")
    assert event.to_dict() == json.loads(body)


SIGNED = [case for case in cases("webhooks.json") if case.get("kind") in (None, "Protocol")]


@pytest.mark.parametrize("case", SIGNED, ids=lambda case: case["name"])
def test_the_signatures_of_the_cases_are_those_of_another_implementation(
    case: dict[str, Any],
) -> None:
    body, signature, secret = webhook_of(case)
    assert signature is not None
    parts = [part.partition("=")[::2] for part in signature.split(",")]
    (time,) = (text.strip() for name, text in parts if name.strip() == "t")
    right = hmac.new(secret.encode(), time.encode() + b"." + body, "sha256").hexdigest()
    assert right in [text.strip().lower() for name, text in parts if name.strip() == "v1"]
