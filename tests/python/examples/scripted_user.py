"""Runs programs with a scripted user: scripted_user.py ROW SANDBOX {NAME COMMAND}..."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from typing import Any

PHONE_NUMBER = "+46701740605"
REDIRECT = "  http"


def user(url: str, session_id: str, action: str) -> None:
    body = json.dumps({"action": action}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{url}/_sandbox/sessions/{session_id}/user", body, headers)
    urllib.request.urlopen(request, timeout=30).close()


def run(command: str, ready: dict[str, Any], key: str, action: str) -> tuple[int, str]:
    """Run a program, act for its user, and return the exit code and what it printed."""
    environment = {**os.environ, "ZIGNSEC_BASE_URL": ready["url"], "ZIGNSEC_API_KEY": key}
    with subprocess.Popen(
        [*command.split(), PHONE_NUMBER],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        printed = ""
        for line in process.stdout:
            printed += line
            # The URL of the user ends with the ID of the session.
            if line.startswith(REDIRECT):
                user(ready["url"], line.strip().rpartition("/")[2], action)
    return process.returncode, printed


CASES = {
    "accept": (None, 0, r"3\. The session ended accepted: the user is verified"),
    "cancel": (None, 1, r"3\. The session ended cancelled: the user is not verified"),
    "wrong key": ("another-key", 1, r"ZS_ERROR_AUTHENTICATION: "),
}


def main(row: str, sandbox: str, *programs: str) -> int:
    ran = failed = 0
    with subprocess.Popen(
        [sandbox, "--port", "0", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        for name, command in zip(programs[::2], programs[1::2], strict=True):
            for case, (key, code, expected) in CASES.items():
                result, printed = run(command, ready, key or ready["api_key"], case)
                ran += 1
                if result == code and re.search(expected, printed):
                    continue
                failed += 1
                print(f"{name}, {case}: exit code {result}\n{printed}")
        # The sandbox ends when its standard input is closed.
        process.stdin.close()
    print(f"{row}: {ran} run, {failed} failed, 0 skipped")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
