"""gevent: a monkey-patched program goes on during calls of ``GeventClient``."""

from __future__ import annotations

import green
import pytest


@pytest.mark.parametrize("group", green.GROUPS)
def test_monkey_patched_program(group: str) -> None:
    green.run("gevent", *green.GROUPS[group])
