"""Daemon threads get errors and read sessions while the interpreter shuts down."""

import sys
import threading
from contextlib import suppress

import zignsec

# Threads switch while Rust creates Python objects, as on a busy machine. Not in CPython 3.10: a
# thread that waits for the GIL can crash there by itself after the interpreter's memory is freed.
if sys.version_info >= (3, 11):
    sys.setswitchinterval(1e-5)
client = zignsec.Client()
session = client.start_phone_2fa(
    "+46703339954", redirect_success="https://a.example", redirect_failure="https://b.example"
)
calls = threading.Semaphore(0)


def look_up() -> None:
    while True:
        with suppress(zignsec.NotFoundError):
            client.get_session("unknown")
        calls.release()


def verify() -> None:
    while True:
        with suppress(zignsec.WebhookSignatureError):
            zignsec.verify_webhook(b"{}", "t=1,v1=2", "secret")


def read() -> None:
    while True:
        session.to_dict()
        repr(session.status)


for target in (look_up, look_up, look_up, verify, read):
    threading.Thread(target=target, daemon=True).start()
for _ in range(50):
    calls.acquire()
