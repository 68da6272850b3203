"""Hosts with addresses that do not answer or are far away, and name servers that do not answer: the
first call succeeds with default limits, in about the time that curl takes in the same place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from namespaces import (
    DEAD_NAME_SERVER,
    NAME_SERVER,
    Host,
    Network,
    dead,
    dead_ipv6,
    live,
    network,
)
from timings import Timings, limit

ROUND_TRIP = 0.04
"""In seconds."""

HEAD_START = 0.25
"""How long the client tries an address before the next one joins, in seconds."""

IDLE = 2.0
"""After this time, in seconds, a POST does not use the connection of the call before."""

SIX = range(1, 7)
HOSTS = {
    "live.example": Host([live(1)]),
    "dead-ipv6.example": Host([dead_ipv6(1), live(1)]),
    "six-dead.example": Host([*map(dead_ipv6, SIX), live(1)]),
    "six-dead-of-both.example": Host([*map(dead_ipv6, SIX), *map(dead, SIX), live(1)]),
    "far-24.example": Host([live(number) for number in range(1, 25)]),
    "far-8.example": Host([live(number) for number in range(1, 9)]),
    "no-ipv6-answer.example": Host([live(1)], ipv6="silent"),
    "ipv6-fails.example": Host([live(1)], ipv6="servfail"),
    "ipv6-late.example": Host([live(1)], ipv6="late"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("network"), HOSTS) as made:
        yield made


@dataclass(frozen=True)
class Case:
    host: str
    round_trip: float = ROUND_TRIP
    name_servers: tuple[str, ...] = (NAME_SERVER,)
    options: str = ""
    """The options of ``resolv.conf``."""
    most: float = math.inf
    """How long the call may take in any case, in seconds."""


CASES = {
    "all is well": Case("live.example"),
    "dead IPv6 address": Case("dead-ipv6.example"),
    "six dead addresses": Case("six-dead.example"),
    # curl tries the addresses of a family one after the other, each for half of the time left.
    "six dead addresses of both families": Case(
        "six-dead-of-both.example", most=12 * HEAD_START + 0.5
    ),
    "24 addresses at 0.3 s": Case("far-24.example", 0.3),
    "8 addresses at 0.8 s": Case("far-8.example", 0.8),
    "dead first name server": Case(
        "live.example", name_servers=(DEAD_NAME_SERVER, NAME_SERVER), most=6
    ),
    # With the defaults of glibc, the lookup takes 15 s, and so do three attempts of 5 s with the
    # pauses between them: whether the call succeeds is a matter of luck.
    "no answer for AAAA": Case("no-ipv6-answer.example", options="timeout:1 attempts:2"),
    "SERVFAIL for AAAA": Case("ipv6-fails.example"),
    "late answer for AAAA": Case("ipv6-late.example"),
}


def enter(place: Network, case: Case) -> None:
    place.set_round_trip(case.round_trip)
    place.use_name_servers(*case.name_servers, options=case.options)


@pytest.mark.parametrize("name", CASES)
def test_first_call_takes_about_as_long_as_with_curl(
    place: Network, timings: Timings, name: str
) -> None:
    case = CASES[name]
    enter(place, case)
    curl = place.curl(case.host)
    (result,) = place.call(case.host, (0, "POST"))
    timings.add(name, curl, result.seconds)
    assert result.session_id, result.message
    assert result.seconds <= min(limit(curl), case.most)


@pytest.mark.parametrize("name", [name for name in CASES if "dead" in CASES[name].host])
def test_next_connection_begins_where_the_first_one_succeeded(place: Network, name: str) -> None:
    case = CASES[name]
    enter(place, case)
    assert place.addresses(case.host) == list(HOSTS[case.host].addresses)
    first, *later = place.call(case.host, (0, "POST"), (IDLE, "POST"), (IDLE, "POST"))
    assert first.session_id, first.message
    assert all(result.session_id for result in later), later
    assert first.seconds >= HEAD_START
    # The lookup, TCP, TLS and the request: it is a new connection. The machine may be busy once.
    assert 3.5 * ROUND_TRIP <= min(result.seconds for result in later) < HEAD_START


@pytest.mark.parametrize(("shared", "most"), [(True, 1), (False, 16)])
def test_lookup_threads_while_no_name_server_answers(
    place: Network, shared: bool, most: int
) -> None:
    place.use_name_servers(DEAD_NAME_SERVER)
    options = {"connect_timeout": 0.2, "max_retries": 0}
    threads = place.count_lookup_threads("live.example", shared=shared, **options)
    assert 1 <= threads <= most
