"""What stands around the sandbox in these tests: a session, the user at its pages."""

from __future__ import annotations

import json
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
TARGET = Path(__file__).parents[3] / "target"
PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
THEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
SCREENSHOTS = TARGET / "screenshots"
START = "/core/api/sessions/two_factor_auth/phone"
_AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


@dataclass(frozen=True)
class Session:
    """A session that was started through the API, and the page of its user."""

    id: str
    page_url: str


def start_session(sandbox: Sandbox, **fields: object) -> Session:
    """Starts a session as a caller does, with ``fields`` in place of the usual ones."""
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
    with direct.open(request, timeout=30) as answer:
        data = json.load(answer)["data"]
    return Session(data["id"], data["redirect_url"])


def newest_code(sandbox: Sandbox) -> str:
    """The code in the newest SMS to the usual number, waited for."""
    newest = sandbox.call(f"sms?to={quote(PHONE_NUMBER)}&wait=20")[0]
    assert newest["code"] in newest["text"]
    return str(newest["code"])


def other_than(code: str) -> str:
    """A code of five digits that is not this one."""
    return f"{(int(code) + 1) % 100_000:05}"


def status_of(sandbox: Sandbox, session: Session) -> str:
    """The status that the sandbox says a session has."""
    return str(sandbox.call(f"sessions/{session.id}")["status"])


class User:
    """A person at the hosted pages of a session, who reads English."""

    def __init__(self, page: Page, sandbox: Sandbox) -> None:
        self.page = page
        self._sandbox = sandbox

    def sees(self, heading: str) -> None:
        """Waits for the page with this heading."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    def presses(self, name: str) -> None:
        """Presses the button with this name."""
        self.button(name).click()

    def button(self, name: str) -> Locator:
        """The button with this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def has_a_code_sent(self) -> str:
        """Presses the button that sends one, and reads it from the SMS."""
        self.page.get_by_role("button", name=re.compile("^Send (a new )?code$")).click()
        self.sees("Enter your code")
        return newest_code(self._sandbox)

    def enters(self, code: str) -> None:
        """Types a code and sends it."""
        self.page.get_by_label("Code", exact=True).fill(code)
        self.presses("Verify")


def dialogs_of(page: Page) -> list[str]:
    """What the page's scripts say in dialogs, from now on."""
    said: list[str] = []

    def note(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    return said


def accessibility_violations(page: Page) -> list[str]:
    """What axe-core has to say against a page, by every rule it has."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    found: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert found["passes"], "axe-core looked at nothing"
    return [
        f"{violation['id']}: {violation['help']}: {node['html']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def put_on_show(page: Page, name: str) -> None:
    """Keeps pictures of a page at both sizes, light and dark, and holds each against axe-core."""
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
