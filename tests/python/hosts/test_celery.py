"""Celery's prefork pool: the workers inherit a client that their parent has used."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from host import (
    HERE,
    assert_connections_belong_to_one_process,
    assert_each_request_is_logged_once,
    environment,
    running,
)
from sandbox import Sandbox
from steps import until

# Sends tasks at the same time and prints their results.
SEND = """
import json, sys
from celery_app import call
tasks = [call.delay(*each) for each in json.load(sys.stdin)]
print(json.dumps([task.get(timeout=60, interval=0.05) for task in tasks]))
"""


@pytest.fixture
def gateway() -> Iterator[Sandbox]:
    with Sandbox("--tls") as box:
        yield box


def test_workers_share_a_client_but_no_connection(gateway: Sandbox, tmp_path: Path) -> None:
    for name in "queue", "control", "results":
        (tmp_path / name).mkdir()
    env = environment(gateway, tmp_path, TEST_FOLDER=str(tmp_path))

    def send(*tasks: tuple[str, str]) -> list[dict[str, object]]:
        completed = subprocess.run(
            [sys.executable, "-c", SEND],
            cwd=HERE,
            env=env,
            input=json.dumps(tasks),
            text=True,
            stdout=subprocess.PIPE,
            check=True,
        )
        return list(json.loads(completed.stdout))

    worker = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "--pool", "prefork"]
    worker += ["--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "DEBUG"]
    with running(worker, tmp_path, env) as host:
        until(lambda: any(line.endswith(" ready.") for line in host.log()))
        # Each process is replaced after 20 tasks.
        results = send(*(("start", f"word-{number}") for number in range(60)))
        assert [result["relay_state"] for result in results] == [f"word-{n}" for n in range(60)]
        assert [result["id"] for result in results] == [result["started"] for result in results]
        processes = assert_connections_belong_to_one_process(gateway, results)
        assert "imported" in processes
        assert len(processes) >= 4

        session_id = str(results[0]["id"])
        [before] = send(("check", session_id))
        gateway.user(session_id, "accept")
        [after] = send(("check", session_id))
        assert [(each["verified"], each["other"]) for each in (before, after)] == [
            (False, False),
            (True, False),
        ]
        host.stop()
        assert_each_request_is_logged_once(gateway, host)
