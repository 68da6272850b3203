"""The pytest plugin (entry point ``pytest11``) with the fixture ``zignsec_sandbox``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from zignsec.testing import Sandbox


@pytest.fixture
def zignsec_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A new sandbox gateway for each test, a ``zignsec.testing.Sandbox``. During the test, the
    environment points at it: ``zignsec.Client()`` and the module-level functions use it."""
    # Imported here because every pytest run loads this plugin.
    from zignsec import _default, reset_default_client
    from zignsec.testing import Sandbox

    with Sandbox() as sandbox:
        # With the fixture monkeypatch, so that variables that the test itself sets with it are
        # restored before these, in whichever order the test requests the fixtures.
        for name in ("ZIGNSEC_SECONDARY_API_KEY", "ZIGNSEC_ENVIRONMENT"):
            monkeypatch.delenv(name, raising=False)
        for name, value in sandbox.env.items():
            monkeypatch.setenv(name, value)
        # The default client from before the test is put back after it, with the variables.
        monkeypatch.setattr(_default, "_clients", {})
        yield sandbox
        # Closes the client of this test.
        reset_default_client()
