"""Errors of a connection that cannot be opened."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest
import zignsec
from error_table import ErrorTable
from network import dead_port

REMEDY = "check the base URL, the network and the proxy"


@contextmanager
def silent_port() -> Generator[str, None, None]:
    """The address of a port that neither accepts nor refuses connections: its backlog is full."""
    with ExitStack() as stack:
        held = stack.enter_context(socket.socket())
        held.bind(("127.0.0.1", 0))
        held.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(held.getsockname())
        yield f"127.0.0.1:{held.getsockname()[1]}"


def failure(url: str) -> zignsec.APIConnectionError:
    with (
        zignsec.Client("key", base_url=url, proxy="none", connect_timeout=1.0) as client,
        pytest.raises(zignsec.APIConnectionError) as caught,
    ):
        client.start_phone_2fa(
            "+46701740605",
            redirect_success="https://a.example/",
            redirect_failure="https://a.example/",
        )
    assert not caught.value.in_doubt
    return caught.value


def test_a_refused_connection(errors: ErrorTable) -> None:
    with dead_port() as address:
        error = failure(f"https://{address}")
        text = errors.add("connect: refused", error, peer=f"https://{address}", remedy=REMEDY)
    assert "connection refused (ECONNREFUSED)" in text
    assert error.attempts == 3


def test_two_refused_addresses(errors: ErrorTable) -> None:
    with dead_port() as address:
        url = f"https://localhost:{address.rpartition(':')[2]}"
        text = errors.add("connect: two refused", failure(url), peer=url, remedy=REMEDY)
    assert "connection refused (ECONNREFUSED)" in text


def test_a_connection_that_is_neither_accepted_nor_refused(errors: ErrorTable) -> None:
    with silent_port() as address:
        error = failure(f"https://{address}")
        text = errors.add(
            "connect: silent", error, peer=f"https://{address}", remedy="raise the time limits"
        )
    assert isinstance(error, zignsec.APITimeoutError)
    assert "connecting timed out" in text


def test_a_host_that_does_not_exist(errors: ErrorTable) -> None:
    url = "https://gateway.invalid"
    error = failure(url)
    if isinstance(error, zignsec.APITimeoutError):
        # No name server answers.
        text = errors.add("lookup: no answer", error, peer=url, remedy="check the name servers")
        assert "looking up the host name timed out" in text
    else:
        text = errors.add("lookup: no such host", error, peer=url, remedy=REMEDY)
        assert "host name could not be resolved" in text
