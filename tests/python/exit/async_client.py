"""An event loop with an AsyncClient, in a daemon thread, while the interpreter shuts down."""

import asyncio
import threading
from contextlib import suppress

import zignsec

calls = threading.Semaphore(0)


async def look_up(client: zignsec.AsyncClient, session: zignsec.Session) -> None:
    while True:
        await client.get_session(session.id)
        calls.release()


async def on_poll(_session: zignsec.Session, _elapsed: float) -> None:
    calls.release()


async def wait(client: zignsec.AsyncClient, session: zignsec.Session) -> None:
    await client.wait_for_session(session.id, poll_interval=0.01, on_poll=on_poll)


async def main() -> None:
    async with zignsec.AsyncClient() as client:
        session = await client.start_phone_2fa(
            "+46703339954",
            redirect_success="https://a.example",
            redirect_failure="https://b.example",
        )
        await asyncio.gather(*[each(client, session) for each in [look_up, wait] * 3])


def run() -> None:
    # Python starts no call on another thread any more when the interpreter shuts down.
    with suppress(RuntimeError):
        asyncio.run(main())


threading.Thread(target=run, daemon=True).start()
for _ in range(50):
    calls.acquire()
