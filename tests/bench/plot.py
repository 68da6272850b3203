"""The plot of `make bench`: CPU and wall time of a call for every client, relative to the floor."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot

Values = dict[tuple[str, ...], list[float]]
OURS = {"core", "C ABI", "Python: zignsec"}


def draw(values: Values, cases: list[str], file: Path) -> None:
    programs = [name[1] for name in values if name[0] == "cpu" and name[2] == cases[0]]
    programs = sorted(
        {*programs} - {"floor"}, key=lambda name: median_ratio(values, "cpu", name, cases[0])
    )
    figure, axes = pyplot.subplots(2, len(cases), figsize=(4 * len(cases), 7), sharey=True)
    for row, what in enumerate(("wall", "cpu")):
        for column, case in enumerate(cases):
            axis = axes[row][column]
            for place, program in enumerate(programs):
                ratios = ratios_to_floor(values, what, program, case)
                median = statistics.median(ratios)
                axis.barh(place, median, color="#2b6cb0" if program in OURS else "#a0aec0")
                axis.plot([min(ratios), max(ratios)], [place, place], color="black", linewidth=1)
                axis.annotate(f" {median:.2g}", (max(ratios), place), va="center", fontsize=8)
            axis.set_yticks(range(len(programs)), programs)
            axis.set_xscale("log")
            axis.set_xlim(left=0.9, right=axis.get_xlim()[1] * 2)
            axis.set_title(f"{case}: {what}", fontsize=10)
    figure.suptitle(
        "A call on an open connection, relative to a raw socket (median, lowest to highest)"
    )
    figure.tight_layout()
    figure.savefig(file)


def median_ratio(values: Values, what: str, program: str, case: str) -> float:
    return statistics.median(ratios_to_floor(values, what, program, case))


def ratios_to_floor(values: Values, what: str, program: str, case: str) -> list[float]:
    pairs = zip(values[what, program, case], values[what, "floor", case], strict=True)
    return [value / base for value, base in pairs]
