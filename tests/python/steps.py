"""Steps that many tests share."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import zignsec
from sandbox import Sandbox

LIMIT = 0.2
"""The maximum time until a cancelled call ends, in seconds."""

REDIRECTS = {"redirect_success": "https://a.example", "redirect_failure": "https://b.example"}

ROOT = Path(__file__).parents[2]


def programs(readme: str, language: str) -> list[str]:
    """The code blocks of a README in one language."""
    text = (ROOT / readme).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def start_session(client: zignsec.Client) -> str:
    """Start a session and return its ID."""
    return client.start_phone_2fa("+46703339954", **REDIRECTS).id


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true; the time limit of the test applies."""
    while not condition():
        time.sleep(0.005)


def request_arrived(sandbox: Sandbox) -> Callable[[], bool]:
    """A condition: a request has arrived after this call."""
    before = len(sandbox.requests())
    return lambda: len(sandbox.requests()) > before


Handler = Callable[[int, object], None]
OnSignal = Callable[[signal.Signals, Callable[[], object]], None]
"""The fixture `on_signal`: sets the handler of a signal during the test."""


def send_when(condition: Callable[[], object], number: signal.Signals) -> threading.Thread:
    """Send a signal to this process, from a thread, when a condition is true."""

    def send() -> None:
        until(condition)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread
