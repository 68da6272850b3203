"""Real servers that close idle connections while the client uses them: no GET fails, and every
session that the gateway has is known to the caller or was reported as in doubt."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
import zignsec
from sandbox import Sandbox
from servers import (
    Setup,
    announcing_nginx,
    apache,
    caddy,
    delay,
    golang,
    gunicorn,
    haproxy,
    nginx,
    nodejs,
    serve,
    stunnel,
    uvicorn,
)
from steps import REDIRECTS

PHONE = "+46703339954"
ANNOUNCING = {announcing_nginx, nodejs}
"""The servers that announce how long they keep a connection. Apache only does if the request has
``Connection: keep-alive``, which the client does not send."""
PROXIES = [nginx, announcing_nginx, haproxy, apache, caddy, stunnel, nodejs, golang]
DEFAULTS: dict[Callable[[Setup, int], list[str]], float] = {
    apache: 5,
    nodejs: 5,
    uvicorn: 5,
    gunicorn: 2,
}
"""How long servers keep a connection by default, in seconds."""


@dataclass
class Calls:
    """What callers know after their calls. Each session is named by its ``relay_state``."""

    reported: set[str] = field(default_factory=set[str])
    in_doubt: dict[str, str] = field(default_factory=dict[str, str])
    failed: list[str] = field(default_factory=list[str])
    """The errors of calls that have no doubtful result; none are expected."""

    def post(self, client: zignsec.Client, name: str) -> None:
        try:
            client.start_phone_2fa(PHONE, **REDIRECTS, relay_state=name)
            self.reported.add(name)
        except zignsec.ZignSecError as error:
            if error.in_doubt:
                self.in_doubt[name] = str(error)
            else:
                self.failed.append(f"POST {name}: {error}")

    def get(self, client: zignsec.Client, session_id: str) -> None:
        try:
            client.get_session(session_id)
        except zignsec.ZignSecError as error:
            self.failed.append(f"GET: {error}")


def call_after_pauses(
    client: zignsec.Client,
    limit: tuple[float, float],
    *,
    threads: int,
    rounds: int,
    gets: bool,
) -> Calls:
    """Make calls in rounds, each thread after its own pause around the server's limit. With
    ``gets``, every second call is a GET."""
    calls = Calls()
    known = client.start_phone_2fa(PHONE, **REDIRECTS, relay_state="first").id
    calls.reported.add("first")
    # Nobody uses a connection during the pauses.
    begin = threading.Barrier(threads)

    def run(thread: int) -> None:
        pauses = random.Random(thread)
        for number in range(rounds):
            begin.wait()
            time.sleep(pauses.uniform(*limit))
            if gets and (thread + number) % 2:
                calls.get(client, known)
            else:
                calls.post(client, f"{thread}-{number}")

    with ThreadPoolExecutor(threads) as pool:
        for finished in [pool.submit(run, thread) for thread in range(threads)]:
            finished.result()
    return calls


def assert_sessions_are_known(gateway: Sandbox, calls: Calls) -> None:
    at_gateway = [session["relay_state"] for session in gateway.call("sessions")]
    assert not calls.failed
    assert len(set(at_gateway)) == len(at_gateway)
    assert calls.reported <= set(at_gateway) <= calls.reported | calls.in_doubt.keys()


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def gateway() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.mark.parametrize("server", PROXIES)
def test_no_call_is_lost_when_a_server_closes_idle_connections(
    server: Callable[[Setup, int], list[str]],
    gateway: Sandbox,
    ca: trustme.CA,
    ca_file: str,
    tmp_path: Path,
) -> None:
    with serve(server, Setup(tmp_path, gateway.port, keep_alive=1), ca) as running:
        url = f"https://127.0.0.1:{running.port}"
        client = zignsec.Client(gateway.api_key, base_url=url, ca_file=ca_file)
        calls = call_after_pauses(client, (0.95, 1.05), threads=16, rounds=4, gets=True)
    assert_sessions_are_known(gateway, calls)
    if server in ANNOUNCING:
        assert not calls.in_doubt


@pytest.mark.timeout(300)
def test_no_creation_is_in_doubt_with_the_defaults_of_servers(
    ca: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    """The end of a connection arrives 25 ms late, so the client uses connections that the server
    has closed."""
    with ExitStack() as stack:

        def start(server: Callable[[Setup, int], list[str]]) -> tuple[Sandbox, zignsec.Client]:
            folder = tmp_path / server.__name__
            (folder / "relay").mkdir(parents=True)
            gateway = stack.enter_context(Sandbox())
            running = stack.enter_context(serve(server, Setup(folder, gateway.port), ca))
            relay = stack.enter_context(delay(folder / "relay", running, 0.025))
            scheme = "http" if server in (gunicorn, uvicorn) else "https"
            url = f"{scheme}://127.0.0.1:{relay.port}"
            return gateway, zignsec.Client(gateway.api_key, base_url=url, ca_file=ca_file)

        started = {server: start(server) for server in DEFAULTS}

        def call(server: Callable[[Setup, int], list[str]]) -> Calls:
            limit = (DEFAULTS[server] - 0.15, DEFAULTS[server] + 0.05)
            return call_after_pauses(started[server][1], limit, threads=50, rounds=20, gets=False)

        with ThreadPoolExecutor(len(DEFAULTS)) as pool:
            results = dict(zip(DEFAULTS, pool.map(call, DEFAULTS), strict=True))
        doubts = {server.__name__: len(calls.in_doubt) for server, calls in results.items()}
        assert not any(doubts.values()), doubts
        for server, calls in results.items():
            assert len(calls.reported) == 50 * 20 + 1
            assert_sessions_are_known(started[server][0], calls)
