"""The programs that are measured, and the server that answers them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "target/bench"
YARDSTICKS = BUILT / "build/release"
CLIENTS_PY = Path(__file__).with_name("clients.py")
PYTHON = BUILT / "venv/bin/python"

CORE = "core"
C_ABI = "C ABI"
LIBCURL = "libcurl + cJSON"
NATIVE: dict[str, list[str]] = {
    "floor": [str(YARDSTICKS / "floor")],
    CORE: [str(ROOT / "target/release/zignsec-bench-core")],
    C_ABI: [str(BUILT / "c/zignsec")],
    LIBCURL: [str(BUILT / "c/libcurl")],
    "ureq": [str(YARDSTICKS / "ureq")],
    "reqwest": [str(YARDSTICKS / "reqwest")],
}
IN_PYTHON: dict[str, list[str]] = {
    f"Python: {name}": [str(PYTHON), "-I", str(CLIENTS_PY), name]
    for name in ("zignsec", "pycurl", "http.client", "urllib3", "aiohttp", "httpx", "requests")
}
PROGRAMS = NATIVE | IN_PYTHON

# Settings of the caller's, such as certificate files and proxies, are no part of a measurement.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")
}


@dataclass
class Server:
    """Where the server is."""

    urls: dict[str, str]
    ca_file: str
    connections_url: str
    asked: int = 0

    def connections(self) -> int:
        """How many connections were made to it so far, without those of this question."""
        self.asked += 1
        with urllib.request.urlopen(self.connections_url) as answer:
            return int(answer.read()) - self.asked

    def command(self, program: str, scheme: str, *measurement: object) -> list[str]:
        return [*PROGRAMS[program], self.urls[scheme], self.ca_file, *map(str, measurement)]


@contextmanager
def serving(on: list[str]) -> Iterator[Server]:
    """A server, started by a command such as taskset's."""
    with tempfile.TemporaryDirectory(prefix="zignsec-bench-") as folder:
        process = subprocess.Popen(
            [*on, str(YARDSTICKS / "server"), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ready: dict[str, str] = json.loads(process.stdout.readline())
            yield Server(
                {scheme: ready[scheme] for scheme in ("http", "https")},
                ready["ca_file"],
                ready["connections"],
            )
        finally:
            process.stdin.close()
            process.wait()


def run(command: list[str]) -> dict[str, Any]:
    """Runs a program to its good end and reads what it saw."""
    ran = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")
    seen: dict[str, Any] = json.loads(ran.stdout)
    return seen
