"""A name server that can misbehave: name_server.py ADDRESS

It reads its records from standard input, as JSON in one line, prints a line when it is ready, and
ends with its input. Each host name has ``addresses``, in the order of the answers, and ``ipv6``,
what becomes of questions for AAAA records: ``answered``, ``silent``, ``servfail`` or ``late``.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from ipaddress import ip_address
from typing import TypedDict

LATE = 1.0
"""How late an answer is, in seconds."""

# Record types and response codes of RFC 1035 and RFC 3596.
TYPES = {1: 4, 28: 6}
NO_ERROR, SERVFAIL, NXDOMAIN = 0, 2, 3

HEADER = 12


class Records(TypedDict):
    addresses: list[str]
    ipv6: str


def parse(query: bytes) -> tuple[str, int, int]:
    """The name and the type of a question, and where it ends."""
    labels: list[str] = []
    position = HEADER
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length].decode())
        position += 1 + length
    kind = int.from_bytes(query[position + 1 : position + 3], "big")
    return ".".join(labels).lower(), kind, position + 5


def respond(query: bytes, end: int, code: int, answers: list[bytes]) -> bytes:
    flags = (0x8580 | code).to_bytes(2, "big")
    counts = b"\0\1" + len(answers).to_bytes(2, "big") + bytes(4)
    return query[:2] + flags + counts + query[HEADER:end] + b"".join(answers)


def record(kind: int, address: str) -> bytes:
    data = ip_address(address).packed
    # The name is that of the question. Nothing may be cached.
    return b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1" + bytes(4) + bytes([0, len(data)]) + data


def serve(server: socket.socket, names: dict[str, Records]) -> None:
    while True:
        query, client = server.recvfrom(512)
        name, kind, end = parse(query)
        records = names.get(name)
        behaviour = records["ipv6"] if records and kind == 28 else "answered"
        if records is None:
            response = respond(query, end, NXDOMAIN, [])
        elif behaviour == "servfail":
            response = respond(query, end, SERVFAIL, [])
        else:
            version = TYPES.get(kind)
            addresses = [a for a in records["addresses"] if ip_address(a).version == version]
            response = respond(query, end, NO_ERROR, [record(kind, a) for a in addresses])
        if behaviour == "late":
            threading.Timer(LATE, server.sendto, (response, client)).start()
        elif behaviour != "silent":
            server.sendto(response, client)


def main() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((sys.argv[1], 53))
    names = json.loads(sys.stdin.readline())
    threading.Thread(target=serve, args=(server, names), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
