"""What the logger `zignsec` receives."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import zignsec
from sandbox import Sandbox
from steps import OnSignal, send_when, started

TRACE = 5


class Keeper(logging.Handler):
    """Keeps every record."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    """What every logger of the process receives, at every level."""
    root, logger = logging.getLogger(), logging.getLogger("zignsec")
    levels = root.level, logger.level
    keeper = Keeper()
    root.addHandler(keeper)
    root.setLevel(1)
    yield keeper
    root.removeHandler(keeper)
    root.setLevel(levels[0])
    logger.setLevel(levels[1])


def test_each_attempt_is_a_line(sandbox: Sandbox, client: zignsec.Client, keeper: Keeper) -> None:
    session_id = started(client)
    sandbox.arm("http-500")
    client.get_session(session_id)
    lines = [record for record in keeper.records if record.levelno > TRACE]
    assert [record.levelno for record in lines] == [logging.DEBUG, logging.WARNING, logging.DEBUG]
    assert lines[0].getMessage().startswith("POST ")
    assert lines[1].getMessage().startswith("GET ")
    assert "500" in lines[1].getMessage()
    for record in lines:
        # As of any logger, the line of the program that made the call.
        assert record.filename in ("test_logging.py", "steps.py")
        assert not record.args


def test_only_what_the_core_logs_is_handed_on(
    sandbox: Sandbox, client: zignsec.Client, keeper: Keeper
) -> None:
    session_id = started(client)
    sandbox.arm("http-500")
    client.get_session(session_id)
    assert {record.name for record in keeper.records} == {"zignsec"}
    shown = "\n".join(record.getMessage() for record in keeper.records)
    for secret in (sandbox.api_key, session_id, "3339954"):
        assert secret not in shown


def test_a_change_of_level_counts_from_the_next_call(
    client: zignsec.Client, keeper: Keeper
) -> None:
    logger = logging.getLogger("zignsec")
    session_id = started(client)
    for level, count in ((logging.WARNING, 0), (logging.DEBUG, 1), (logging.CRITICAL, 0)):
        logger.setLevel(level)
        keeper.records.clear()
        client.get_session(session_id)
        assert len(keeper.records) == count


@pytest.mark.parametrize("raised", [LookupError("mine"), KeyboardInterrupt()])
def test_what_logging_raises_passes_through(
    client: zignsec.Client, keeper: Keeper, raised: BaseException
) -> None:
    session_id = started(client)

    def fail(_record: logging.LogRecord) -> bool:
        raise raised

    keeper.addFilter(fail)
    with pytest.raises(type(raised)) as caught:
        client.get_session(session_id)
    assert caught.value is raised
    keeper.removeFilter(fail)
    assert client.get_session(session_id).id == session_id


def test_a_call_in_between_does_not_swallow_what_logging_raised(
    sandbox: Sandbox, client: zignsec.Client, keeper: Keeper, on_signal: OnSignal
) -> None:
    session_id = started(client)
    inner: list[zignsec.Session] = []
    on_signal(signal.SIGUSR1, lambda: inner.append(client.get_session(session_id)))
    # A pause, in which the signal arrives.
    sandbox.arm("unavailable-retry-after")
    failed = threading.Event()

    def fail(_record: logging.LogRecord) -> bool:
        keeper.removeFilter(fail)
        failed.set()
        raise LookupError

    keeper.addFilter(fail)
    sender = send_when(failed.is_set, signal.SIGUSR1)
    with pytest.raises(LookupError):
        client.get_session(session_id)
    sender.join()
    assert [session.id for session in inner] == [session_id]


def test_a_handler_may_make_a_call(client: zignsec.Client, keeper: Keeper) -> None:
    session_id = started(client)
    inner: list[zignsec.Session] = []

    def call(_record: logging.LogRecord) -> bool:
        keeper.removeFilter(call)
        inner.append(client.get_session(session_id))
        return True

    keeper.addFilter(call)
    assert client.get_session(session_id) == inner[0]


UNCONFIGURED = """
import sys, zignsec
key, url = sys.argv[1:]
client = zignsec.Client(key, base_url=url, max_retries=0)
try:
    client.get_session("a")
except zignsec.ServerError:
    pass
"""


def test_a_program_that_sets_up_no_logging_sees_none(sandbox: Sandbox) -> None:
    sandbox.arm("http-500")
    command = [sys.executable, "-c", UNCONFIGURED, sandbox.api_key, sandbox.url]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
