"""The signature of a webhook, verified with Python's hmac over the received bytes."""

from __future__ import annotations

import hmac
import json
import time

import pytest
from listener import Arrived, Listener

from gateway.conftest import StartSandbox
from gateway.web import start_session

SECRET = "a secret with a non-ASCII å"


def is_signed_by(secret: str, webhook: Arrived) -> bool:
    """Verifies HMAC-SHA256 over the time, a dot and the raw body, as ZignSec documents it."""
    signature = webhook.headers["x-zignsec-hmac-sha256"]
    parts = dict(part.split("=", 1) for part in signature.split(","))
    assert list(parts) == ["t", "v1"], signature
    assert abs(time.time() - int(parts["t"])) < 60
    signed = parts["t"].encode() + b"." + webhook.body
    return hmac.compare_digest(hmac.new(secret.encode(), signed, "sha256").hexdigest(), parts["v1"])


@pytest.mark.parametrize("shape", ["nested", "flat"])
def test_signature_is_valid_unless_a_byte_changes(
    shape: str, start_sandbox: StartSandbox, listener: Listener
) -> None:
    sandbox = start_sandbox("--webhook-shape", shape, "--webhook-secret", SECRET)
    # Text that JSON libraries serialise differently.
    relay_state = 'Åsa / "x" \u2028 <&> \\ 😀'
    hook = listener.url + "/hook?for=me"
    session = start_session(sandbox, webhook=hook, relay_state=relay_state)
    created = listener.next()
    sandbox.user(session.id, "accept")
    finished = listener.next()

    for webhook, event, status in (
        (created, "session_created", "pending"),
        (finished, "session_finished", "accepted"),
    ):
        assert (webhook.method, webhook.path) == ("POST", "/hook?for=me")
        assert webhook.headers["content-type"] == "application/json"
        body = json.loads(webhook.body)
        outcome = body["result"] if shape == "nested" else body
        assert (body["event"], body["id"], outcome["status"]) == (event, session.id, status)
        assert body["relay_state"] == relay_state

        assert is_signed_by(SECRET, webhook)
        assert not is_signed_by("another secret", webhook)
        for index in range(len(webhook.body)):
            changed = bytearray(webhook.body)
            changed[index] ^= 1
            forged = Arrived(webhook.method, webhook.path, webhook.headers, bytes(changed))
            assert not is_signed_by(SECRET, forged)


@pytest.mark.parametrize("fault", ["webhook-bad-signature", "webhook-unsigned"])
def test_fault_invalidates_the_signature(
    fault: str, start_sandbox: StartSandbox, listener: Listener
) -> None:
    sandbox = start_sandbox("--webhook-secret", SECRET)
    sandbox.arm(fault)
    start_session(sandbox, webhook=listener.url)
    webhook = listener.next()
    assert "x-zignsec-hmac-sha256" not in webhook.headers or not is_signed_by(SECRET, webhook)
