"""What the tests share: a sandbox of their own, and an environment that names none."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import zignsec
from listener import Listener
from sandbox import Sandbox


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ZIGNSEC_") and not name.startswith("ZIGNSEC_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox()
    yield box
    box.stop()


@pytest.fixture
def client(sandbox: Sandbox) -> zignsec.Client:
    return zignsec.Client(sandbox.api_key, base_url=sandbox.url)


@pytest.fixture
def listener() -> Iterator[Listener]:
    web_server = Listener()
    yield web_server
    web_server.stop()
