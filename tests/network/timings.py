"""The table of times beside curl's, which is printed after the tests."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

HEADINGS = ("", "curl", "zignsec", "goal", "")


def goal(curl: float) -> float:
    """How long a call should take at most, in seconds, if curl takes that long in the same place.

    The tests allow more, because machines that run tests are busy.
    """
    return 1.3 * curl + 0.05


def limit(curl: float) -> float:
    """How long a call may take, in seconds."""
    return 2 * curl + 0.3


@dataclass
class Timings:
    """How long calls took, in seconds."""

    rows: list[tuple[str, float, float]] = field(default_factory=list[tuple[str, float, float]])

    def add(self, case: str, curl: float, own: float) -> None:
        self.rows.append((case, curl, own))

    def lines(self) -> list[str]:
        texts: list[tuple[str, ...]] = [HEADINGS]
        for case, curl, own in self.rows:
            verdict = "" if own <= goal(curl) else "slower"
            # curl took too long for the test.
            times = [f"{each:.3f}" if each < math.inf else "-" for each in (curl, own, goal(curl))]
            texts.append((case, times[0], times[1], times[2], verdict))
        return [f"{a:<44} {b:>8} {c:>8} {d:>8} {e}".rstrip() for a, b, c, d, e in texts]
