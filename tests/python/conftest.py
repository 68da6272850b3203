"""Shared fixtures: a sandbox for each test, and an environment without ZIGNSEC_* settings."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import windows
import zignsec
from listener import Listener
from sandbox import Sandbox
from steps import Handler, OnSignal


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.platform == "win32":
        windows.skip(items)


def pytest_unconfigure(config: pytest.Config) -> None:
    """If ZIGNSEC_TEST_ROW is set, list the skipped tests and, last, the counts of this row."""
    row = os.environ.get("ZIGNSEC_TEST_ROW")
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if row is None or reporter is None or hasattr(config, "workerinput"):
        return
    counts = {name: len(reports) for name, reports in reporter.stats.items()}
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        print(f"skipped: {report.nodeid}: {reason}")
    failed = counts.get("failed", 0) + counts.get("error", 0)
    ran = counts.get("passed", 0) + counts.get("xfailed", 0) + failed
    print(f"{row}: {ran} run, {failed} failed, {counts.get('skipped', 0)} skipped", flush=True)


@pytest.fixture(autouse=True)
def _no_settings_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ZIGNSEC_") and not name.startswith("ZIGNSEC_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Enable Ctrl-C. A shell makes background programs ignore it, and child processes inherit
    that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _captured() -> Iterator[None]:
    """Write the log and every exception to a file, for `captured.py` to search."""
    folder = os.environ.get("ZIGNSEC_TEST_CAPTURE")
    if folder is None:
        yield
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(Path(folder) / f"python-{os.getpid()}.log")
    logging.root.addHandler(handler)
    # Lower than every named level.
    logging.root.setLevel(1)
    original = zignsec.ZignSecError.__init__

    def init_and_log(error: zignsec.ZignSecError, *args: Any, **kwargs: Any) -> None:
        original(error, *args, **kwargs)
        logging.getLogger("exceptions").critical("%s %r", error, error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zignsec.ZignSecError, "__init__", init_and_log)
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
    """Set the handler of a signal during the test."""
    previous: dict[signal.Signals, Handler] = {}

    def set_handler(number: signal.Signals, action: Callable[[], object]) -> None:
        def handler(_number: int, _frame: object) -> None:
            action()

        previous[number] = cast("Handler", signal.signal(number, handler))

    yield set_handler
    for number, handler in previous.items():
        signal.signal(number, handler)
