"""Daemon threads write log records while the interpreter shuts down."""

import collections
import logging
import sys
import threading

import zignsec

# Threads switch within the handler, as on a busy machine. Not in CPython 3.10: a
# thread that waits for the GIL can crash there by itself after the interpreter's memory is freed.
if sys.version_info >= (3, 11):
    sys.setswitchinterval(1e-5)
client = zignsec.Client()
session = client.start_phone_2fa(
    "+46703339954", redirect_success="https://a.example", redirect_failure="https://b.example"
)
records = threading.Semaphore(0)
lines = collections.deque[str](maxlen=100)


class Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        lines.append(self.format(record))
        records.release()


def look_up() -> None:
    while True:
        client.get_session(session.id)


logging.basicConfig(level=logging.DEBUG, handlers=[Handler()])
for _ in range(5):
    threading.Thread(target=look_up, daemon=True).start()
for _ in range(50):
    records.acquire()
