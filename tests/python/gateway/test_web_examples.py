"""The web applications of examples/python, as their users run them, with users in a real browser.

They stand on another site than the gateway does, as in life: ``localhost`` and ``127.0.0.1``.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from captured import found
from playwright.sync_api import Page, expect
from sandbox import Sandbox, direct
from steps import until
from zignsec.testing import Action

from gateway.conftest import OpenPage, StartSandbox
from gateway.web import (
    PHONE_NUMBER,
    User,
    accessibility_violations,
    other_than,
    start_session,
)

ROOT = Path(__file__).parents[3]
SECRET = "a-secret-of-hooks"
TOO_LONG = 64 * 1024 + 1


class Service:
    """An example in a process of its own, started as the README says, at a port of its own."""

    def __init__(self, example: str, sandbox: Sandbox, log: Path) -> None:
        text = (ROOT / "README.md").read_text()
        (command,) = re.findall(rf"^(\w+ .*{example}:app)\b", text, re.MULTILINE)
        server, *arguments = command.split()
        self._log = log
        with socket.create_server(("127.0.0.1", 0)) as listening, log.open("wb") as output:
            self.url = f"http://localhost:{listening.getsockname()[1]}"
            place = str(listening.fileno())
            where = {
                "gunicorn": ["--bind", f"fd://{place}", "--no-control-socket"],
                "uvicorn": ["--fd", place],
            }[server]
            # It need not be waited for: the system keeps connections until it listens.
            self._process = subprocess.Popen(
                [sys.executable, "-m", server, *arguments, *where],
                cwd=ROOT / "examples/python",
                pass_fds=[listening.fileno()],
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "ZIGNSEC_API_KEY": sandbox.api_key,
                    "ZIGNSEC_BASE_URL": sandbox.url,
                    "WEBHOOK_SECRET": SECRET,
                    "PUBLIC_URL": self.url,
                    "DEMO_PHONE": PHONE_NUMBER,
                },
                stdout=output,
                stderr=output,
            )

    def post_webhook(self, body: bytes, signature: str | None) -> tuple[int, str]:
        """What it answers to whoever knows its webhook's address."""
        request = urllib.request.Request(self.url + "/webhook", body)
        if signature is not None:
            request.add_header("x-zignsec-hmac-sha256", signature)
        try:
            with direct.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def stop(self) -> None:
        """Ends it as service managers do. It said nothing of bugs, secrets or phone numbers."""
        self._process.terminate()
        self._process.wait(timeout=30)
        log = self._log.read_text()
        assert self._process.returncode in (0, -signal.SIGTERM), log
        assert "Traceback" not in log, log
        assert found(log) == set(), log


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> Sandbox:
    return start_sandbox("--webhook-secret", SECRET)


@pytest.fixture(params=["flask_app", "fastapi_app"])
def service(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[Service]:
    running = Service(request.param, sandbox, tmp_path / "service.log")
    yield running
    running.stop()


@pytest.fixture
def user(open_page: OpenPage, sandbox: Sandbox) -> User:
    return User(open_page(), sandbox)


def signs_in(user: User, service: Service) -> None:
    """As far as ZignSec's page."""
    user.page.goto(service.url)
    user.sees("Sign in")
    user.presses("Sign in")
    user.sees("Confirm your phone number")


def cookie_of(user: User, service: Service) -> str:
    (cookie,) = user.page.context.cookies(service.url)
    return cookie.get("value", "")


def set_cookie_of(user: User, service: Service, value: str) -> None:
    user.page.context.add_cookies([{"name": "login", "value": value, "url": service.url}])


def newest_session(sandbox: Sandbox) -> str:
    return str(sandbox.call("sessions")[0]["id"])


def look_ups(sandbox: Sandbox) -> int:
    """How often the service has asked how a check stands."""
    return sum(
        (request["method"], request["path"].rpartition("/")[0]) == ("GET", "/core/api/sessions")
        for request in sandbox.requests()
    )


def assert_is_back(user: User, service: Service, heading: str) -> None:
    """ZignSec's page has led to the service's."""
    user.page.wait_for_url(service.url + "/verdict")
    user.sees(heading)


def event(session_id: str, name: str, status: str) -> bytes:
    """The body of a webhook."""
    return json.dumps({"event": name, "id": session_id, "status": status}).encode()


def signed(body: bytes, *, secret: str = SECRET, age: int = 0) -> str:
    """The header of a webhook, as ZignSec's documentation has it."""
    at = str(int(time.time()) - age)
    return f"t={at},v1={hmac.new(secret.encode(), at.encode() + b'.' + body, 'sha256').hexdigest()}"


def delivered(sandbox: Sandbox, name: str) -> list[dict[str, Any]]:
    """The webhooks of this name that were taken."""
    webhooks = sandbox.call("webhooks")
    return [each for each in webhooks if each["event"] == name and each["status"] == 200]


def test_the_right_code_signs_in(user: User, service: Service, sandbox: Sandbox) -> None:
    signs_in(user, service)
    user.enters(user.has_a_code_sent())
    assert_is_back(user, service, "Signed in")
    # The login is the server's: the browser holds a word that says nothing, and ends with it.
    (cookie,) = user.page.context.cookies(service.url)
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Lax")
    word = cookie_of(user, service)
    assert newest_session(sandbox) not in word

    user.presses("Sign out")
    user.sees("Sign in")
    set_cookie_of(user, service, word)
    user.page.goto(service.url + "/verdict")
    user.sees("Sign in")


def test_after_a_wrong_code_the_right_one_signs_in(
    user: User, service: Service, sandbox: Sandbox
) -> None:
    # It does without webhooks.
    sandbox.arm("webhook-lost", times=2)
    signs_in(user, service)
    user.enters(other_than(user.has_a_code_sent()))
    user.sees("That code was wrong")
    user.enters(user.has_a_code_sent())
    assert_is_back(user, service, "Signed in")


def test_who_cancels_is_not_signed_in_and_may_try_again(
    user: User, service: Service, sandbox: Sandbox
) -> None:
    sandbox.arm("webhook-lost", times=2)
    signs_in(user, service)
    user.presses("Cancel")
    user.sees("You have cancelled")
    user.page.get_by_role("link", name="Go back").click()
    assert_is_back(user, service, "Not signed in")
    expect(user.page.get_by_text("The check ended: cancelled.")).to_be_visible()

    user.presses("Try again")
    user.enters(user.has_a_code_sent())
    assert_is_back(user, service, "Signed in")


def test_who_has_no_right_code_is_not_signed_in(user: User, service: Service) -> None:
    signs_in(user, service)
    for _ in range(3):
        user.enters(other_than(user.has_a_code_sent()))
    assert_is_back(user, service, "Not signed in")
    expect(user.page.get_by_text("The check ended: failed.")).to_be_visible()


def test_who_is_back_too_early_is_not_signed_in(user: User, service: Service) -> None:
    signs_in(user, service)
    user.page.goto(service.url + "/verdict")
    user.sees("Not signed in yet")
    user.page.get_by_role("link", name="See how it stands").click()
    user.sees("Not signed in yet")
    user.page.get_by_role("link", name="Back to the check").click()
    user.enters(user.has_a_code_sent())
    assert_is_back(user, service, "Signed in")


def test_who_does_not_come_back_is_signed_in_by_the_webhook(
    user: User, service: Service, sandbox: Sandbox
) -> None:
    signs_in(user, service)
    sandbox.user(newest_session(sandbox), "accept")
    until(lambda: delivered(sandbox, "session_finished"))
    asked = look_ups(sandbox)
    user.page.goto(service.url)
    user.sees("Signed in")
    assert look_ups(sandbox) == asked


def test_a_forged_webhook_is_refused(user: User, service: Service, sandbox: Sandbox) -> None:
    # No other webhook is on its way.
    sandbox.arm("webhook-lost")
    signs_in(user, service)
    session = newest_session(sandbox)
    body = event(session, "session_finished", "accepted")
    for signature in (
        None,
        "",
        signed(body, secret="another secret"),
        signed(event(session, "session_finished", "failed")),
        signed(body, age=600),
    ):
        assert service.post_webhook(body, signature) == (400, "refused")
    assert service.post_webhook(b"x" * TOO_LONG, signed(b"x" * TOO_LONG))[0] == 413
    assert look_ups(sandbox) == 0

    # What is signed well is a hint and no more: how the check stands, ZignSec says when asked.
    assert service.post_webhook(body, signed(body)) == (200, "taken")
    assert look_ups(sandbox) == 1
    user.page.goto(service.url)
    user.sees("Not signed in yet")


def test_a_replayed_webhook_is_refused(user: User, service: Service, sandbox: Sandbox) -> None:
    sandbox.arm("webhook-lost")
    signs_in(user, service)
    body = event(newest_session(sandbox), "session_created", "pending")
    signature = signed(body)

    # One that could not be confirmed was not had.
    sandbox.arm("http-404")
    assert service.post_webhook(body, signature)[0] == 502
    assert service.post_webhook(body, signature) == (200, "taken")
    asked = look_ups(sandbox)
    for again in (signature, signed(body, age=1)):
        assert service.post_webhook(body, again) == (200, "had before")
    assert look_ups(sandbox) == asked

    user.enters(user.has_a_code_sent())
    assert_is_back(user, service, "Signed in")
    until(lambda: delivered(sandbox, "session_finished"))
    user.presses("Sign out")
    user.sees("Sign in")
    (finished,) = delivered(sandbox, "session_finished")
    assert sandbox.call(f"webhooks/{finished['id']}/resend", {})["status"] == 404
    user.page.goto(service.url + "/verdict")
    user.sees("Sign in")


def test_another_users_session_signs_nobody_in(
    user: User, open_page: OpenPage, service: Service, sandbox: Sandbox
) -> None:
    other = User(open_page(), sandbox)
    signs_in(other, service)
    session = newest_session(sandbox)
    other.enters(other.has_a_code_sent())
    assert_is_back(other, service, "Signed in")

    # In the address, to a stranger and to one whose own check goes on.
    address = f"{service.url}/verdict?" + "&".join(
        f"{name}={session}" for name in ("session_id", "session", "id", "check", "login")
    )
    user.page.goto(address)
    user.sees("Sign in")
    signs_in(user, service)
    user.page.goto(address)
    user.sees("Not signed in yet")

    # In the cookie. The last word is the right one: it is the words that make the difference.
    word = cookie_of(other, service)
    for tampered in (session, word[:-1], word + "A", word.swapcase(), "", word):
        set_cookie_of(user, service, tampered)
        user.page.goto(service.url + "/verdict")
        user.sees("Signed in" if tampered == word else "Sign in")

    # By the webhook of a check that was opened elsewhere, with the same secret.
    foreign = start_session(sandbox).id
    sandbox.user(foreign, "accept")
    asked = look_ups(sandbox)
    body = event(foreign, "session_finished", "accepted")
    assert service.post_webhook(body, signed(body)) == (404, "unknown")
    assert look_ups(sandbox) == asked
    other.page.goto(service.url)
    other.sees("Signed in")


@pytest.mark.parametrize(("fault", "in_doubt"), [("reset", True), ("http-422", False)])
def test_an_error_is_a_page(
    fault: str, in_doubt: bool, user: User, service: Service, sandbox: Sandbox
) -> None:
    sandbox.arm(fault)
    user.page.goto(service.url)
    with user.page.expect_response(service.url + "/sign-in") as answer:
        user.presses("Sign in")
    assert answer.value.status == 502
    user.sees("Something went wrong")
    doubt = user.page.get_by_text("A check may have been begun")
    expect(doubt).to_have_count(1 if in_doubt else 0)
    user.page.get_by_role("link", name="Try again").click()
    user.sees("Sign in")

    signs_in(user, service)
    sandbox.arm("http-404")
    user.page.goto(service.url + "/verdict")
    user.sees("Something went wrong")
    expect(doubt).to_have_count(0)
    user.page.get_by_role("link", name="Try again").click()
    user.sees("Not signed in yet")


def test_every_page_is_fit_for_everybody(user: User, service: Service, sandbox: Sandbox) -> None:
    def fit(page: Page) -> None:
        assert accessibility_violations(page) == []

    user.page.goto(service.url)
    user.sees("Sign in")
    fit(user.page)
    sandbox.arm("http-422")
    user.presses("Sign in")
    user.sees("Something went wrong")
    fit(user.page)
    signs_in(user, service)
    headings: dict[Action, str] = {
        "abandon": "Not signed in yet",
        "cancel": "Not signed in",
        "accept": "Signed in",
    }
    for action, heading in headings.items():
        sandbox.user(newest_session(sandbox), action)
        user.page.goto(service.url + "/verdict")
        user.sees(heading)
        fit(user.page)
        if action == "cancel":
            user.presses("Try again")
            user.sees("Confirm your phone number")
