"""Fixtures of the network tests. Servers, proxies and callers are those of ``tests/python``."""

from __future__ import annotations

import os

import pytest
from error_table import ErrorTable, error_table
from timings import Timings

TIMINGS = pytest.StashKey[Timings]()


@pytest.fixture(autouse=True)
def _no_settings_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ZIGNSEC_") and not name.startswith("ZIGNSEC_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def errors() -> ErrorTable:
    return error_table()


@pytest.fixture(scope="session")
def timings(pytestconfig: pytest.Config) -> Timings:
    """Is printed after the tests."""
    return pytestconfig.stash.setdefault(TIMINGS, Timings())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    timings = config.stash.get(TIMINGS, None)
    if timings and timings.rows:
        terminalreporter.section("times of calls, in seconds")
        for line in timings.lines():
            terminalreporter.write_line(line)
