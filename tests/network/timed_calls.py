"""A program that makes calls as ``call.py`` does, and reports how long each took, in seconds.

A task has ``options`` of the client and ``calls``. Each call is a pause before it, in seconds, and
its name.
"""

from __future__ import annotations

import json
import sys
import time

import zignsec
from call import call


def main() -> None:
    task = json.load(sys.stdin)
    results: list[dict[str, object]] = []
    with zignsec.Client(**task["options"]) as client:
        for pause, name in task["calls"]:
            time.sleep(pause)
            begin = time.monotonic()
            result = call(client, name)
            results.append({**result, "seconds": time.monotonic() - begin})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
