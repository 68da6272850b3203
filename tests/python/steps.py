"""What many tests do on their way."""

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
"""How long a call that is to stop may take to, in seconds: the contract's own limit."""

REDIRECTS = {"redirect_success": "https://a.example", "redirect_failure": "https://b.example"}


ROOT = Path(__file__).parents[2]


def programs(readme: str, language: str) -> list[str]:
    """The blocks of code in a language that a README has."""
    text = (ROOT / readme).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def started(client: zignsec.Client) -> str:
    """Opens a session and tells its id."""
    return client.start_phone_2fa("+46703339954", **REDIRECTS).id


def until(condition: Callable[[], object]) -> None:
    """Asks again and again; the test's own time limit ends it."""
    while not condition():
        time.sleep(0.005)


def arrived(sandbox: Sandbox) -> Callable[[], bool]:
    """Whether one more request has arrived than by now."""
    seen = len(sandbox.requests())
    return lambda: len(sandbox.requests()) > seen


Handler = Callable[[int, object], None]
OnSignal = Callable[[signal.Signals, Callable[[], object]], None]
"""Sets what a signal does during the test: the fixture `on_signal`."""


def send_when(condition: Callable[[], object], number: signal.Signals) -> threading.Thread:
    """Sends this process a signal, from a thread, once a condition holds."""

    def send() -> None:
        until(condition)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread
