"""How many round trips a call costs on a slow link."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from namespaces import Network, network

ROUND_TRIP = 0.04
"""In seconds."""

IDLE = 10.0
"""In seconds."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("network"), {}) as made:
        made.set_round_trip(ROUND_TRIP)
        yield made


def test_a_first_call_costs_three_round_trips(place: Network) -> None:
    # The name is in the hosts file, so that its lookup costs none. The machine may be busy once.
    first = [place.call("in-hosts.example", (0, "POST"))[0] for _ in range(3)]
    assert all(result.session_id for result in first), first
    # TCP, TLS, and the request.
    assert 3 * ROUND_TRIP <= min(result.seconds for result in first) < 3.6 * ROUND_TRIP


def test_a_get_after_a_pause_costs_one_round_trip(place: Network) -> None:
    # The machine may be busy once.
    gets = [(IDLE, "GET")] * 3
    first, *later = place.call("in-hosts.example", (0, "POST"), *gets)
    assert first.session_id, first.message
    assert {result.error for result in later} == {"NotFoundError"}
    assert ROUND_TRIP <= min(result.seconds for result in later) < 1.6 * ROUND_TRIP
