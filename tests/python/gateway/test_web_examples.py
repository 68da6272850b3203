"""The web applications of examples/python, started like their README says, in a real browser.

As in production, they and the gateway are different sites: ``localhost`` and ``127.0.0.1``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from captured import found
from fake_gateway import FakeGateway, session_json
from playwright.sync_api import Page, expect
from sandbox import Sandbox, direct
from steps import SECRET, UNREADABLE_WEBHOOKS, sign, until
from zignsec.testing import Action

from gateway.conftest import OpenPage, StartSandbox
from gateway.web import (
    PHONE_NUMBER,
    User,
    accessibility_violations,
    start_session,
    wrong_code,
)

ROOT = Path(__file__).parents[3]
OVERSIZED = 64 * 1024 + 1


class Service:
    """An example in a separate process and on a free port, started like the README says."""

    def __init__(self, example: str, gateway: Sandbox | FakeGateway, log: Path) -> None:
        text = (ROOT / "README.md").read_text()
        (command,) = re.findall(rf"^(\w+ .*{example}:app)\b", text, re.MULTILINE)
        server, *arguments = command.split()
        self._log = log
        with socket.create_server(("127.0.0.1", 0)) as listening, log.open("wb") as output:
            self.url = f"http://localhost:{listening.getsockname()[1]}"
            fd = str(listening.fileno())
            listen = {
                "gunicorn": ["--bind", f"fd://{fd}", "--no-control-socket"],
                "uvicorn": ["--fd", fd],
            }[server]
            # No need to wait for it: the system queues connections until the server accepts.
            self.process = subprocess.Popen(
                [sys.executable, "-m", server, *arguments, *listen],
                cwd=ROOT / "examples/python",
                pass_fds=[listening.fileno()],
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "ZIGNSEC_API_KEY": gateway.api_key,
                    "ZIGNSEC_BASE_URL": gateway.url,
                    "ZIGNSEC_WEBHOOK_SECRET": SECRET,
                    "PUBLIC_URL": self.url,
                    "DEMO_PHONE": PHONE_NUMBER,
                },
                stdout=output,
                stderr=output,
            )

    def post_webhook(self, body: bytes, signature: str | None) -> tuple[int, str]:
        """Posts a webhook; returns the status and body of the response."""
        request = urllib.request.Request(self.url + "/webhook", body)
        if signature is not None:
            request.add_header("x-zignsec-hmac-sha256", signature)
        try:
            with direct.open(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def stop(self) -> None:
        """Stops the service; its log must not contain tracebacks, secrets or phone numbers."""
        self.process.terminate()
        self.process.wait(timeout=30)
        log = self._log.read_text()
        assert self.process.returncode in (0, -signal.SIGTERM), log
        assert "Traceback" not in log, log
        assert found(log) == set(), log


class Browser:
    """A user without a graphical browser, with one cookie. Redirects are not followed."""

    def __init__(self, service: Service) -> None:
        self._host = service.url.removeprefix("http://")
        self._cookie = ""

    def open(self, path: str, *, post: bool = False) -> tuple[int, str]:
        """Returns the status and the heading of the page."""
        with contextlib.closing(HTTPConnection(self._host, timeout=30)) as connection:
            method = "POST" if post else "GET"
            connection.request(method, path, headers={"Cookie": self._cookie})
            response = connection.getresponse()
            cookie = response.getheader("Set-Cookie", self._cookie)
            self._cookie = cookie.partition(";")[0]
            heading = re.search("<h1>(.*)</h1>", response.read().decode())
            return response.status, heading[1] if heading else ""


@pytest.fixture
def fake_gateway() -> Iterator[FakeGateway]:
    gateway = FakeGateway()
    with gateway.running():
        yield gateway


@pytest.fixture
def fooled(service_name: str, fake_gateway: FakeGateway, tmp_path: Path) -> Iterator[Service]:
    """A service whose gateway is the fake one."""
    running = Service(service_name, fake_gateway, tmp_path / "service.log")
    yield running
    running.stop()


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> Sandbox:
    return start_sandbox("--webhook-secret", SECRET)


@pytest.fixture(params=["flask_app", "fastapi_app"])
def service_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(service_name: str, sandbox: Sandbox, tmp_path: Path) -> Iterator[Service]:
    running = Service(service_name, sandbox, tmp_path / "service.log")
    yield running
    running.stop()


@pytest.fixture
def user(open_page: OpenPage, sandbox: Sandbox) -> User:
    return User(open_page(), sandbox)


def start_sign_in(user: User, service: Service) -> None:
    """Signs in up to ZignSec's page."""
    user.page.goto(service.url)
    user.expect_heading("Sign in")
    user.click_button("Sign in")
    user.expect_heading("Confirm your phone number")


def get_cookie(user: User, service: Service) -> str:
    (cookie,) = user.page.context.cookies(service.url)
    return cookie.get("value", "")


def set_cookie(user: User, service: Service, value: str) -> None:
    user.page.context.add_cookies([{"name": "login", "value": value, "url": service.url}])


def newest_session(sandbox: Sandbox) -> str:
    return str(sandbox.call("sessions")[0]["id"])


def count_lookups(sandbox: Sandbox) -> int:
    """The number of GET requests for a session."""
    return sum(
        (request["method"], request["path"].rpartition("/")[0]) == ("GET", "/core/api/sessions")
        for request in sandbox.requests()
    )


def assert_returned(user: User, service: Service, heading: str) -> None:
    """Asserts that ZignSec's page redirected to the service."""
    user.page.wait_for_url(service.url + "/verdict")
    user.expect_heading(heading)


def event(session_id: str, name: str, status: str) -> bytes:
    """The body of a webhook."""
    return json.dumps({"event": name, "id": session_id, "status": status}).encode()


def delivered_webhooks(sandbox: Sandbox, name: str) -> list[dict[str, Any]]:
    """The webhooks of this event that the service accepted."""
    webhooks = sandbox.call("webhooks")
    return [each for each in webhooks if each["event"] == name and each["status"] == 200]


def test_correct_code_signs_in(user: User, service: Service, sandbox: Sandbox) -> None:
    start_sign_in(user, service)
    user.enter_code(user.request_code())
    assert_returned(user, service, "Signed in")
    # The server stores the login. The browser has a random cookie, which sign-out invalidates.
    (cookie,) = user.page.context.cookies(service.url)
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Lax")
    value = get_cookie(user, service)
    assert newest_session(sandbox) not in value

    user.click_button("Sign out")
    user.expect_heading("Sign in")
    set_cookie(user, service, value)
    user.page.goto(service.url + "/verdict")
    user.expect_heading("Sign in")


def test_correct_code_after_a_wrong_one_signs_in(
    user: User, service: Service, sandbox: Sandbox
) -> None:
    # The result does not depend on webhooks.
    sandbox.arm("webhook-lost", times=2)
    start_sign_in(user, service)
    user.enter_code(wrong_code(user.request_code()))
    user.expect_heading("Wrong code")
    user.enter_code(user.request_code())
    assert_returned(user, service, "Signed in")


def test_cancelled_user_is_not_signed_in_and_can_try_again(
    user: User, service: Service, sandbox: Sandbox
) -> None:
    sandbox.arm("webhook-lost", times=2)
    start_sign_in(user, service)
    user.click_button("Cancel")
    user.expect_heading("You cancelled")
    user.page.get_by_role("link", name="Go back").click()
    assert_returned(user, service, "Not signed in")
    expect(user.page.get_by_text("Verification ended: cancelled.")).to_be_visible()

    user.click_button("Try again")
    user.enter_code(user.request_code())
    assert_returned(user, service, "Signed in")


def test_failed_user_is_not_signed_in(user: User, service: Service) -> None:
    start_sign_in(user, service)
    for _ in range(3):
        user.enter_code(wrong_code(user.request_code()))
    assert_returned(user, service, "Not signed in")
    expect(user.page.get_by_text("Verification ended: failed.")).to_be_visible()


def test_user_who_returns_early_is_not_signed_in(user: User, service: Service) -> None:
    start_sign_in(user, service)
    user.page.goto(service.url + "/verdict")
    user.expect_heading("Not signed in yet")
    user.page.get_by_role("link", name="Check status").click()
    user.expect_heading("Not signed in yet")
    user.page.get_by_role("link", name="Continue verification").click()
    user.enter_code(user.request_code())
    assert_returned(user, service, "Signed in")


def test_webhook_signs_in_a_user_who_does_not_return(
    user: User, service: Service, sandbox: Sandbox
) -> None:
    start_sign_in(user, service)
    sandbox.user(newest_session(sandbox), "accept")
    until(lambda: delivered_webhooks(sandbox, "session_finished"))
    before = count_lookups(sandbox)
    user.page.goto(service.url)
    user.expect_heading("Signed in")
    assert count_lookups(sandbox) == before


def test_forged_webhook_is_rejected(user: User, service: Service, sandbox: Sandbox) -> None:
    # So that no other webhook arrives.
    sandbox.arm("webhook-lost")
    start_sign_in(user, service)
    session = newest_session(sandbox)
    body = event(session, "session_finished", "accepted")
    for signature in (
        None,
        "",
        sign(body, secret="another secret"),
        sign(event(session, "session_finished", "failed")),
        sign(body, age=600),
    ):
        assert service.post_webhook(body, signature) == (400, "refused")
    assert service.post_webhook(b"x" * OVERSIZED, sign(b"x" * OVERSIZED))[0] == 413
    assert count_lookups(sandbox) == 0

    # A valid webhook only makes the service query ZignSec for the status.
    assert service.post_webhook(body, sign(body)) == (200, "processed")
    assert count_lookups(sandbox) == 1
    user.page.goto(service.url)
    user.expect_heading("Not signed in yet")


def test_replayed_webhook_is_ignored(user: User, service: Service, sandbox: Sandbox) -> None:
    sandbox.arm("webhook-lost")
    start_sign_in(user, service)
    body = event(newest_session(sandbox), "session_created", "pending")
    signature = sign(body)

    # A webhook whose query failed does not count as processed.
    sandbox.arm("http-404")
    assert service.post_webhook(body, signature)[0] == 502
    assert service.post_webhook(body, signature) == (200, "processed")
    before = count_lookups(sandbox)
    for again in (signature, sign(body, age=1)):
        assert service.post_webhook(body, again) == (200, "duplicate")
    assert count_lookups(sandbox) == before

    user.enter_code(user.request_code())
    assert_returned(user, service, "Signed in")
    until(lambda: delivered_webhooks(sandbox, "session_finished"))
    user.click_button("Sign out")
    user.expect_heading("Sign in")
    (finished,) = delivered_webhooks(sandbox, "session_finished")
    assert sandbox.call(f"webhooks/{finished['id']}/resend", {})["status"] == 404
    user.page.goto(service.url + "/verdict")
    user.expect_heading("Sign in")


def test_session_of_another_user_does_not_sign_in(
    user: User, open_page: OpenPage, service: Service, sandbox: Sandbox
) -> None:
    other = User(open_page(), sandbox)
    start_sign_in(other, service)
    session = newest_session(sandbox)
    other.enter_code(other.request_code())
    assert_returned(other, service, "Signed in")

    # In the URL, for a user without a login and for one with a running verification.
    address = f"{service.url}/verdict?" + "&".join(
        f"{name}={session}" for name in ("session_id", "session", "id", "check", "login")
    )
    user.page.goto(address)
    user.expect_heading("Sign in")
    start_sign_in(user, service)
    user.page.goto(address)
    user.expect_heading("Not signed in yet")

    # In the cookie. The last value is the correct one, to show that only the value decides.
    value = get_cookie(other, service)
    for tampered in (session, value[:-1], value + "A", value.swapcase(), "", value):
        set_cookie(user, service, tampered)
        user.page.goto(service.url + "/verdict")
        user.expect_heading("Signed in" if tampered == value else "Sign in")

    # By the webhook of a session that another service started, with the same secret.
    foreign = start_session(sandbox).id
    sandbox.user(foreign, "accept")
    before = count_lookups(sandbox)
    body = event(foreign, "session_finished", "accepted")
    assert service.post_webhook(body, sign(body)) == (404, "unknown")
    assert count_lookups(sandbox) == before
    other.page.goto(service.url)
    other.expect_heading("Signed in")


def test_lookup_of_another_number_does_not_sign_in(
    fooled: Service, fake_gateway: FakeGateway
) -> None:
    other = "+46700000001"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"phone_number": other}, "Not signed in"),
        ({}, "Not signed in"),
        ({"request_data": {"metadata": {"phone_number": other}}}, "Not signed in"),
        ({"phone_number": PHONE_NUMBER}, "Signed in"),
    ]
    for index, (number, heading) in enumerate(cases):
        fake_gateway.started = session_json(f"session-{index}", "pending")
        fake_gateway.looked_up = session_json("", "accepted", **number)
        user = Browser(fooled)
        assert user.open("/sign-in", post=True)[0] == 303
        # Nothing that the user sends replaces the stored number.
        assert user.open("/verdict?phone_number=%2B46700000001") == (200, heading)
        assert user.open("/")[1] == heading


def test_start_does_not_sign_in(fooled: Service, fake_gateway: FakeGateway) -> None:
    # A start that returns an accepted session proves nothing: the result is that of the lookup.
    fake_gateway.started = session_json("session-1", "accepted", phone_number=PHONE_NUMBER)
    fake_gateway.looked_up = session_json("", "pending", phone_number=PHONE_NUMBER)
    user = Browser(fooled)
    assert user.open("/sign-in", post=True)[0] == 303
    assert user.open("/")[1] == "Not signed in yet"
    assert user.open("/verdict")[1] == "Not signed in yet"
    assert fake_gateway.lookups == 1


def test_stale_start_is_refused(fooled: Service, fake_gateway: FakeGateway) -> None:
    fake_gateway.started = session_json("session-1", "pending")
    fake_gateway.looked_up = session_json("", "accepted", phone_number=PHONE_NUMBER)
    first = Browser(fooled)
    assert first.open("/sign-in", post=True)[0] == 303

    # The gateway repeats the response to another user's start.
    stale = Browser(fooled)
    for response in (
        session_json("session-1", "pending"),
        session_json("session-2", "pending", phone_number="+46700000001"),
        session_json("session-3", "pending", relay_state="of another login"),
        # A lookup, which has no redirect_url.
        {"id": "session-4", "status": "accepted", "phone_number": PHONE_NUMBER},
    ):
        fake_gateway.started = response
        assert stale.open("/sign-in", post=True) == (502, "Something went wrong")
        assert stale.open("/verdict") == (200, "Sign in")

    # The other user is not affected.
    assert first.open("/verdict")[1] == "Signed in"


def send_webhook(service: Service, headers: str) -> socket.socket:
    """Connects and sends the head of a webhook."""
    port = int(service.url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(f"POST /webhook HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n".encode())
    return connection


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def peak_memory(service: Service) -> int:
    """The peak memory of the service and its workers, in KiB."""
    pids = [service.process.pid, *children(service.process.pid)]
    status = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(re.findall(r"VmHWM:\s+(\d+) kB", text)[0]) for text in status)


def test_a_large_webhook_is_not_stored(fooled: Service) -> None:
    user = Browser(fooled)
    assert user.open("/") == (200, "Sign in")
    before = peak_memory(fooled)
    piece = b"x" * 100_000
    chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    for headers, data in (
        ("Content-Length: 300000000", piece),
        ("Transfer-Encoding: chunked", chunk),
    ):
        # More connections than the server has threads.
        for _ in range(10):
            with send_webhook(fooled, headers) as connection:
                connection.settimeout(5)
                with contextlib.suppress(ConnectionError, TimeoutError):
                    for _ in range(200):
                        connection.sendall(data)
        assert user.open("/") == (200, "Sign in")
    with send_webhook(fooled, "Content-Length: -1") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert peak_memory(fooled) - before < 16 * 1024


def test_endless_webhooks_do_not_block_the_service(fooled: Service) -> None:
    user = Browser(fooled)
    stop = threading.Event()
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"

    def send() -> None:
        with (
            send_webhook(fooled, "Transfer-Encoding: chunked") as connection,
            contextlib.suppress(OSError),
        ):
            while not stop.is_set():
                connection.sendall(chunk)

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(2)
        for _ in range(3):
            assert user.open("/") == (200, "Sign in")
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_nonsense_is_a_bad_request(
    fooled: Service, fake_gateway: FakeGateway, service_name: str
) -> None:
    for body in UNREADABLE_WEBHOOKS:
        assert fooled.post_webhook(body, sign(body)) == (400, "refused"), body
    for headers in (
        "Content-Length: -1",
        "Content-Length: abc",
        "Content-Length: 1_0",
        "Content-Length: 10\r\nContent-Length: 20",
        # gunicorn reports a malformed chunk to Flask as an internal error.
        *(["Transfer-Encoding: chunked\r\n\r\nZ\r\n"] if service_name == "fastapi_app" else []),
    ):
        with send_webhook(fooled, headers) as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 400 "), headers
    # No length, and no body: the signature is missing.
    for headers in ("Content-Type: application/json", "Transfer-Encoding: chunked\r\n\r\n0"):
        with send_webhook(fooled, headers) as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 400 "), headers
    assert fake_gateway.lookups == 0


@pytest.mark.parametrize(("fault", "in_doubt"), [("reset", True), ("http-422", False)])
def test_error_page(
    fault: str, in_doubt: bool, user: User, service: Service, sandbox: Sandbox
) -> None:
    sandbox.arm(fault)
    user.page.goto(service.url)
    with user.page.expect_response(service.url + "/sign-in") as response:
        user.click_button("Sign in")
    assert response.value.status == 502
    user.expect_heading("Something went wrong")
    doubt = user.page.get_by_text("A verification may have started")
    expect(doubt).to_have_count(1 if in_doubt else 0)
    user.page.get_by_role("link", name="Try again").click()
    user.expect_heading("Sign in")

    start_sign_in(user, service)
    sandbox.arm("http-404")
    user.page.goto(service.url + "/verdict")
    user.expect_heading("Something went wrong")
    expect(doubt).to_have_count(0)
    user.page.get_by_role("link", name="Try again").click()
    user.expect_heading("Not signed in yet")


def test_every_page_is_accessible(user: User, service: Service, sandbox: Sandbox) -> None:
    def check(page: Page) -> None:
        assert accessibility_violations(page) == []

    user.page.goto(service.url)
    user.expect_heading("Sign in")
    check(user.page)
    sandbox.arm("http-422")
    user.click_button("Sign in")
    user.expect_heading("Something went wrong")
    check(user.page)
    start_sign_in(user, service)
    headings: dict[Action, str] = {
        "abandon": "Not signed in yet",
        "cancel": "Not signed in",
        "accept": "Signed in",
    }
    for action, heading in headings.items():
        sandbox.user(newest_session(sandbox), action)
        user.page.goto(service.url + "/verdict")
        user.expect_heading(heading)
        check(user.page)
        if action == "cancel":
            user.click_button("Try again")
            user.expect_heading("Confirm your phone number")
