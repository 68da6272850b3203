"""Webhooks that the sandbox sends, and what verify_webhook takes from Python."""

from __future__ import annotations

import math
from typing import Any

import pytest
import zignsec
from listener import Listener
from sandbox import Sandbox

SECRET = "a-secret-of-hooks"
BODY = b'{"event":"session_finished","id":"55c20771","status":"accepted"}'
# Of 2023.
SIGNATURE = "t=1700000000,v1=4dc51b32448f9aeae3a640a0d5ffd3bf63b2a1a3f2deedbd42fbbc0463be97ee"


def start(box: Sandbox, webhook: str, **fields: str) -> str:
    client = box.client()
    return client.start_phone_2fa(
        "+46703339954",
        redirect_success="https://example.com/ok",
        redirect_failure="https://example.com/no",
        webhook=webhook,
        **fields,
    ).id


@pytest.mark.parametrize("shape", ["nested", "flat"])
def test_what_the_sandbox_sends_verifies_now(shape: str, listener: Listener) -> None:
    with Sandbox("--webhook-shape", shape, "--webhook-secret", SECRET) as box:
        relay_state = 'Åsa / "x" \u2028 <&> \\ 😀'
        session_id = start(box, listener.url, relay_state=relay_state)
        created = listener.next()
        box.user(session_id, "accept")
        finished = listener.next()
    for webhook, name, status in (
        (created, "session_created", zignsec.SessionStatus.PENDING),
        (finished, "session_finished", zignsec.SessionStatus.ACCEPTED),
    ):
        signature = webhook.headers["x-zignsec-hmac-sha256"]
        event = zignsec.verify_webhook(webhook.body, signature, SECRET)
        assert (event.session_id, event.name, event.status) == (session_id, name, status)
        assert event.relay_state == relay_state
        with pytest.raises(zignsec.WebhookSignatureError):
            zignsec.verify_webhook(webhook.body + b" ", signature, SECRET)
        with pytest.raises(zignsec.WebhookSignatureError):
            zignsec.verify_webhook(webhook.body, signature, "another secret")


@pytest.mark.parametrize("fault", ["webhook-bad-signature", "webhook-unsigned", "webhook-stale"])
def test_what_the_sandboxs_faults_spoil_is_refused(fault: str, listener: Listener) -> None:
    with Sandbox("--webhook-secret", SECRET) as box:
        box.arm(fault)
        start(box, listener.url)
        webhook = listener.next()
    signature = webhook.headers.get("x-zignsec-hmac-sha256")
    with pytest.raises(zignsec.WebhookSignatureError):
        zignsec.verify_webhook(webhook.body, signature, SECRET)
    if fault == "webhook-stale":
        zignsec.verify_webhook(webhook.body, signature, SECRET, tolerance=900)


class StrangeStr(str):
    """A str of a subclass is a str."""


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        bytearray(BODY),
        memoryview(BODY),
        memoryview(bytes(byte for each in BODY for byte in (each, 0)))[::2],
        BODY.decode(),
        StrangeStr(BODY.decode()),
    ],
    ids=lambda body: type(body).__name__,
)
def test_a_body_may_be_bytes_of_every_sort_or_text(body: Any) -> None:
    event = zignsec.verify_webhook(body, SIGNATURE, SECRET, tolerance=None)
    assert event.to_dict()["id"] == "55c20771"


@pytest.mark.parametrize("body", [5, 5.0, [0], object], ids=repr)
def test_a_body_of_another_type_is_a_type_error(body: Any) -> None:
    with pytest.raises(TypeError, match="expected bytes or str"):
        zignsec.verify_webhook(body, SIGNATURE, SECRET, tolerance=None)


@pytest.mark.parametrize("tolerance", [0, 0.0, -1, -0.5, math.nan, math.inf, -math.inf, 10**400])
def test_a_tolerance_that_is_none_at_all_or_endless_is_refused(tolerance: float) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="tolerance"):
        zignsec.verify_webhook(BODY, SIGNATURE, SECRET, tolerance=tolerance)


def test_arguments_are_named_where_they_are_refused() -> None:
    verify: Any = zignsec.verify_webhook
    with pytest.raises(zignsec.InvalidArgumentError, match="secret"):
        verify(BODY, SIGNATURE, None)
    with pytest.raises(zignsec.InvalidArgumentError, match="body"):
        verify(None, SIGNATURE, SECRET)
    with pytest.raises(zignsec.InvalidArgumentError, match="body"):
        verify("\udcff", SIGNATURE, SECRET)
    with pytest.raises(TypeError):
        verify(BODY, SIGNATURE.encode(), SECRET)
    with pytest.raises(TypeError):
        verify(BODY, SIGNATURE, SECRET, "300")
    with pytest.raises(TypeError):
        verify(BODY, SIGNATURE, SECRET, tolerance="300")


def test_the_default_tolerance_is_five_minutes() -> None:
    with pytest.raises(zignsec.WebhookSignatureError, match="in the past"):
        zignsec.verify_webhook(BODY, SIGNATURE, SECRET)
    assert zignsec.verify_webhook(BODY, SIGNATURE, SECRET, tolerance=1e10).name
