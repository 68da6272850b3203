"""Helpers of these tests: sessions, the user of the hosted pages, and accessibility checks."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from playwright.sync_api import Dialog, Locator, Page, ViewportSize, expect
from sandbox import Sandbox, direct

PHONE_NUMBER = "+46703339954"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[3] / "target"))
PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
THEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
SCREENSHOTS = TARGET / "screenshots"
START = "/core/api/sessions/two_factor_auth/phone"
_AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


@dataclass(frozen=True)
class Session:
    """The ID of a started session and the URL of its hosted page."""

    id: str
    page_url: str


def start_session(sandbox: Sandbox, **fields: object) -> Session:
    """Starts a session through the API. ``fields`` replace or extend the default ones."""
    body = {
        "locale": "En",
        "metadata": {"phone_number": PHONE_NUMBER},
        "redirect_success": "https://my_success_url.com",
        "redirect_failure": "https://my_failure_url.com",
        **fields,
    }
    request = urllib.request.Request(sandbox.url + START, json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    request.add_header("authorization", sandbox.api_key)
    with direct.open(request, timeout=30) as response:
        data = json.load(response)["data"]
    return Session(data["id"], data["redirect_url"])


def newest_code(sandbox: Sandbox) -> str:
    """Waits for an SMS to the default number and returns the code of the newest one."""
    newest = sandbox.call(f"sms?to={quote(PHONE_NUMBER)}&wait=20")[0]
    assert newest["code"] in newest["text"]
    return str(newest["code"])


def wrong_code(code: str) -> str:
    """A five-digit code that differs from this one."""
    return f"{(int(code) + 1) % 100_000:05}"


def status_of(sandbox: Sandbox, session: Session) -> str:
    """The status of a session."""
    return str(sandbox.call(f"sessions/{session.id}")["status"])


class User:
    """The user of the English hosted pages of a session."""

    def __init__(self, page: Page, sandbox: Sandbox) -> None:
        self.page = page
        self._sandbox = sandbox

    def expect_heading(self, heading: str) -> None:
        """Waits for the page with this heading."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    def click_button(self, name: str) -> None:
        """Clicks the button with this name."""
        self.button(name).click()

    def button(self, name: str) -> Locator:
        """The button with this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def request_code(self) -> str:
        """Requests a code and returns it from the SMS."""
        self.page.get_by_role("button", name=re.compile("^Send (a new )?code$")).click()
        self.expect_heading("Enter your code")
        return newest_code(self._sandbox)

    def enter_code(self, code: str) -> None:
        """Enters a code and submits it."""
        self.page.get_by_label("Code", exact=True).fill(code)
        self.click_button("Verify")


def record_dialogs(page: Page) -> list[str]:
    """Returns a list that receives the messages of the page's dialogs."""
    messages: list[str] = []

    def record(dialog: Dialog) -> None:
        messages.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", record)
    return messages


def accessibility_violations(page: Page) -> list[str]:
    """The violations that axe-core finds in a page, with all its rules."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    found: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert found["passes"], "axe-core checked nothing"
    return [
        f"{violation['id']}: {violation['help']}: {node['html']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def check_appearance(page: Page, name: str) -> None:
    """Takes screenshots at both sizes and themes and checks each with axe-core."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        for size_name, size in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(size)
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=SCREENSHOTS / f"{name}-{theme}-{size_name}.png", full_page=True)
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{name} is too wide for a {size_name}"
        assert accessibility_violations(page) == [], f"{name}, {theme}"
