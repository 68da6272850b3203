"""What the tests of all hosts share: a running server, and the checks of `wsgi_app` in it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections import defaultdict
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zignsec
from sandbox import Sandbox, direct
from steps import until

HERE = Path(__file__).parent
# Each call of the service sends 2 requests; the sandbox stores 500.
CALLS = 100


def environment(gateway: Sandbox, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a server with a client for the gateway."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "ZIGNSEC_API_KEY": gateway.api_key,
        "ZIGNSEC_BASE_URL": gateway.url,
        **({"SSL_CERT_FILE": gateway.ca_file} if gateway.ca_file else {}),
        "TEST_LOG": str(folder / "log"),
        **more,
    }


def only_zignsec(folder: Path) -> str:
    """A folder for another Python's path: it contains the package and nothing else."""
    path = folder / "path"
    path.mkdir(exist_ok=True)
    package = path / "zignsec"
    if not package.exists():
        package.symlink_to(Path(zignsec.__file__).parent)
    return str(path)


def free_port() -> int:
    """A port for servers that cannot choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Host:
    """A server program that runs in the foreground."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self._output = folder / "output"
        self._log = folder / "log"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=HERE, env=env, stdout=output, stderr=output, start_new_session=True
            )

    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def log(self) -> list[str]:
        """The log of `wsgi_app`."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    def wait_for(self, words: str, times: int = 1) -> str:
        """Wait for a line of output that contains the words, and return it."""
        until(lambda: self.output().count(words) >= times or self.process.poll() is not None)
        lines = [line for line in self.output().splitlines() if words in line]
        assert len(lines) >= times, self.output()
        return lines[-1]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it gracefully."""
        self.process.send_signal(number)
        assert self.process.wait(timeout=30) == 0, self.output()
        assert "Traceback" not in self.output(), self.output()


@contextmanager
def running(command: list[str], folder: Path, env: dict[str, str]) -> Generator[Host]:
    """Run a server; the test stops it. If the test fails, its processes are killed."""
    host = Host(command, folder, env)
    try:
        yield host
    finally:
        if host.process.poll() is None:
            os.killpg(host.process.pid, signal.SIGKILL)
            host.process.wait()


def get(url: str, timeout: float = 60) -> dict[str, Any]:
    """Get the response of `wsgi_app`."""
    with direct.open(url, timeout=timeout) as response:
        return dict(json.load(response))


def make_calls(url: str, words: list[str], threads: int = 8) -> list[dict[str, Any]]:
    """Make calls of the service at the same time. Each must get its own response."""

    def call(word: str) -> dict[str, Any]:
        return get(f"{url}/start/{word}")

    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(call, words))
    assert [result["relay_state"] for result in results] == words
    assert [result["id"] for result in results] == [result["started"] for result in results]
    assert len({result["id"] for result in results}) == len(words)
    return results


def assert_connections_belong_to_one_process(
    gateway: Sandbox, results: list[dict[str, Any]], *, preloaded: bool = True
) -> set[str | int]:
    """Check every request that the gateway received. Return the processes that made calls, and
    "imported" for the one that created the client if it only did that."""
    process_of = {result["relay_state"]: result["pid"] for result in results}
    process_of |= {result["id"]: result["pid"] for result in results}
    processes_on: dict[int, set[str | int]] = defaultdict(set)
    for request in gateway.requests():
        if request["method"] == "POST":
            key = json.loads(request["body"])["relay_state"]
        else:
            key = request["path"].rpartition("/")[2]
        if preloaded or key in process_of:
            # Each call starts a session and gets it. Only the import of the service does more.
            process = process_of.pop(key, None) or "imported"
            assert process != "imported" or key == "imported", f"an unexpected request: {key}"
            processes_on[request["connection"]].add(process)
    assert not process_of
    assert all(len(processes) == 1 for processes in processes_on.values())
    return {process for on in processes_on.values() for process in on}


def assert_each_request_is_logged_once(gateway: Sandbox, host: Host) -> None:
    requests = gateway.requests()
    for method in "GET", "POST":
        sent = sum(request["method"] == method for request in requests)
        logged = sum(f" {method} core/" in line for line in host.log())
        assert logged == sent, f"{method}: {sent} sent, {logged} logged"


def assert_verdicts(gateway: Sandbox, url: str) -> None:
    """A session is verified once its user has confirmed it, for its own phone number only."""
    session_id = get(f"{url}/start/verdict")["id"]
    before = get(f"{url}/check/{session_id}")
    assert (before["verified"], before["other"]) == (False, False)
    gateway.user(session_id, "accept")
    after = get(f"{url}/check/{session_id}")
    assert (after["verified"], after["other"]) == (True, False)


def check_service(gateway: Sandbox, host: Host, url: str) -> set[str | int]:
    """Check `wsgi_app` in a server, and return the processes that made calls."""
    results = make_calls(url, [f"word-{number}" for number in range(CALLS)])
    # The worker that starts first may have answered all of them.
    while len({result["pid"] for result in results}) < 2:
        results += make_calls(url, [f"word-{len(results) + number}" for number in range(20)])
    processes = assert_connections_belong_to_one_process(gateway, results)
    assert_verdicts(gateway, url)
    assert_each_request_is_logged_once(gateway, host)
    return processes


class Load:
    """Calls of the service without a pause, to reload a server meanwhile."""

    def __init__(self, url: str, threads: int = 4) -> None:
        self._url = url
        self._stop = False
        self.results: list[dict[str, Any]] = []
        self._pool = ThreadPoolExecutor(threads)
        self._calls = [self._pool.submit(self._run, number) for number in range(threads)]

    def _run(self, number: int) -> None:
        call = 0
        while not self._stop:
            word = f"load-{number}-{call}"
            result = get(f"{self._url}/start/{word}")
            assert (result["relay_state"], result["id"]) == (word, result["started"])
            self.results.append(result)
            call += 1

    def processes(self) -> set[int]:
        return {result["pid"] for result in tuple(self.results)}

    def wait_for_processes_beside(self, known: set[int]) -> None:
        """Wait until calls were answered by new processes."""
        until(lambda: self.processes() - known)

    def stop(self) -> None:
        """Stop; raises the first error of a call."""
        self._stop = True
        for call in self._calls:
            call.result(timeout=60)
        self._pool.shutdown()
