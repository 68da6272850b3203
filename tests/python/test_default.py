"""The module-level functions, which use the default client."""

from __future__ import annotations

import os
import subprocess
import sys

from sandbox import Sandbox

PROGRAM = """
import os, signal, sys, threading, zignsec

def start():
    return zignsec.start_phone_2fa(
        "+46703339954", redirect_success="https://a.example", redirect_failure="https://b.example"
    )

url = os.environ.pop("ZIGNSEC_BASE_URL")
os.environ["ZIGNSEC_BASE_URL"] = "nonsense"
try:
    start()
except zignsec.ConfigurationError:
    # The error is not remembered.
    os.environ["ZIGNSEC_BASE_URL"] = url

gate = threading.Barrier(8)
sessions = []

def first():
    gate.wait()
    sessions.append(start())

threads = [threading.Thread(target=first) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(sessions) == 8

# From here on, the environment is not read again.
os.environ["ZIGNSEC_BASE_URL"] = "nonsense"
child = os.fork()
# Ends a child that hangs.
signal.alarm(30)
session = start()
assert zignsec.get_session(session.id).id == session.id
# In one write, because the child writes to the same pipe.
os.write(1, session.id.encode() + b" ")
polls = []
try:
    zignsec.wait_for_session(
        session.id, timeout=0.2, poll_interval=0.1, on_poll=lambda *poll: polls.append(poll)
    )
except zignsec.WaitTimeoutError:
    assert polls
if child:
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""


def test_default_client_is_created_once_from_the_environment(sandbox: Sandbox) -> None:
    env = {
        **os.environ,
        "ZIGNSEC_API_KEY": sandbox.api_key,
        "ZIGNSEC_BASE_URL": sandbox.url,
    }
    completed = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, stdout=subprocess.PIPE, text=True, timeout=60
    )
    assert completed.returncode == 0
    assert len(set(completed.stdout.split())) == 2
    assert len(sandbox.call("sessions")) == 10
