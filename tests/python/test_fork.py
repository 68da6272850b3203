"""A child that has the process ID of its parent never uses a connection of its parent."""

from __future__ import annotations

import subprocess
import sys

import pytest
from network import needs
from sandbox import Sandbox
from steps import start_session

CLONE_NEWPID = 0x20000000

# The alarm ends a child that hangs; process 1 of a namespace needs a handler for it.
COMMON = """
import ctypes, logging, multiprocessing, os, signal, subprocess, sys, threading, zignsec
key, url, ca_file, session_id = sys.argv[1:]

def new_client():
    return zignsec.Client(key, base_url=url, ca_file=ca_file, max_retries=0)

def limit_time():
    signal.signal(signal.SIGALRM, lambda *_: os._exit(3))
    signal.alarm(60)

def fork():
    "Forks; the child is process 1 of a new PID namespace."
    assert ctypes.CDLL(None).unshare(0x20000000) == 0
    child = os.fork()
    if child == 0:
        limit_time()
        assert os.getpid() == 1
    return child

def get(client, count=100):
    for _ in range(count):
        assert client.get_session(session_id).id == session_id

def wait_for(child):
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

def end_child(call):
    try:
        call()
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)

def both(client):
    "Parent and child make calls at the same time."
    child = fork()
    if child == 0:
        end_child(lambda: get(client))
    get(client)
    wait_for(child)

def main():
    client = new_client()
    get(client, 1)
    {main}

# A namespace in which this process is process 1.
first = fork()
if first == 0:
    end_child(main)
wait_for(first)
"""

PROGRAMS = {
    "parent and child": "both(client)",
    "three generations": """
    child = fork()
    if child == 0:
        get(client, 1)
        end_child(lambda: both(client))
    get(client)
    wait_for(child)
""",
    "in a thread": """
    thread = threading.Thread(target=both, args=[client])
    thread.start()
    get(client)
    thread.join()
""",
    "in on_poll": """
    children = []
    def on_poll(session, elapsed):
        children.append(fork())
        get(client)
        return False
    try:
        client.wait_for_session(session_id, on_poll=on_poll)
    except zignsec.CallCancelledError:
        pass
    get(client)
    if children == [0]:
        os._exit(0)
    wait_for(children[0])
""",
    "in a logging handler": """
    children = []
    class Handler(logging.Handler):
        def emit(self, record):
            if not children:
                children.append(fork())
                if children == [0]:
                    end_child(lambda: get(new_client()))
    logging.getLogger("zignsec").addHandler(Handler())
    logging.getLogger("zignsec").setLevel(1)
    get(client)
    wait_for(children[0])
""",
    "multiprocessing": """
    assert ctypes.CDLL(None).unshare(0x20000000) == 0
    child = multiprocessing.get_context("fork").Process(target=lambda: get(client))
    child.start()
    get(client)
    child.join()
    assert child.exitcode == 0
""",
    "preexec_fn": """
    assert ctypes.CDLL(None).unshare(0x20000000) == 0
    subprocess.run(["true"], preexec_fn=lambda: get(client), check=True)
    get(client)
""",
    "with_options": """
    twin = client.with_options(timeout=5)
    child = fork()
    if child == 0:
        client.close()
        end_child(lambda: get(twin))
    get(client)
    wait_for(child)
""",
}


def can_create_namespaces() -> bool:
    """Whether a child process may create a PID namespace."""
    program = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare({CLONE_NEWPID}))"
    return subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_child_with_the_process_id_of_its_parent(name: str) -> None:
    needs("the right to create PID namespaces", found=can_create_namespaces())
    with Sandbox("--tls") as box:
        with box.client() as client:
            session_id = start_session(client)
        program = COMMON.replace("{main}", PROGRAMS[name].strip())
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
        completed = subprocess.run(
            [*command, box.api_key, box.url, box.ca_file or "", session_id],
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert (completed.returncode, completed.stderr) == (0, "")
