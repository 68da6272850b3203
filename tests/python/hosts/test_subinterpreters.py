"""Several interpreters in one process: the first one that imports zignsec is the only one."""

from __future__ import annotations

import subprocess
import sys

import pytest
import zignsec
from sandbox import Sandbox
from steps import start_session

PRELUDE = """
import sys, textwrap
try:
    import _interpreters as interpreters
    run = interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string
URL, KEY, SESSION_ID = sys.argv[1:]

def create(kind):
    if interpreters.__name__ == "_interpreters":
        return interpreters.create(kind)
    return interpreters.create(isolated=kind == "isolated")

def within(interpreter, program):
    settings = f"URL, KEY, SESSION_ID = {(URL, KEY, SESSION_ID)!r}\\n"
    failed = run(interpreter, settings + PROGRAMS + program)
    if failed is not None:
        sys.exit(failed.formatted)

PROGRAMS = '''
import sys

def is_refused():
    try:
        import zignsec
    except ImportError as error:
        message = str(error)
    else:
        raise AssertionError("imported")
    assert "start another process" in message, message
    if "does not support loading in subinterpreters" not in message:  # CPython's own words
        assert "WSGIApplicationGroup %{GLOBAL}" in message, message
        assert "single-interpreter = true" in message, message
    # Nothing of the package is left.
    assert not [name for name in sys.modules if name.startswith("zignsec")]

def works():
    import logging
    import zignsec
    sys.marker = "this interpreter"
    records, polled = [], []

    class Handler(logging.Handler):
        def emit(self, record):
            import sys
            records.append((record.getMessage(), sys.marker))

    logging.getLogger("zignsec").handlers[:] = [Handler()]
    logging.getLogger("zignsec").setLevel(logging.DEBUG)
    client = zignsec.Client(KEY, base_url=URL)
    session = client.get_session(SESSION_ID)
    assert isinstance(session.status, zignsec.SessionStatus)
    for call, error in [
        (lambda: client.get_session("unknown"), zignsec.NotFoundError),
        (lambda: zignsec.verify_webhook(b"{}", "t=1,v1=0", "a"), zignsec.WebhookSignatureError),
        (lambda: client.get_session("a/b"), zignsec.ZignSecError),
    ]:
        try:
            call()
        except error:
            continue
        raise AssertionError(error)

    def on_poll(session, elapsed):
        import sys
        polled.append(sys.marker)
        nested = client.get_session(SESSION_ID)
        raise LookupError(nested.id)

    try:
        client.wait_for_session(SESSION_ID, on_poll=on_poll)
    except LookupError as error:
        assert error.args == (SESSION_ID,)
    assert polled == ["this interpreter"], polled
    assert {marker for _, marker in records} == {"this interpreter"}
    assert len(records) == 4, records
'''
exec(PROGRAMS)
"""

MAIN_FIRST = """
works()
for kind in "legacy", "isolated":
    other = create(kind)
    within(other, "is_refused(); is_refused()")
    interpreters.destroy(other)
works()
"""

OTHER_FIRST = """
first, second = create("legacy"), create("legacy")
within(first, "works()")
is_refused()
within(second, "is_refused()")
within(first, "works()")
interpreters.destroy(first)
within(second, "is_refused()")
is_refused()
interpreters.destroy(second)
"""

# In an interpreter that has its own GIL, CPython refuses to load the extension.
ISOLATED_FIRST = """
other = create("isolated")
within(other, "is_refused()" if sys.version_info >= (3, 12) else "works()")
if sys.version_info >= (3, 12):
    works()
interpreters.destroy(other)
"""

# CPython hangs at exit if an interpreter imports threading on another thread than its first one.
IN_A_THREAD = """
import threading
other = create("legacy")
within(other, "import threading")
errors = []

def run_in_thread():
    try:
        within(other, "works()")
    except BaseException as error:
        errors.append(error)

thread = threading.Thread(target=run_in_thread)
thread.start()
thread.join()
assert not errors, errors
is_refused()
interpreters.destroy(other)
"""

# Eight interpreters import it at the same time, each on its own thread.
RACE = """
import threading
others = [create("legacy") for _ in range(8)]
imported, start = [], threading.Barrier(len(others))
TRY = '''
try:
    import zignsec
except ImportError:
    raise SystemExit("refused")
'''

def try_import(other):
    start.wait()
    try:
        imported.append(run(other, TRY) is None)
    except BaseException:
        imported.append(False)

threads = [threading.Thread(target=try_import, args=(other,)) for other in others]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sorted(imported) == [False] * 7 + [True], imported
for other in others:
    interpreters.destroy(other)
"""

IMPORTED_AGAIN = """
import importlib, zignsec
works()
importlib.reload(zignsec)
works()
for name in [name for name in sys.modules if name.startswith("zignsec")]:
    del sys.modules[name]
import zignsec as again
assert again is not zignsec
client = again.Client(KEY, base_url=URL)
assert client.get_session(SESSION_ID).id == SESSION_ID
"""

FORKED = """
import os, signal
works()
child = os.fork()
if child == 0:
    signal.alarm(30)
    works()
    other = create("legacy")
    within(other, "is_refused()")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""

PROGRAMS = {
    "main interpreter first": MAIN_FIRST,
    "another interpreter first": OTHER_FIRST,
    "isolated interpreter first": ISOLATED_FIRST,
    "on another thread": IN_A_THREAD,
    "at the same time": RACE,
    "imported again": IMPORTED_AGAIN,
    "forked": FORKED,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_one_interpreter_of_a_process_works_and_others_are_refused(
    name: str, sandbox: Sandbox, client: zignsec.Client
) -> None:
    arguments = [sandbox.url, sandbox.api_key, start_session(client)]
    completed = subprocess.run(
        # 3.12 and 3.13 warn that the module of interpreters is private.
        [sys.executable, "-W", "ignore", "-c", PRELUDE + PROGRAMS[name], *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (completed.returncode, completed.stderr) == (0, "")
