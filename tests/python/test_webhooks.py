"""Webhooks of the sandbox, and the arguments of verify_webhook."""

from __future__ import annotations

import math
import re
import time
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import freezegun
import pytest
import time_machine
import zignsec
from listener import Listener
from sandbox import Sandbox

SECRET = "a-secret-of-hooks"
BODY = b'{"event":"session_finished","id":"55c20771","status":"accepted"}'
SIGNED_AT = 1_700_000_000  # in 2023
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
def test_webhooks_of_the_sandbox_are_verified(shape: str, listener: Listener) -> None:
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
def test_webhook_faults_of_the_sandbox_are_rejected(fault: str, listener: Listener) -> None:
    with Sandbox("--webhook-secret", SECRET) as box:
        box.arm(fault)
        start(box, listener.url)
        webhook = listener.next()
    signature = webhook.headers.get("x-zignsec-hmac-sha256")
    with pytest.raises(zignsec.WebhookSignatureError):
        zignsec.verify_webhook(webhook.body, signature, SECRET)
    if fault == "webhook-stale":
        zignsec.verify_webhook(webhook.body, signature, SECRET, tolerance=900)


class SubclassOfStr(str):
    """A subclass of str is accepted like a str."""


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        bytearray(BODY),
        memoryview(BODY),
        memoryview(bytes(byte for each in BODY for byte in (each, 0)))[::2],
        BODY.decode(),
        SubclassOfStr(BODY.decode()),
    ],
    ids=lambda body: type(body).__name__,
)
def test_body_can_be_any_bytes_type_or_str(body: Any) -> None:
    event = zignsec.verify_webhook(body, SIGNATURE, SECRET, tolerance=None)
    assert event.to_dict()["id"] == "55c20771"


@pytest.mark.parametrize("body", [5, 5.0, [0], object], ids=repr)
def test_other_body_types_raise_type_error(body: Any) -> None:
    with pytest.raises(TypeError, match="body must be bytes or str, not"):
        zignsec.verify_webhook(body, SIGNATURE, SECRET, tolerance=None)


@pytest.mark.parametrize("tolerance", [0, 0.0, -1, -0.5, math.nan, math.inf, -math.inf, 10**400])
def test_tolerance_out_of_range_is_rejected(tolerance: float) -> None:
    with pytest.raises(zignsec.InvalidArgumentError, match="tolerance"):
        zignsec.verify_webhook(BODY, SIGNATURE, SECRET, tolerance=tolerance)


def test_errors_name_the_argument() -> None:
    verify: Any = zignsec.verify_webhook
    with pytest.raises(zignsec.InvalidArgumentError, match="secret"):
        verify(BODY, SIGNATURE, None)
    with pytest.raises(zignsec.InvalidArgumentError, match="body"):
        verify(None, SIGNATURE, SECRET)
    with pytest.raises(zignsec.InvalidArgumentError, match="body"):
        verify("\udcff", SIGNATURE, SECRET)
    with pytest.raises(TypeError, match="signature must be str or None, not bytes"):
        verify(BODY, SIGNATURE.encode(), SECRET)
    with pytest.raises(TypeError, match="secret must be str, not bytes"):
        verify(BODY, SIGNATURE, SECRET.encode())
    with pytest.raises(TypeError, match="positional"):
        verify(BODY, SIGNATURE, SECRET, "300")
    with pytest.raises(TypeError, match="tolerance must be a number of seconds, not str"):
        verify(BODY, SIGNATURE, SECRET, tolerance="300")


def test_default_tolerance_is_five_minutes() -> None:
    with pytest.raises(zignsec.WebhookSignatureError, match="in the past"):
        zignsec.verify_webhook(BODY, SIGNATURE, SECRET)
    assert zignsec.verify_webhook(BODY, SIGNATURE, SECRET, tolerance=1e10).name


def moments(seconds: int) -> list[Any]:
    """A time in all forms."""
    return [
        seconds,
        float(seconds),
        Decimal(seconds),
        Fraction(seconds),
        datetime.fromtimestamp(seconds, timezone.utc),
        datetime.fromtimestamp(seconds, timezone(timedelta(hours=-9, minutes=-30))),
        datetime.fromtimestamp(seconds).astimezone(),
    ]


@pytest.mark.parametrize("tolerance", [300, 1])
def test_time_of_the_check_can_be_given(tolerance: int) -> None:
    for distance in (0, tolerance, -tolerance):
        for now in moments(SIGNED_AT + distance):
            event = zignsec.verify_webhook(BODY, SIGNATURE, SECRET, tolerance=tolerance, now=now)
            assert event.session_id == "55c20771"
    for distance, direction in ((tolerance + 1, "past"), (-tolerance - 1, "future")):
        for now in moments(SIGNED_AT + distance):
            with pytest.raises(zignsec.WebhookSignatureError, match=f"in the {direction}"):
                zignsec.verify_webhook(BODY, SIGNATURE, SECRET, tolerance=tolerance, now=now)
    # The signature is checked in any case.
    with pytest.raises(zignsec.WebhookSignatureError, match="does not match"):
        zignsec.verify_webhook(BODY + b" ", SIGNATURE, SECRET, now=SIGNED_AT)
    # None is the clock.
    with pytest.raises(zignsec.WebhookSignatureError, match="in the past"):
        zignsec.verify_webhook(BODY, SIGNATURE, SECRET, now=None)


def test_times_before_1970_and_far_in_the_future_are_only_stale() -> None:
    for now in (-1, -1e300, 0, 9e10, datetime(1900, 1, 1, tzinfo=timezone.utc)):
        with pytest.raises(zignsec.WebhookSignatureError, match="outside the tolerance"):
            zignsec.verify_webhook(BODY, SIGNATURE, SECRET, now=now)
    for now in (-1, 9e10):
        assert zignsec.verify_webhook(BODY, SIGNATURE, SECRET, tolerance=None, now=now).name


def test_unusable_times_are_rejected() -> None:
    verify: Any = zignsec.verify_webhook
    for now in (math.nan, math.inf, -math.inf, 10**400):
        with pytest.raises(zignsec.InvalidArgumentError, match="now must be a finite number"):
            verify(BODY, SIGNATURE, SECRET, now=now)
    for now in (1e11, SIGNED_AT * 1000, 1e300):
        with pytest.raises(zignsec.InvalidArgumentError, match="not milliseconds"):
            verify(BODY, SIGNATURE, SECRET, now=now)
    with pytest.raises(zignsec.InvalidArgumentError, match="now has no time zone"):
        verify(BODY, SIGNATURE, SECRET, now=datetime.fromtimestamp(SIGNED_AT))
    expected = "now must be a number of seconds since 1970 or a datetime with a time zone, not "
    others: tuple[Any, ...] = ("2023-11-14", time.time, date(2023, 11, 14), timedelta(0))
    for other in others:
        with pytest.raises(TypeError, match=f"^{re.escape(expected)}{type(other).__name__}$"):
            verify(BODY, SIGNATURE, SECRET, now=other)


def test_libraries_that_replace_the_clock() -> None:
    moment = datetime.fromtimestamp(SIGNED_AT + 60, timezone.utc)
    clocks: list[Any] = [
        freezegun.freeze_time(moment),
        time_machine.travel(moment, tick=False),
    ]
    for clock in clocks:
        with clock:
            for now in (time.time(), datetime.now(timezone.utc), datetime.now().astimezone()):
                assert zignsec.verify_webhook(BODY, SIGNATURE, SECRET, now=now).name
            # The default is the clock of the machine, which they do not replace.
            with pytest.raises(zignsec.WebhookSignatureError, match="in the past"):
                zignsec.verify_webhook(BODY, SIGNATURE, SECRET)
    with pytest.raises(zignsec.WebhookSignatureError, match="in the past"):
        zignsec.verify_webhook(BODY, SIGNATURE, SECRET, now=time.time())
