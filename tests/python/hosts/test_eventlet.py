"""eventlet: a monkey-patched program goes on during calls of ``EventletClient``."""

from __future__ import annotations

import green
import pytest


@pytest.mark.parametrize("group", green.GROUPS)
def test_monkey_patched_program(group: str) -> None:
    green.run("eventlet", *green.GROUPS[group])


def test_hub_that_is_an_asyncio_loop() -> None:
    green.run("eventlet", "other_greenlets_run_during_calls", EVENTLET_HUB="asyncio")
