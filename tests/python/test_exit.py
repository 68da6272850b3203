"""A program ends while its daemon threads are in calls.

CPython ends such threads in the middle of their work: see py/src/python_code.rs.
`make test-exit RUNS=200` runs the programs more often.
"""

from __future__ import annotations

import collections
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sandbox import Sandbox

RUNS = int(os.environ.get("ZIGNSEC_TEST_EXIT_RUNS", "20"))
PROGRAMS = sorted(Path(__file__).with_name("exit").glob("*.py"))
USERS = 4
"""The number of requests to a web server at the same time."""


@pytest.mark.timeout(60 + 5 * RUNS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_with_calls_in_daemon_threads_ends_normally(
    sandbox: Sandbox, program: Path
) -> None:
    environment = {"ZIGNSEC_API_KEY": sandbox.api_key, "ZIGNSEC_BASE_URL": sandbox.url}
    ends = collections.Counter(ended(program, environment) for _ in range(RUNS))
    assert ends == {(0, ""): RUNS}


def ended(program: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run the program and return its exit status and what it printed."""
    with subprocess.Popen(
        [sys.executable, program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            if program.stem.endswith("_server"):
                assert process.stdout
                with traffic(int(process.stdout.readline())):
                    process.send_signal(signal.SIGINT)
                    output, _ = process.communicate(timeout=60)
            else:
                output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, output


@contextmanager
def traffic(port: int) -> Generator[None]:
    """Send requests to a web server, without a pause. It has answered some at the beginning."""
    stopped = threading.Event()
    answers = threading.Semaphore(0)

    def send() -> None:
        while not stopped.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            # The server has not started yet, or has ended.
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/")
                connection.getresponse().read()
                answers.release()
            connection.close()

    users = [threading.Thread(target=send) for _ in range(USERS)]
    for user in users:
        user.start()
    try:
        for _ in range(5 * USERS):
            assert answers.acquire(timeout=10)
        yield
    finally:
        stopped.set()
        for user in users:
            user.join()
