"""A client that gunicorn preloads: made and used in the master, then shared by its workers."""

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

# Each opens a session and looks it up; the sandbox remembers 500 requests.
QUESTIONS = 200
WORKERS = 4
CLASSES = {"sync": [], "gthread": ["--threads", "4"]}


@pytest.fixture
def gateway() -> Iterator[Sandbox]:
    with Sandbox("--tls") as box:
        yield box


@pytest.fixture(params=CLASSES)
def service(request: pytest.FixtureRequest, gateway: Sandbox) -> Iterator[str]:
    """The address of ``prefork_app`` in gunicorn."""
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


def test_workers_share_a_client_and_no_connection(service: str, gateway: Sandbox) -> None:
    def ask(word: str) -> dict[str, Any]:
        with direct.open(f"{service}/{word}", timeout=60) as answer:
            return dict(json.load(answer))

    words = [f"word-{number}" for number in range(QUESTIONS)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, words))

    # Every answer is for its question.
    assert [answer["relay_state"] for answer in answers] == words
    assert [answer["id"] for answer in answers] == [answer["started"] for answer in answers]
    assert len({answer["id"] for answer in answers}) == QUESTIONS

    # Every request was one that was asked for, and came in on a connection of its own process.
    process_of = {answer["relay_state"]: answer["pid"] for answer in answers}
    process_of |= {answer["id"]: answer["pid"] for answer in answers}
    processes_on: dict[int, set[str | int]] = defaultdict(set)
    requests = gateway.requests()
    for request in requests:
        if request["method"] == "POST":
            key = json.loads(request["body"])["relay_state"]
        else:
            key = request["path"].rpartition("/")[2]
        processes_on[request["connection"]].add(process_of.pop(key, key))
    assert not process_of
    assert len(requests) == 2 * QUESTIONS + 1
    assert all(len(processes) == 1 for processes in processes_on.values())

    # The master had one open when it forked, and several workers served.
    processes = {process for on in processes_on.values() for process in on}
    assert "imported" in processes
    assert len(processes) > 2
