"""The programs that are measured, and the server that they call."""

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
# tests/common.sh sets the variable to the directory that cargo reports.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BUILT = TARGET / "bench"
RUST_PROGRAMS = BUILT / "build/release"
CLIENTS_PY = Path(__file__).with_name("clients.py")
PYTHON = BUILT / "venv/bin/python"

CORE = "core"
C_ABI = "C ABI"
LIBCURL = "libcurl + cJSON"
NATIVE: dict[str, list[str]] = {
    "floor": [str(RUST_PROGRAMS / "floor")],
    CORE: [str(TARGET / "release/zignsec-bench-core")],
    C_ABI: [str(BUILT / "c/zignsec")],
    LIBCURL: [str(BUILT / "c/libcurl")],
    "ureq": [str(RUST_PROGRAMS / "ureq")],
    "reqwest": [str(RUST_PROGRAMS / "reqwest")],
}
IN_PYTHON: dict[str, list[str]] = {
    f"Python: {name}": [str(PYTHON), "-I", str(CLIENTS_PY), name]
    for name in ("zignsec", "pycurl", "http.client", "urllib3", "aiohttp", "httpx", "requests")
}
PROGRAMS = NATIVE | IN_PYTHON

# The caller's settings, such as certificate files and proxies, must not affect a measurement.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")
}


@dataclass
class Server:
    """The addresses of the server."""

    urls: dict[str, str]
    ca_file: str
    connections_url: str
    queries: int = 0

    def connections(self) -> int:
        """The number of connections accepted so far, without those of this method."""
        self.queries += 1
        with urllib.request.urlopen(self.connections_url) as response:
            return int(response.read()) - self.queries

    def command(self, program: str, scheme: str, *measurement: object) -> list[str]:
        return [*PROGRAMS[program], self.urls[scheme], self.ca_file, *map(str, measurement)]


@contextmanager
def serving(prefix: list[str]) -> Iterator[Server]:
    """Runs the server, with a prefix for its command such as taskset's."""
    with tempfile.TemporaryDirectory(prefix="zignsec-bench-") as folder:
        process = subprocess.Popen(
            [*prefix, str(RUST_PROGRAMS / "server"), folder],
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
    """Runs a program, which must succeed, and returns the results that it prints."""
    ran = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")
    results: dict[str, Any] = json.loads(ran.stdout)
    return results
