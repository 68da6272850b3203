"""`make bench`: what calls cost with this library and with others, as ratios with their spread.

Each round measures everything, in a new random order. Measurements that are compared with each
other run directly one after the other, because the speed of a machine changes within seconds. Each
is repeated and the best result counts, because disturbances only make a measurement slower. A ratio
is computed from two measurements of the same round. The report shows the median of all rounds, with
the lowest and the highest.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import counts
import plot
from programs import (
    BUILT,
    C_ABI,
    CORE,
    ENVIRONMENT,
    IN_PYTHON,
    LIBCURL,
    NATIVE,
    PYTHON,
    TARGET,
    Server,
    run,
    serving,
)

CASES = [f"{scheme} {method}" for scheme in ("http", "https") for method in ("get", "post")]
THREADS = (1, 2, 8, 64)
IDLE = (0, 100, 1000)
THREADED = ("floor", CORE, "ureq", "reqwest")
IMPORTS = ("zignsec", "pycurl", "http.client", "urllib3", "aiohttp", "httpx", "requests")
ZIGNSEC = "Python: zignsec"

# One value for each round, in order; the key is the name of the measurement.
Values = dict[tuple[str, ...], list[float]]
Results = dict[tuple[str, ...], float]
Measure = Callable[[], Results]


@dataclass
class Effort:
    """The number and the length of the measurements."""

    rounds: int
    calls: int
    calls_in_python: int
    repeats: int
    seconds: float
    python_instructions: bool


FULL = Effort(5, 4000, 300, 2, 0.2, python_instructions=True)
QUICK = Effort(2, 500, 60, 1, 0.1, python_instructions=False)


@dataclass
class Spread:
    median: float
    lowest: float
    highest: float

    @staticmethod
    def of(values: list[float]) -> Spread:
        return Spread(statistics.median(values), min(values), max(values))

    def shown(self, digits: int = 2) -> str:
        median, lowest, highest = (
            f"{value:.{digits}f}" for value in (self.median, self.lowest, self.highest)
        )
        return median if lowest == highest else f"{median} ({lowest} to {highest})"


@dataclass
class Row:
    """A figure and its target; a figure without a target is information only."""

    what: str
    figure: Spread
    unit: str = "x"
    at_most: float | None = None
    at_least: float | None = None
    digits: int = 2

    @property
    def is_met(self) -> bool | None:
        if self.at_most is not None:
            return self.figure.median <= self.at_most
        if self.at_least is not None:
            return self.figure.median >= self.at_least
        return None

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return "" if self.at_least is None else f"at least {self.at_least:g}"


class Cores:
    """The CPU cores of a measurement. Client and server take turns and share one core: with two
    cores, most of the time of a call would be the time that one needs to wake the other."""

    def __init__(self) -> None:
        self.all = sorted(os.sched_getaffinity(0))
        self.one = self.all[-1:]

    @staticmethod
    def pinned(cores: list[int]) -> list[str]:
        return ["taskset", "-c", ",".join(map(str, cores))]


def wall_ms(command: list[str]) -> float:
    """The duration of a process, from its start to its end."""
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, ENVIRONMENT, file_actions=silent)
    _, status = os.waitpid(child, 0)
    elapsed = time.perf_counter() - started
    if status != 0:
        raise RuntimeError(" ".join(command))
    return elapsed * 1000


class Bench:
    def __init__(self, server: Server, open_server: Server, effort: Effort, cores: Cores) -> None:
        self.server = server
        # On all cores, because several threads send more requests than one core can answer.
        self.open_server = open_server
        self.effort = effort
        self.alone = cores.pinned(cores.one)
        self.values: Values = defaultdict(list)

    def rounds(self) -> None:
        for number in range(self.effort.rounds):
            comparisons = self.comparisons()
            random.shuffle(comparisons)
            for comparison in comparisons:
                self.compare(comparison * self.effort.repeats)
            print(f"round {number + 1} of {self.effort.rounds}", file=sys.stderr)

    def compare(self, measurements: list[Measure]) -> None:
        """Runs measurements in random order, and keeps the best value of each name."""
        random.shuffle(measurements)
        results: Values = defaultdict(list)
        for measure in measurements:
            for name, value in measure().items():
                results[name].append(value)
        for name, values in results.items():
            best = max if name[0] == "threads" else min
            self.values[name].append(best(values))

    def comparisons(self) -> list[list[Measure]]:
        def each(measure: Callable[..., Results], *cases: tuple[object, ...]) -> list[Measure]:
            return [partial(measure, *case) for case in cases]

        programs = [*NATIVE, *IN_PYTHON]
        return [
            *[each(self.calls, *((program, case) for program in NATIVE)) for case in CASES],
            *[each(self.calls, *((program, case) for program in IN_PYTHON)) for case in CASES],
            *[each(self.threads, *((program, count) for program in THREADED)) for count in THREADS],
            each(self.cold, *((program,) for program in programs)),
            each(self.bare, *self.bare_processes()),
            each(self.idle, *((count,) for count in IDLE)),
            each(self.memory, ("floor",), (CORE,)),
            each(self.wait, ()),
        ]

    def calls(self, program: str, case: str) -> Results:
        scheme, method = case.split()
        is_python = program in IN_PYTHON
        count = self.effort.calls_in_python if is_python else self.effort.calls
        command = self.server.command(program, scheme, "calls", method, count // 10, count)
        results = run([*self.alone, *command])
        return {
            ("wall", program, case): results["wall_ns"] / 1000,
            ("cpu", program, case): results["cpu_ns"] / 1000,
        }

    def cold(self, program: str) -> Results:
        command = self.server.command(program, "https", "calls", "get", 1, 0)
        return {
            ("peak", program): run(command)["peak_kib"] / 1024,
            ("cold", program): wall_ms([*self.alone, *command]),
        }

    def bare_processes(self) -> list[tuple[str, list[str]]]:
        return [
            ("process", ["true"]),
            ("interpreter", [str(PYTHON), "-I", "-c", "pass"]),
            *((name, [str(PYTHON), "-I", "-c", f"import {name}"]) for name in IMPORTS),
        ]

    def bare(self, name: str, command: list[str]) -> Results:
        return {("bare", name): wall_ms([*self.alone, *command])}

    def threads(self, program: str, count: int) -> Results:
        milliseconds = round(self.effort.seconds * 1000)
        results = run(self.open_server.command(program, "http", "threads", count, milliseconds))
        return {("threads", program, str(count)): results["calls_per_s"]}

    def idle(self, count: int) -> Results:
        command = self.server.command(CORE, "http", "idle", count, self.effort.calls)
        return {("idle", str(count)): run([*self.alone, *command])["wall_ns"] / 1000}

    def memory(self, program: str) -> Results:
        results = run(self.open_server.command(program, "https", "memory", 5, 50))
        return {("memory", program): results["kib_per_connection"]}

    def wait(self) -> Results:
        before = self.open_server.connections()
        results = run(self.open_server.command(CORE, "https", "wait", 1000, 64))
        return {
            ("wait", "s"): results["wall_s"],
            ("wait", "polls"): results["polls"],
            ("wait", "connections"): self.open_server.connections() - before,
        }

    def instructions(self) -> None:
        programs = [*NATIVE]
        if self.effort.python_instructions:
            programs += [ZIGNSEC, "Python: pycurl"]
        for program in programs:
            for method in ("get", "post"):
                counted = counts.per_call(counts.instructions, self.server, program, "http", method)
                self.values["instructions", program, f"http {method}"].append(counted)

    def system_calls(self) -> dict[str, dict[str, float]]:
        return {
            program: counts.system_calls_per_call(self.server, program, "https", "post")
            for program in NATIVE
        }

    def spread(self, *name: str) -> Spread:
        return Spread.of(self.values[name])

    def ratio(self, of: tuple[str, ...], to: tuple[str, ...]) -> Spread:
        pairs = zip(self.values[of], self.values[to], strict=True)
        return Spread.of([value / base for value, base in pairs])

    def difference(self, of: tuple[str, ...], to: tuple[str, ...]) -> Spread:
        pairs = zip(self.values[of], self.values[to], strict=True)
        return Spread.of([value - base for value, base in pairs])


def sizes() -> list[Row]:
    stripped = BUILT / "stripped"
    library = TARGET / "release/libzignsec.so"
    subprocess.run(["strip", "--strip-unneeded", "-o", stripped, library], check=True)
    wheel = max((TARGET / "wheels").glob("zignsec-*.whl"), key=lambda file: file.stat().st_mtime)

    def megabytes(file: Path) -> Spread:
        return Spread.of([file.stat().st_size / 1e6])

    return [
        Row("shared library, stripped", megabytes(stripped), "MB", at_most=1.9, digits=3),
        Row("wheel", megabytes(wheel), "MB", at_most=1.0, digits=3),
    ]


def compared(
    bench: Bench, title: str, of: str, to: str, limits: dict[str, float | None]
) -> list[Row]:
    """The ratio of one client to another, for each case, with the limit of each measurement."""
    return [
        Row(
            f"{title}, {case}, {what}",
            bench.ratio((what, of, case), (what, to, case)),
            at_most=limit,
        )
        for what, limit in limits.items()
        for case in CASES
        if (what, of, case) in bench.values
    ]


def targets(bench: Bench, system_calls: dict[str, dict[str, float]]) -> list[Row]:
    rows = compared(
        bench, "core to the floor", CORE, "floor", {"wall": 1.3, "cpu": 1.45, "instructions": 3.5}
    )
    for name in ("send", "receive", "peek"):
        count = Spread.of([round(system_calls[CORE].get(name, 0), 1)])
        rows.append(Row(f"core, {name} a call", count, "", at_most=1))
    rows += compared(
        bench,
        "C ABI to libcurl + cJSON",
        C_ABI,
        LIBCURL,
        {"wall": 0.7, "cpu": 0.6, "instructions": 0.45},
    )
    rows += compared(bench, "C ABI to core", C_ABI, CORE, {"instructions": 1.02, "cpu": None})
    for other, least in (("pycurl", 2.2), ("httpx", 25), ("requests", 40)):
        for case in CASES:
            figure = bench.ratio(("cpu", f"Python: {other}", case), ("cpu", ZIGNSEC, case))
            rows.append(Row(f"{other} to zignsec in Python, {case}, cpu", figure, at_least=least))
    peak = bench.spread("peak", C_ABI)
    one_import = bench.difference(("bare", "zignsec"), ("bare", "interpreter"))
    at_once = bench.ratio(("threads", CORE, "8"), ("threads", "floor", "8"))
    idle = bench.ratio(("idle", "1000"), ("idle", "0"))
    cold = bench.ratio(("cold", C_ABI), ("cold", LIBCURL))
    return [
        *rows,
        Row("C process with one HTTPS call, to libcurl's", cold, at_most=0.5),
        Row("import zignsec over the bare interpreter", one_import, "ms", at_most=5),
        Row("8 threads on one client, to 8 floor connections", at_once, at_least=0.65),
        Row("a call with 1,000 idle connections, to one with none", idle, at_most=1.2),
        Row("memory of an idle TLS connection", bench.spread("memory", CORE), "KiB", at_most=48),
        Row("peak memory of a C program with one TLS call", peak, "MiB", at_most=6),
        *sizes(),
    ]


def clients(bench: Bench) -> list[Row]:
    """All clients, as ratios to the floor."""
    rows = [
        Row(f"{program}, {case}, {what}", bench.ratio((what, program, case), (what, "floor", case)))
        for what in ("wall", "cpu")
        for program in [*NATIVE, *IN_PYTHON]
        if program != "floor"
        for case in CASES
    ]
    for program in ["floor", *NATIVE, *IN_PYTHON]:
        for case in CASES:
            counted = ("instructions", program, case)
            if counted in bench.values:
                row = Row(f"{program}, {case}, instructions", bench.spread(*counted), "", digits=0)
                rows.append(row)
    for case in CASES:
        rows.append(
            Row(f"floor, {case}, wall", bench.spread("wall", "floor", case), "us", digits=1)
        )
        rows.append(Row(f"floor, {case}, cpu", bench.spread("cpu", "floor", case), "us", digits=1))
    for program in [*NATIVE, *IN_PYTHON]:
        rows.append(Row(f"{program}, cold start", bench.spread("cold", program), "ms"))
        rows.append(Row(f"{program}, peak memory", bench.spread("peak", program), "MiB", digits=1))
    for name, _ in bench.bare_processes():
        what = f"import {name}" if name in IMPORTS else f"bare {name}"
        rows.append(Row(what, bench.spread("bare", name), "ms"))
    for program in THREADED:
        for count in THREADS:
            calls_per_s = bench.spread("threads", program, str(count))
            rows.append(Row(f"{program}, {count} threads", calls_per_s, "calls/s", digits=0))
    for count in IDLE:
        rows.append(
            Row(f"core, {count} idle connections", bench.spread("idle", str(count)), "us", digits=1)
        )
    rows += [
        Row("floor, an idle TLS connection", bench.spread("memory", "floor"), "KiB"),
        Row("wait for 1,000 sessions on 64 threads", bench.spread("wait", "s"), "s"),
        Row("... polls", bench.spread("wait", "polls"), "", digits=0),
        Row("... connections", bench.spread("wait", "connections"), "", digits=0),
    ]
    return list({row.what: row for row in rows}.values())


def as_table(rows: list[Row]) -> str:
    labels = {True: "yes", False: "**no**", None: ""}
    lines = ["| what | figure | | target | met |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.figure.shown(row.digits)} | {row.unit} | {row.target} | "
        f"{labels[row.is_met]} |"
        for row in rows
    ]
    return "\n".join(lines)


def as_report(cores: Cores, effort: Effort, parts: dict[str, str]) -> str:
    head = (
        f"{platform.system()} {platform.release()}, {platform.machine()}, {len(cores.all)} cores; "
        f"{counts.compiler()}. Client and server share core {cores.one[0]}; measurements with "
        f"several threads use all cores. {effort.rounds} shuffled rounds: median (lowest to "
        "highest)."
    )
    return "\n\n".join([head, *(f"## {title}\n\n{text}" for title, text in parts.items())]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    effort = QUICK if parser.parse_args().quick else FULL
    cores = Cores()
    with (
        serving(cores.pinned(cores.one)) as server,
        serving(cores.pinned(cores.all)) as open_server,
    ):
        bench = Bench(server, open_server, effort, cores)
        bench.rounds()
        bench.instructions()
        system_calls = bench.system_calls()
    traces = "\n".join(
        f"- {program}: " + ", ".join(f"{count:g} {name}" for name, count in calls.items())
        for program, calls in system_calls.items()
    )
    target_rows, all_rows = targets(bench, system_calls), clients(bench)
    report = as_report(
        cores,
        effort,
        {
            "Targets": as_table(target_rows),
            "Everything measured": as_table(all_rows),
            "System calls of an HTTPS POST": traces,
        },
    )
    (BUILT / "table.md").write_text(report)
    values = {" / ".join(name): values for name, values in bench.values.items()}
    (BUILT / "values.json").write_text(json.dumps(values, indent=1) + "\n")
    plot.draw(bench.values, CASES, BUILT / "plot.svg")
    print(report)
    print(f"Also written to {BUILT}: table.md, plot.svg, values.json")


if __name__ == "__main__":
    main()
