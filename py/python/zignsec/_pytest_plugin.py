"""The pytest plugin (entry point ``pytest11``) with the fixture ``zignsec_sandbox``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from zignsec.testing import Sandbox


@pytest.fixture
def zignsec_sandbox() -> Iterator[Sandbox]:
    """A new sandbox gateway for each test, a ``zignsec.testing.Sandbox``."""
    # Imported here because every pytest run loads this plugin.
    from zignsec.testing import Sandbox

    with Sandbox() as sandbox:
        yield sandbox
