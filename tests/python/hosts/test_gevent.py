"""gevent: a monkey-patched program goes on during calls of ``GeventClient``."""

from __future__ import annotations

import green
import pytest


@pytest.mark.parametrize("group", green.GROUPS)
def test_monkey_patched_program(group: str) -> None:
    green.run("gevent", *green.GROUPS[group])


def test_forked_child_of_a_parent_that_made_calls() -> None:
    green.run("gevent", "a_forked_child_makes_calls")
