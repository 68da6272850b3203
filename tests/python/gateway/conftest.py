"""Fixtures: a sandbox, a browser and a web server, all on loopback."""

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

# Keeps Hypothesis' database out of the source tree.
set_hypothesis_home_dir(TARGET / "hypothesis")

# Resolves to this machine, like a name after DNS rebinding.
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
    # No other name is resolved, so that no request leaves this machine.
    f"--host-resolver-rules=MAP {REBOUND_NAME} 127.0.0.1, MAP * ~NOTFOUND, "
    "EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

StartSandbox = Callable[..., Sandbox]
OpenPage = Callable[..., Page]


@pytest.fixture
def start_sandbox() -> Iterator[StartSandbox]:
    """Returns a function that starts a sandbox with the given options."""
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
    # A slow machine must not fail a test.
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Returns a function that opens a page; its arguments are options of the browser context.

    The test fails if a page violates its Content Security Policy or raises a script error.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def check_console(text: str) -> None:
        if "Content Security Policy" in text:
            errors.append(text)

    def open_one(**options: Any) -> Page:
        settings: dict[str, Any] = {"viewport": DESKTOP, **options}
        context = browser.new_context(**settings)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("console", lambda message: check_console(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(
    params=[
        pytest.param((size, script), id=f"{name}-{'script' if script else 'no-script'}")
        for name, size in {"phone": PHONE, "desktop": DESKTOP}.items()
        for script in (True, False)
    ]
)
def page(request: pytest.FixtureRequest, open_page: OpenPage) -> Page:
    """A page at phone and desktop size, with and without JavaScript."""
    size, script = request.param
    return open_page(viewport=size, has_touch=size is PHONE, java_script_enabled=script)
