"""A program that makes 100 calls in 8 threads while no name server answers, and reports how many
threads looked up names at the same time.

A task has ``options`` of the clients, and ``shared``: whether all calls use one client.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import zignsec
from call import call

CALLS = 100
THREADS = 8
# How often the threads are counted, in seconds.
INTERVAL = 0.02


def count_lookups() -> int:
    names: list[str] = []
    for file in Path("/proc/self/task").glob("*/comm"):
        # A thread may have ended meanwhile.
        with contextlib.suppress(OSError):
            names.append(file.read_text().strip())
    return names.count("zignsec-dns")


def main() -> None:
    task = json.load(sys.stdin)
    options: dict[str, Any] = task["options"]
    shared = zignsec.Client(**options) if task["shared"] else None
    done = threading.Event()
    counts = [0]

    def watch() -> None:
        while not done.wait(INTERVAL):
            counts.append(count_lookups())

    def call_once(_: int) -> dict[str, object]:
        if shared:
            return call(shared, "POST")
        with zignsec.Client(**options) as client:
            return call(client, "POST")

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(call_once, range(CALLS)))
    done.set()
    watcher.join()
    errors = {result.get("error") for result in results}
    assert errors == {"APITimeoutError"}, results
    json.dump(max(counts), sys.stdout)
    sys.stdout.flush()
    # The lookups cannot be interrupted.
    os._exit(0)


if __name__ == "__main__":
    main()
