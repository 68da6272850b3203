"""The faults and expected results in tests/vectors/answers.json, run by Python."""

from __future__ import annotations

import json
import queue
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import zignsec
from cases import cases, expect
from sandbox import Sandbox

Case = dict[str, Any]

THREADS = 8
NO_SESSION = "55c20771-9d75-4241-8e0f-94d3a37671ca"
ACCEPTED = "+46701740606"
"""The sandbox accepts sessions with this number at once, so they are verified."""

CALLS = {
    f"{row['name']} ({call})": (row, call)
    for row in cases("answers.json")
    for call in ("start", "get")
    if call in row
}


@dataclass(frozen=True)
class Servers:
    """The servers of one thread. They are not shared, because faults affect the next request."""

    plain: Sandbox
    secure: Sandbox


@pytest.fixture(scope="module")
def results() -> Iterator[dict[str, Future[None]]]:
    """All calls of the table. Many wait for a time limit, so they run in parallel."""
    free: queue.Queue[Servers] = queue.Queue()
    with ExitStack() as stack, ThreadPoolExecutor(THREADS) as threads:
        for _ in range(THREADS):
            servers = Servers(Sandbox(), Sandbox("--tls"))
            stack.callback(servers.plain.stop)
            stack.callback(servers.secure.stop)
            free.put(servers)

        def work(row: Case, call: str) -> None:
            servers = free.get()
            try:
                run(row, call, servers)
            finally:
                free.put(servers)

        yield {name: threads.submit(work, *each) for name, each in CALLS.items()}


@pytest.mark.parametrize("name", CALLS)
def test_each_fault_has_the_expected_result(name: str, results: dict[str, Future[None]]) -> None:
    results[name].result()


def start(client: zignsec.Client, phone_number: str) -> zignsec.Session:
    return client.start_phone_2fa(
        phone_number,
        redirect_success="https://a.example/ok",
        redirect_failure="https://a.example/no",
    )


def reserved_port(stack: ExitStack, queue: int | None) -> socket.socket:
    """A port that accepts so many connections and stays silent; None: nothing listens on it."""
    port = stack.enter_context(socket.socket())
    port.bind(("127.0.0.1", 0))
    port.setblocking(False)
    if queue is not None:
        port.listen(queue)
    if queue == 0:
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(port.getsockname())
    return port


def connections(port: socket.socket) -> int:
    """The number of connections that were opened."""
    count = 0
    while True:
        try:
            port.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def run(row: Case, call: str, servers: Servers) -> None:
    expected, setup = row[call], row.get("setup")
    of_secure = row.get("tls") or setup in ("http-to-https", "untrusted")
    box = servers.secure if of_secure else servers.plain
    silent = setup in ("silent", "silent-tls")
    with ExitStack() as stack:
        port = reserved_port(stack, 16 if silent else 0 if setup == "full" else None)
        elsewhere = reserved_port(stack, 16)
        authority = f"127.0.0.1:{port.getsockname()[1]}"
        base_url = {
            None: box.url,
            "refused": f"http://{authority}",
            "full": f"http://{authority}",
            "silent": f"http://{authority}",
            "silent-tls": f"https://{authority}",
            # Labels have at most 63 letters, so this fails without a DNS query.
            "unknown-host": f"https://{'a' * 64}.example",
            "https-to-http": box.url.replace("http:", "https:"),
            "http-to-https": box.url.replace("https:", "http:"),
            "untrusted": box.url,
        }[setup]
        assert servers.secure.ca_file is not None
        folder = Path(servers.secure.ca_file).parent
        certificate = (str(folder / "client.pem"), str(folder / "client-key.pem"))
        options: dict[str, Any] = {
            "base_url": base_url,
            # Also without TLS, because reading the CA certificates of the system is slow.
            "ca_file": None if setup == "untrusted" else servers.secure.ca_file,
            "client_cert": certificate if row.get("client_certificate") else None,
            "max_retries": row.get("max_retries", 0),
        }
        keys = ("retired-key", box.api_key) if row.get("old_key") else (box.api_key, None)
        other = stack.enter_context(zignsec.Client(box.api_key, **options))
        client = stack.enter_context(
            zignsec.Client(
                keys[0],
                secondary_api_key=keys[1],
                attempt_timeout=row.get("timeout_ms", 10_000) / 1000,
                **options,
            )
        )

        box.reset()
        session_id = NO_SESSION
        if "fault_before" in row:
            box.call("faults", row["fault_before"])
            session_id = start(client, ACCEPTED).id
        elif setup is None:
            session_id = start(other, ACCEPTED).id
        before = len(box.requests())
        if "fault" in row:
            url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
            box.call("faults", json.loads(json.dumps(row["fault"]).replace("{elsewhere}", url)))
        try:
            session = (
                client.get_session(session_id) if call == "get" else start(client, "+46701740605")
            )
        except zignsec.ZignSecError as error:
            check_error(error, expected)
        else:
            assert "kind" not in expected, session
            assert session.status is zignsec.SessionStatus(expected["status"])
            assert session.is_verified == expected.get("verified", False)

        if "requests" in expected:
            assert len(box.requests()) - before == expected["requests"]
        if silent:
            assert connections(port) == expected["connections"]
        assert connections(elsewhere) == 0
        if setup is None:
            # The next call of the client works.
            box.disarm()
            session = client.get_session(session_id)
            assert session.id == session_id
            assert session.is_verified


def check_error(error: zignsec.ZignSecError, expected: Case) -> None:
    expect(expected["kind"], error)
    assert error.attempts == expected["attempts"]
    assert error.in_doubt == expected.get("in_doubt", False)
    assert error.status_code == expected.get("http_status")
    assert (error.body is not None) == ("http_status" in expected)
    assert expected.get("says", "") in str(error)
    if "retry_after_s" in expected:
        assert error.retry_after is not None
        # An HTTP date has whole seconds, and some time has passed.
        assert 0 <= expected["retry_after_s"] - error.retry_after < 2
    else:
        assert error.retry_after is None
