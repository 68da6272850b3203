"""Runs `green_program` for the tests of gevent and eventlet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

# Each group runs in one process: starting it takes longer than most scenarios.
GROUPS = {
    "calls": [
        "other_greenlets_run_during_calls",
        "the_thread_pool_of_the_library",
        "errors_and_limits_match_client",
        "time_in_the_queue_counts",
        "a_wait_ends_although_no_thread_is_free",
        "errors_do_not_wait_for_the_garbage_collector",
        "a_subclass",
        "the_verdict",
        "on_poll_runs_in_the_greenlet",
    ],
    "cancelling": [
        "timeouts_kills_and_close_cancel_the_call",
        "close_ends_a_wait",
        "ctrl_c_ends_the_call",
        "exit_during_a_call",
    ],
    "logging": ["logging_does_not_hang", "errors_of_logging_reach_the_caller"],
}


def run(library: str, *scenarios: str, **environment: str) -> None:
    completed = subprocess.run(
        [sys.executable, HERE / "green_program.py", library, *scenarios],
        env={**os.environ, "PYTHONPATH": str(HERE.parent), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
