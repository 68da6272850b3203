"""Daemon threads wait for a session, and are in `on_poll`, while the interpreter shuts down."""

import sys
import threading

import zignsec

# Threads switch within `on_poll`, as on a busy machine. Not in CPython 3.10: a
# thread that waits for the GIL can crash there by itself after the interpreter's memory is freed.
if sys.version_info >= (3, 11):
    sys.setswitchinterval(1e-5)
client = zignsec.Client()
session = client.start_phone_2fa(
    "+46703339954", redirect_success="https://a.example", redirect_failure="https://b.example"
)
polls = threading.Semaphore(0)


def on_poll(_session: zignsec.Session, _elapsed: float) -> None:
    polls.release()
    for number in range(1000):
        str(number)


def wait() -> None:
    client.wait_for_session(session.id, poll_interval=0.01, on_poll=on_poll)


for _ in range(5):
    threading.Thread(target=wait, daemon=True).start()
for _ in range(20):
    polls.acquire()
