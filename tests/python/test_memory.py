"""Many calls leak no objects, reference cycles or memory."""

from __future__ import annotations

import subprocess
import sys

from sandbox import Sandbox

PROGRAM = r"""
import gc, re, sys, zignsec

client = zignsec.Client(sys.argv[1], base_url=sys.argv[2])
session_id = client.start_phone_2fa(
    "+46703339954", redirect_success="https://a.example", redirect_failure="https://b.example"
).id
polls = 0

def on_poll(session, elapsed):
    global polls
    polls += 1
    return False

def calls(rounds):
    for _ in range(rounds):
        session = client.get_session(session_id)
        session.to_dict(), session.status, repr(session)
        zignsec.Session.from_json(str(JSON)) == session
        for failing in (
            lambda: client.get_session("no-such-session"),
            lambda: client.get_session("not an id"),
            lambda: client.wait_for_session(session_id, on_poll=on_poll),
            lambda: zignsec.verify_webhook(b"{}", "t=1,v1=00", "secret"),
        ):
            try:
                failing()
            except zignsec.ZignSecError as error:
                str(error), repr(error)
            else:
                raise SystemExit("no error")

def resident_kib():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

JSON = '{"id":"a-1","status":"pending","new":[1]}'
calls(200)
gc.collect()
gc.disable()
objects, memory = len(gc.get_objects()), resident_kib()
calls(2_000)
grown = resident_kib() - memory
cycles = gc.collect()
assert polls == 2_200
print(len(gc.get_objects()) - objects, cycles, grown)
"""


def test_ten_thousand_calls_leak_nothing(sandbox: Sandbox) -> None:
    completed = subprocess.run(
        [sys.executable, "-c", PROGRAM, sandbox.api_key, sandbox.url],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert completed.returncode == 0, completed.stderr
    objects, cycles, grown_kib = map(int, completed.stdout.split())
    assert objects < 50
    # The garbage collector was off, so reference cycles would remain.
    assert cycles == 0
    assert grown_kib < 1024
