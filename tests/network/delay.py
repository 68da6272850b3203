"""A link between two network namespaces that delivers packets later: delay.py NEAR FAR NETWORK...

Creates a TUN device for each end, prints a line, and forwards from one to the other. Packets to the
given networks are dropped, as if nobody had their addresses. Each line of standard input is how
long packets take from now on, in seconds, and is answered by a line. The link ends with its input.

Linux can delay packets too (``tc`` with netem), but many kernels do not have that module.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import itertools
import os
import selectors
import struct
import sys
import time
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

# Of <linux/if_tun.h>.
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

MAX_PACKET = 65536


def open_tun(name: str) -> int:
    """Create a TUN device in the namespace of this process. It lives as long as its descriptor."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def is_to(packet: bytes, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    destination = ip_address(packet[16:20] if packet[0] >> 4 == 4 else packet[24:40])
    return any(destination in network for network in networks)


def forward(near: int, far: int, dead: Sequence[IPv4Network | IPv6Network]) -> None:
    delay = 0.0
    # When each packet is due, its number, which keeps the order, the device, and the packet.
    due: list[tuple[float, int, int, bytes]] = []
    numbers = itertools.count()
    # Unlike epoll, it waits exactly, not in milliseconds.
    selector = selectors.SelectSelector()
    for source, target in [(near, far), (far, near), (sys.stdin.fileno(), -1)]:
        selector.register(source, selectors.EVENT_READ, target)
    while True:
        wait = max(0.0, due[0][0] - time.monotonic()) if due else None
        for key, _ in selector.select(wait):
            if key.data == -1:
                line = sys.stdin.readline()
                if not line:
                    return
                delay = float(line)
                print("ready", flush=True)
                continue
            packet = os.read(key.fd, MAX_PACKET)
            if not is_to(packet, dead):
                heapq.heappush(due, (time.monotonic() + delay, next(numbers), key.data, packet))
        while due and due[0][0] <= time.monotonic():
            _, _, device, packet = heapq.heappop(due)
            # A device that is not up yet loses the packet, as a network would.
            with contextlib.suppress(OSError):
                os.write(device, packet)


def main() -> None:
    near, far, *dead = sys.argv[1:]
    devices = open_tun(near), open_tun(far)
    print("ready", flush=True)
    forward(*devices, [ip_network(network) for network in dead])


if __name__ == "__main__":
    main()
