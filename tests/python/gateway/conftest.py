"""A sandbox, a browser and a web server for each test that asks for one; all on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from listener import Listener
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    expect,
    sync_playwright,
)
from sandbox import Sandbox

from gateway.web import DESKTOP, PHONE, TARGET

# Not beside the sources.
set_hypothesis_home_dir(TARGET / "hypothesis")

# A name that leads to this machine, as one does after DNS rebinding.
REBOUND_NAME = "rebound.example"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    # No other name is looked up: nothing here is to leave this machine.
    f"--host-resolver-rules=MAP {REBOUND_NAME} 127.0.0.1, MAP * ~NOTFOUND, "
    "EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

StartSandbox = Callable[..., Sandbox]
OpenPage = Callable[..., Page]


@pytest.fixture
def start_sandbox() -> Iterator[StartSandbox]:
    """Starts a sandbox with the options it is given."""
    with ExitStack() as running:

        def start(*options: str) -> Sandbox:
            sandbox = Sandbox(*options)
            running.callback(sandbox.stop)
            return sandbox

        yield start


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> Sandbox:
    return start_sandbox()


@pytest.fixture
def listener() -> Iterator[Listener]:
    web_server = Listener()
    yield web_server
    web_server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium is not None, "these tests need Debian's chromium"
    # A slow machine is not a wrong page.
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a page with the options of a browser context; no page may be stopped by its policy."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(text: str) -> None:
        if "Content Security Policy" in text:
            complaints.append(text)

    def open_one(**options: Any) -> Page:
        settings: dict[str, Any] = {"viewport": DESKTOP, **options}
        context = browser.new_context(**settings)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("console", lambda message: listen(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(
    params=[
        pytest.param((size, script), id=f"{name}-{'script' if script else 'no-script'}")
        for name, size in {"phone": PHONE, "desktop": DESKTOP}.items()
        for script in (True, False)
    ]
)
def page(request: pytest.FixtureRequest, open_page: OpenPage) -> Page:
    """A page at phone and at desktop size, with JavaScript and without."""
    size, script = request.param
    return open_page(viewport=size, has_touch=size is PHONE, java_script_enabled=script)
