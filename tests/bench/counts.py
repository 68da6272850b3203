"""The cost of a call on an open connection, in numbers that do not depend on the load of the
machine: instructions (callgrind), allocations (memcheck), system calls (strace) and connections.

`counts.py check` compares the C library, as it is shipped, with counts.json; `counts.py write`
writes that file. Each number is the difference between two runs of the same program that differ
only in the number of calls.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from programs import C_ABI, ENVIRONMENT, Server, serving

RECORDED = Path(__file__).with_name("counts.json")
CASES = [(scheme, method) for scheme in ("http", "https") for method in ("get", "post")]
# Memory management of the C library, which happens only now and then.
IGNORED_SYSTEM_CALLS = {"brk", "mmap", "munmap", "madvise", "mremap"}


def run_under(tool: list[str], command: list[str]) -> str:
    """Runs a program under a tool and returns what the tool wrote to standard error."""
    ran = subprocess.run([*tool, *command], env=ENVIRONMENT, capture_output=True, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join([*tool, *command])}\n{ran.stdout}{ran.stderr}")
    return ran.stderr


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"no {pattern!r} in:\n{text}")
    return int(found[1].replace(",", ""))


def instructions(server: Server, program: str, scheme: str, method: str, calls: int) -> int:
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    output = run_under(tool, server.command(program, scheme, "calls", method, calls, 0))
    return number(r"Collected : (\d+)", output)


def allocations(server: Server, program: str, scheme: str, method: str, calls: int) -> int:
    tool = ["valgrind", "--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"]
    output = run_under(tool, server.command(program, scheme, "calls", method, calls, 0))
    return number(r"total heap usage: ([\d,]+) allocs", output)


def system_calls(
    server: Server, program: str, scheme: str, method: str, calls: int
) -> Counter[str]:
    with tempfile.NamedTemporaryFile("r", prefix="zignsec-trace-") as trace:
        tool = ["strace", "--follow-forks", "--quiet=all", "--output", trace.name]
        run_under(tool, server.command(program, scheme, "calls", method, calls, 0))
        return Counter(filter(None, map(system_call, trace)))


def system_call(line: str) -> str | None:
    """The name under which a line of a trace is counted; None if it is not counted."""
    found = re.match(r"(?:\d+ +)?(\w+)\(", line)
    if found is None or found[1] in IGNORED_SYSTEM_CALLS:
        return None
    name = found[1]
    if name == "recvfrom":
        if "MSG_PEEK" in line:
            return "peek"
        # No data had arrived yet.
        return None if "EAGAIN" in line else "receive"
    return "send" if name == "sendto" else name


Count = Callable[[Server, str, str, str, int], int]


def per_call(count: Count, server: Server, program: str, scheme: str, method: str) -> float:
    few, many = 100, 300
    return (
        count(server, program, scheme, method, many) - count(server, program, scheme, method, few)
    ) / (many - few)


def system_calls_per_call(
    server: Server, program: str, scheme: str, method: str
) -> dict[str, float]:
    few, many = 100, 200
    counted = system_calls(server, program, scheme, method, many)
    counted.subtract(system_calls(server, program, scheme, method, few))
    return {name: count / (many - few) for name, count in sorted(counted.items()) if count}


def library_counts(server: Server, scheme: str, method: str) -> dict[str, Any]:
    before = server.connections()
    counted = per_call(instructions, server, C_ABI, scheme, method)
    return {
        "instructions": round(counted),
        "connections": (server.connections() - before) / 2,
        "allocations": per_call(allocations, server, C_ABI, scheme, method),
        "system calls": system_calls_per_call(server, C_ABI, scheme, method),
    }


def compiler() -> str:
    return subprocess.run(
        ["rustc", "-V"], check=True, capture_output=True, text=True
    ).stdout.strip()


def measured() -> dict[str, Any]:
    with serving([]) as server:
        calls = {
            f"{scheme} {method}": library_counts(server, scheme, method) for scheme, method in CASES
        }
    return {"compiler": compiler(), "calls": calls}


def differences(recorded: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The counts that differ from the recorded ones. Another version of the compiler generates more
    or fewer instructions from the same source, so the tolerance is larger then."""
    same_compiler = recorded["compiler"] == now["compiler"]
    tolerated = 0.05 if same_compiler else 0.25
    found = []
    for case, then in recorded["calls"].items():
        current = now["calls"][case]
        change = current["instructions"] / then["instructions"] - 1
        if abs(change) > tolerated:
            found.append(
                f"{case}: {current['instructions']} instructions, {change:+.1%} from "
                f"{then['instructions']}; {tolerated:.0%} is allowed"
            )
        for what in ("connections", "allocations"):
            if abs(current[what] - then[what]) >= 0.5:
                found.append(f"{case}: {current[what]} {what}, not {then[what]}")
        names = {*current["system calls"], *then["system calls"]}
        for name in sorted(names):
            counts = [each["system calls"].get(name, 0) for each in (current, then)]
            if abs(counts[0] - counts[1]) >= 0.05:
                found.append(f"{case}: {counts[0]} times {name} per call, not {counts[1]}")
    return found


def main() -> int:
    now = measured()
    if sys.argv[1:] == ["write"]:
        RECORDED.write_text(json.dumps(now, indent=2) + "\n")
        return 0
    recorded = json.loads(RECORDED.read_text())
    found = differences(recorded, now)
    for difference in found:
        print(difference)
    if found:
        print("If this change is intended, run: make counts")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
