"""What the tests share: a sandbox of their own, and an environment that names none."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import zignsec
from listener import Listener
from sandbox import Sandbox
from steps import Handler, OnSignal


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ZIGNSEC_") and not name.startswith("ZIGNSEC_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Undoes what a shell does to a program that it starts in the background: Ctrl-C is ignored,
    there and in every program that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _captured() -> Iterator[None]:
    """Everything that is logged and every exception, for `captured.py` to search."""
    folder = os.environ.get("ZIGNSEC_TEST_CAPTURE")
    if folder is None:
        yield
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(Path(folder) / f"python-{os.getpid()}.log")
    logging.root.addHandler(handler)
    # Below every level that has a name.
    logging.root.setLevel(1)
    made = zignsec.ZignSecError.__init__

    def keep(error: zignsec.ZignSecError, *args: Any, **named: Any) -> None:
        made(error, *args, **named)
        logging.getLogger("made").critical("%s %r", error, error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zignsec.ZignSecError, "__init__", keep)
        yield
    logging.root.removeHandler(handler)
    handler.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture
def client(sandbox: Sandbox) -> zignsec.Client:
    return sandbox.client()


@pytest.fixture
def listener() -> Iterator[Listener]:
    web_server = Listener()
    yield web_server
    web_server.stop()


@pytest.fixture
def on_signal() -> Iterator[OnSignal]:
    """Sets what a signal does during the test."""
    found: dict[signal.Signals, Handler] = {}

    def set_up(number: signal.Signals, work: Callable[[], object]) -> None:
        def handler(_number: int, _frame: object) -> None:
            work()

        found[number] = cast("Handler", signal.signal(number, handler))

    yield set_up
    for number, handler in found.items():
        signal.signal(number, handler)
