"""A relay to a server that delivers everything later, the end of a connection too, as a distant
network does: delaying_relay.py PORT SERVER_PORT DELAY"""

from __future__ import annotations

import asyncio
import contextlib
import sys

Arrivals = asyncio.Queue[tuple[float, bytes]]


async def collect(reader: asyncio.StreamReader, arrivals: Arrivals, delay: float) -> None:
    """Note when each piece is due. An empty piece is the end."""
    clock = asyncio.get_running_loop().time
    piece = b"first"
    while piece:
        piece = b""
        with contextlib.suppress(OSError):
            piece = await reader.read(65536)
        arrivals.put_nowait((clock() + delay, piece))


async def deliver(arrivals: Arrivals, writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    with contextlib.suppress(OSError):
        while True:
            due, piece = await arrivals.get()
            await asyncio.sleep(due - clock())
            if not piece:
                writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()


async def relay(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter], port: int, delay: float
) -> None:
    server = await asyncio.open_connection("127.0.0.1", port)
    to_server: Arrivals = asyncio.Queue()
    to_client: Arrivals = asyncio.Queue()
    await asyncio.gather(
        collect(client[0], to_server, delay),
        deliver(to_server, server[1]),
        collect(server[0], to_client, delay),
        deliver(to_client, client[1]),
    )
    server[1].close()
    client[1].close()


async def main(port: int, server_port: int, delay: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await relay((reader, writer), server_port, delay)

    server = await asyncio.start_server(connected, "127.0.0.1", port, backlog=256)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
