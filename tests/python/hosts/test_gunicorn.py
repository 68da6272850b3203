"""gunicorn: a client that is created in the master with ``--preload`` and shared by the workers."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from host import Host, Load, check_service, environment, get, running
from sandbox import Sandbox
from steps import until

WORKERS = 4
# A gevent worker that gets SIGTERM soon after its start stops only after this timeout, with any
# application.
CLASSES = {"sync": [], "gthread": ["--threads", "4"], "gevent": ["--graceful-timeout", "5"]}
IF_INSTALLED = pytest.mark.skipif(find_spec("gevent") is None, reason="gevent is not installed")


@pytest.fixture
def gateway() -> Iterator[Sandbox]:
    with Sandbox("--tls") as box:
        yield box


@contextmanager
def gunicorn(
    gateway: Sandbox, folder: Path, worker_class: str, *options: str, workers: int = WORKERS
) -> Generator[tuple[Host, str]]:
    """Run `wsgi_app` in gunicorn; yields the server and its URL."""
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket"]
    command += ["--workers", str(workers), "--worker-class", worker_class, *options]
    client = {"TEST_CLIENT": "gevent"} if worker_class == "gevent" else {}
    env = environment(gateway, folder, **client)
    with running([*command, "wsgi_app"], folder, env) as host:
        yield host, host.wait_for("Listening at: ").split("Listening at: ")[1].split()[0]


@pytest.mark.parametrize(
    "worker_class", ["sync", "gthread", pytest.param("gevent", marks=IF_INSTALLED)]
)
def test_workers_share_a_client_but_no_connection(
    gateway: Sandbox, tmp_path: Path, worker_class: str
) -> None:
    options = CLASSES[worker_class]
    with gunicorn(gateway, tmp_path, worker_class, "--preload", *options) as (host, url):
        processes = check_service(gateway, host, url)
        # The master had an open connection when it forked, and several workers made calls.
        assert "imported" in processes
        assert len(processes) > 2
        host.stop()


@pytest.mark.parametrize("preload", [["--preload"], []])
def test_reload_under_load_loses_no_call(
    gateway: Sandbox, tmp_path: Path, preload: list[str]
) -> None:
    with gunicorn(gateway, tmp_path, "gthread", "--threads", "4", *preload, workers=2) as (
        host,
        url,
    ):
        load = Load(url)
        for count in 1, 2:
            until(load.processes)
            before = load.processes()
            host.process.send_signal(signal.SIGHUP)
            host.wait_for("Hang up", count)
            load.wait_for_processes_beside(before)
        load.stop()
        host.stop()


def test_workers_are_replaced_after_some_requests(gateway: Sandbox, tmp_path: Path) -> None:
    options = ["--preload", "--max-requests", "20", "--max-requests-jitter", "5"]
    with gunicorn(gateway, tmp_path, "gthread", "--threads", "2", *options, workers=2) as (
        host,
        url,
    ):
        load = Load(url)
        until(lambda: len(load.processes()) >= 5)
        load.stop()
        host.stop()


@IF_INSTALLED
def test_one_gevent_worker_makes_many_calls_at_once(tmp_path: Path) -> None:
    with Sandbox() as gateway, gunicorn(gateway, tmp_path, "gevent", workers=1) as (host, url):
        session_id = get(f"{url}/start/first")["id"]
        # Each response is one second late.
        gateway.arm("late-answer", times=20)
        begun = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            results = list(pool.map(get, [f"{url}/get/{session_id}"] * 20))
        # Two rounds of gevent's ten threads.
        assert time.monotonic() - begun < 4
        assert {result["id"] for result in results} == {session_id}
        host.stop()
