"""Daemon threads look up a session while the interpreter shuts down."""

import threading

import zignsec

client = zignsec.Client()
session = client.start_phone_2fa(
    "+46703339954", redirect_success="https://a.example", redirect_failure="https://b.example"
)
calls = threading.Semaphore(0)


def look_up() -> None:
    while True:
        client.get_session(session.id)
        calls.release()


for _ in range(5):
    threading.Thread(target=look_up, daemon=True).start()
for _ in range(50):
    calls.acquire()
