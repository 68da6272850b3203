"""The pytest plugin, an entry point ``pytest11``: the fixture ``zignsec_sandbox``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from zignsec.testing import Sandbox


@pytest.fixture
def zignsec_sandbox() -> Iterator[Sandbox]:
    """A sandbox gateway of the test's own, a ``zignsec.testing.Sandbox``."""
    # Not for those who do not use it: every run of pytest loads this plugin.
    from zignsec.testing import Sandbox

    with Sandbox() as sandbox:
        yield sandbox
