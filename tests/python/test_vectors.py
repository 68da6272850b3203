"""The shared test cases of tests/vectors, run by Python against the sandbox."""

from __future__ import annotations

import copy
import hmac
import json
import pickle
from collections.abc import Iterator
from typing import Any, cast

import pytest
import zignsec
from cases import cases, each_case_of, expect
from sandbox import Sandbox

SESSION_ID = "55c20771-9d75-4241-8e0f-94d3a37671ca"


@pytest.fixture(scope="module")
def plain() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


def value(given: Any) -> Any:
    """A value of a case. Bytes that are not UTF-8 become lone surrogates."""
    if not isinstance(given, dict):
        return given
    given = cast("dict[str, Any]", given)
    if "repeat" in given:
        return given.get("before", "") + given["repeat"] * given["times"]
    return bytes.fromhex(given["bytes"]).decode("utf-8", "surrogateescape")


@each_case_of("arguments.json")
def test_invalid_arguments_are_rejected_and_nothing_is_sent(
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
    assert "hunter2" not in f"{caught.value} {caught.value!r} {caught.value.__dict__}"
    assert plain.requests() == []


def run(case: dict[str, Any], box: Sandbox) -> object:
    """Makes the call of a case of typed.json."""
    given = {name: value(text) for name, text in case.get("set", {}).items()}
    if case["call"] == "webhook":
        return zignsec.verify_webhook(**given, tolerance=None)
    options: dict[str, Any] = {"api_key": box.api_key, "base_url": box.url}
    if "env" in case:
        # An option would take precedence over a variable.
        del options["base_url"]
        if "ZIGNSEC_API_KEY" in case["env"]:
            del options["api_key"]
    if case["call"] == "client":
        return zignsec.Client(**(options | given))
    client = zignsec.Client(**options)
    if case["call"] == "get":
        return client.get_session(**given)
    start = {
        "phone_number": "+46701740605",
        "redirect_success": "https://example.com/ok",
        "redirect_failure": "https://example.com/no",
    }
    return client.start_phone_2fa(**(start | given))


@each_case_of("typed.json")
def test_errors_say_what_is_wrong_with_a_typed_value_and_where(
    case: dict[str, Any], plain: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain.reset()
    for name, text in case.get("env", {}).items():
        monkeypatch.setenv(name, text)
    if "kind" not in case:
        run(case, plain)
        assert len(plain.requests()) == (case["call"] == "start")
        return
    with pytest.raises(zignsec.ZignSecError) as caught:
        run(case, plain)
    expect(case["kind"], caught.value)
    assert caught.value.attempts == 0
    for part in case["says"] + case.get("says_python", []):
        assert part in str(caught.value)
    for part in case.get("hides", []):
        assert part not in f"{caught.value} {caught.value!r} {caught.value.__dict__}"
    assert plain.requests() == []


@each_case_of("sessions.json")
def test_session_responses_are_decoded_as_specified(case: dict[str, Any], plain: Sandbox) -> None:
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
    assert session.to_dict()["status"] == case["status_text"]


@each_case_of("verdicts.json")
def test_verdicts_are_those_of_the_cases(case: dict[str, Any], plain: Sandbox) -> None:
    plain.reset()
    client = zignsec.Client(plain.api_key, base_url=plain.url)
    plain.arm("answer", status=200, body=case["body"])
    phone_number = case.get("phone_number", "+46701740605")
    is_start = case.get("call") == "start"

    def call() -> zignsec.Session:
        if not is_start:
            return client.get_session(SESSION_ID)
        return client.start_phone_2fa(
            phone_number,
            redirect_success="https://example.com/ok",
            redirect_failure="https://example.com/no",
            relay_state=case.get("relay_state"),
        )

    if "kind" in case:
        with pytest.raises(zignsec.ZignSecError) as caught:
            call()
        expect(case["kind"], caught.value)
        assert caught.value.in_doubt == is_start
        return
    session = call()
    assert session.status == case["status"]
    # A copy and a pickle have the same verdict, whatever the JSON alone says.
    for same in (session, copy.deepcopy(session), pickle.loads(pickle.dumps(session))):
        assert same == session
        assert hash(same) == hash(session)
        assert same.is_verified == case["verified"]
        assert same.is_verified_for(phone_number) == case["verified_for"]
        assert not same.is_verified_for("+46701740699")
    if is_start:
        assert zignsec.Session.from_json(session.json) != session


def webhook_of(case: dict[str, Any]) -> tuple[bytes, str | None, str]:
    """The body, the header and the secret of a case."""
    body: str = value(case["body"])
    sent = body.encode("utf-8", "surrogateescape") + b" " * case.get("padding", 0)
    return sent, value(case["signature"]), value(case.get("secret", "a-secret-of-hooks"))


@each_case_of("webhooks.json")
def test_webhooks_are_verified_as_specified(case: dict[str, Any]) -> None:
    body, signature, secret = webhook_of(case)
    times: dict[str, Any] = {"tolerance": case.get("tolerance_s"), "now": case.get("now_s")}
    if "kind" in case:
        with pytest.raises(zignsec.ZignSecError) as caught:
            zignsec.verify_webhook(body, signature, secret, **times)
        expect(case["kind"], caught.value)
        assert caught.value.attempts == 0
        return
    event = zignsec.verify_webhook(body, signature, secret, **times)
    assert event.session_id == case["session_id"]
    assert event.name == case["event"]
    assert event.status is zignsec.SessionStatus(case["status"])
    assert event.status_text == case["status_text"]
    assert event.relay_state == case.get("relay_state")
    assert event.to_dict() == json.loads(body)


SIGNED = [case for case in cases("webhooks.json") if case.get("kind") in (None, "Protocol")]


@pytest.mark.parametrize("case", SIGNED, ids=lambda case: case["name"])
def test_signatures_match_another_implementation(
    case: dict[str, Any],
) -> None:
    body, signature, secret = webhook_of(case)
    assert signature is not None
    parts = [part.partition("=")[::2] for part in signature.split(",")]
    (time,) = (text.strip() for name, text in parts if name.strip() == "t")
    right = hmac.new(secret.encode(), time.encode() + b"." + body, "sha256").hexdigest()
    assert right in [text.strip().lower() for name, text in parts if name.strip() == "v1"]
