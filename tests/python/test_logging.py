"""The logger `zignsec`."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import zignsec
from sandbox import Sandbox
from steps import SIGNALS, OnSignal, send_when, start_session

TRACE = 5


class Recorder(logging.Handler):
    """Stores every record."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """The records of all loggers of the process, at every level."""
    root, logger = logging.getLogger(), logging.getLogger("zignsec")
    levels = root.level, logger.level
    recorder = Recorder()
    root.addHandler(recorder)
    root.setLevel(1)
    yield recorder
    root.removeHandler(recorder)
    root.setLevel(levels[0])
    logger.setLevel(levels[1])


def test_each_attempt_is_one_record(
    sandbox: Sandbox, client: zignsec.Client, recorder: Recorder
) -> None:
    session_id = start_session(client)
    sandbox.arm("http-500")
    client.get_session(session_id)
    lines = [record for record in recorder.records if record.levelno > TRACE]
    assert [record.levelno for record in lines] == [logging.DEBUG, logging.WARNING, logging.DEBUG]
    assert lines[0].getMessage().startswith("POST ")
    assert lines[1].getMessage().startswith("GET ")
    assert "500" in lines[1].getMessage()
    for record in lines:
        # As for any logger, the source line is the one that made the call.
        assert record.filename in ("test_logging.py", "steps.py")
        assert not record.args


def test_only_records_of_the_core_are_forwarded(
    sandbox: Sandbox, client: zignsec.Client, recorder: Recorder
) -> None:
    session_id = start_session(client)
    sandbox.arm("http-500")
    client.get_session(session_id)
    assert {record.name for record in recorder.records} == {"zignsec"}
    shown = "\n".join(record.getMessage() for record in recorder.records)
    for secret in (sandbox.api_key, session_id, "3339954"):
        assert secret not in shown


def test_change_of_level_applies_to_the_next_call(
    client: zignsec.Client, recorder: Recorder
) -> None:
    logger = logging.getLogger("zignsec")
    session_id = start_session(client)
    for level, count in ((logging.WARNING, 0), (logging.DEBUG, 1), (logging.CRITICAL, 0)):
        logger.setLevel(level)
        recorder.records.clear()
        client.get_session(session_id)
        assert len(recorder.records) == count


@pytest.mark.parametrize("raised", [LookupError("mine"), KeyboardInterrupt()])
def test_exception_of_a_handler_ends_the_call(
    client: zignsec.Client, recorder: Recorder, raised: BaseException
) -> None:
    session_id = start_session(client)

    def fail(_record: logging.LogRecord) -> bool:
        raise raised

    recorder.addFilter(fail)
    with pytest.raises(type(raised)) as caught:
        client.get_session(session_id)
    assert caught.value is raised
    recorder.removeFilter(fail)
    assert client.get_session(session_id).id == session_id


def test_nested_call_keeps_the_exception_of_a_handler(
    sandbox: Sandbox, client: zignsec.Client, recorder: Recorder, on_signal: OnSignal
) -> None:
    session_id = start_session(client)
    inner: list[zignsec.Session] = []
    on_signal(SIGNALS[0], lambda: inner.append(client.get_session(session_id)))
    # The signal arrives during the pause before the retry.
    sandbox.arm("unavailable-retry-after")
    failed = threading.Event()

    def fail(_record: logging.LogRecord) -> bool:
        recorder.removeFilter(fail)
        failed.set()
        raise LookupError

    recorder.addFilter(fail)
    sender = send_when(failed.is_set, SIGNALS[0])
    with pytest.raises(LookupError):
        client.get_session(session_id)
    sender.join()
    assert [session.id for session in inner] == [session_id]


def test_handler_can_make_a_call(client: zignsec.Client, recorder: Recorder) -> None:
    session_id = start_session(client)
    inner: list[zignsec.Session] = []

    def call(_record: logging.LogRecord) -> bool:
        recorder.removeFilter(call)
        inner.append(client.get_session(session_id))
        return True

    recorder.addFilter(call)
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


def test_no_output_without_logging_configuration(sandbox: Sandbox) -> None:
    sandbox.arm("http-500")
    command = [sys.executable, "-c", UNCONFIGURED, sandbox.api_key, sandbox.url]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (completed.returncode, completed.stdout, completed.stderr) == (0, "", "")
