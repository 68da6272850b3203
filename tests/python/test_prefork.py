"""A client in gunicorn with ``--preload``: created in the master, shared by the workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sandbox import Sandbox, direct

# Each call of the service sends 2 requests; the sandbox stores 500.
CALLS = 200
WORKERS = 4
CLASSES = {"sync": [], "gthread": ["--threads", "4"]}


@pytest.fixture
def gateway() -> Iterator[Sandbox]:
    with Sandbox("--tls") as box:
        yield box


@pytest.fixture(params=CLASSES)
def service(request: pytest.FixtureRequest, gateway: Sandbox) -> Iterator[str]:
    """The URL of ``prefork_app`` in gunicorn."""
    assert gateway.ca_file
    options = ["--preload", "--bind", "127.0.0.1:0", "--workers", str(WORKERS)]
    options += ["--no-control-socket", "--worker-class", request.param, *CLASSES[request.param]]
    master = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, "prefork_app:app"],
        cwd=Path(__file__).parent,
        env={
            "PATH": os.environ["PATH"],
            "ZIGNSEC_API_KEY": gateway.api_key,
            "ZIGNSEC_BASE_URL": gateway.url,
            "SSL_CERT_FILE": gateway.ca_file,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    assert master.stderr
    log: list[str] = []
    for line in master.stderr:
        log.append(line)
        if "Listening at: " in line:
            yield line.split("Listening at: ")[1].split()[0]
            break
    master.terminate()
    _, rest = master.communicate(timeout=30)
    assert master.returncode == 0, "".join(log) + rest
    assert "Traceback" not in rest


def test_workers_share_a_client_but_no_connection(service: str, gateway: Sandbox) -> None:
    def call(word: str) -> dict[str, Any]:
        with direct.open(f"{service}/{word}", timeout=60) as response:
            return dict(json.load(response))

    words = [f"word-{number}" for number in range(CALLS)]
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(call, words))

    # Each response belongs to its request.
    assert [result["relay_state"] for result in results] == words
    assert [result["id"] for result in results] == [result["started"] for result in results]
    assert len({result["id"] for result in results}) == CALLS

    # Every request is expected, and each connection was used by only one process.
    process_of = {result["relay_state"]: result["pid"] for result in results}
    process_of |= {result["id"]: result["pid"] for result in results}
    processes_on: dict[int, set[str | int]] = defaultdict(set)
    requests = gateway.requests()
    for request in requests:
        if request["method"] == "POST":
            key = json.loads(request["body"])["relay_state"]
        else:
            key = request["path"].rpartition("/")[2]
        processes_on[request["connection"]].add(process_of.pop(key, key))
    assert not process_of
    assert len(requests) == 2 * CALLS + 1
    assert all(len(processes) == 1 for processes in processes_on.values())

    # The master had an open connection when it forked, and several workers made calls.
    processes = {process for on in processes_on.values() for process in on}
    assert "imported" in processes
    assert len(processes) > 2
