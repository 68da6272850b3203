"""Steps that many tests share."""

from __future__ import annotations

import hmac
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zignsec
from sandbox import Sandbox

LIMIT = 0.2
"""The maximum time until a cancelled call ends, in seconds."""

REDIRECTS = {"redirect_success": "https://a.example", "redirect_failure": "https://b.example"}

ROOT = Path(__file__).parents[2]

# Two signals for tests. Windows has no signals for users.
if sys.platform == "win32":
    SIGNALS = signal.SIGTERM, signal.SIGBREAK
else:
    SIGNALS = signal.SIGUSR1, signal.SIGUSR2

# A program needs these variables to start, whatever else its environment contains.
INHERITED = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}


SECRET = "a-secret-of-hooks"
"""The webhook secret."""

UNREADABLE_WEBHOOKS = [
    b'{"id":"a","name":"\\ud800"}',  # a lone surrogate
    b'{"id":"a","number":1e999}',
    b'{"id":"a"',
    b'{"id":5}',
    b'{"event":"session_finished"}',
    b"\xff",
    b"[]",
    b"",
]
"""Bodies that are not those of a webhook, whatever their signature."""


def sign(body: bytes, *, secret: str = SECRET, age: int = 0) -> str:
    """The signature header of a webhook, as ZignSec documents it."""
    at = str(int(time.time()) - age)
    return f"t={at},v1={hmac.new(secret.encode(), at.encode() + b'.' + body, 'sha256').hexdigest()}"


def programs(readme: str, language: str) -> list[str]:
    """The code blocks of a README in one language."""
    text = (ROOT / readme).read_text(encoding="utf-8")
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


# A program that is started with these flags has a separate console on Windows.
if sys.platform == "win32":
    NEW_CONSOLE = subprocess.CREATE_NEW_CONSOLE
else:
    NEW_CONSOLE = 0

PRESS_CTRL_C = """
import ctypes, sys, time
console = ctypes.windll.kernel32
console.FreeConsole()
assert console.AttachConsole(int(sys.argv[1]))
# This process ignores it.
assert console.SetConsoleCtrlHandler(None, True)
print(time.monotonic(), flush=True)
assert console.GenerateConsoleCtrlEvent(0, 0)
"""


def interrupt(process: subprocess.Popen[Any]) -> float:
    """Press Ctrl-C in a program that was started with `NEW_CONSOLE`. Return when that was."""
    if sys.platform == "win32":
        press = [sys.executable, "-c", PRESS_CTRL_C, str(process.pid)]
        return float(subprocess.run(press, stdout=subprocess.PIPE, check=True).stdout)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    return sent


Handler = Callable[[int, object], None]
OnSignal = Callable[[signal.Signals, Callable[[], object]], None]
"""The fixture `on_signal`: sets the handler of a signal during the test."""


def send_when(condition: Callable[[], object], number: signal.Signals) -> threading.Thread:
    """Send a signal to this process, from a thread, when a condition is true."""

    def send() -> None:
        until(condition)
        if sys.platform == "win32":
            # os.kill would end the process.
            signal.raise_signal(number)
        else:
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread
