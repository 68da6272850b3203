"""The namespaces of the other tests leave nothing on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from namespaces import HERE, NAME_SERVER, TESTS, Host, live, need_namespaces, network

FILES = ("resolv.conf", "hosts", "nsswitch.conf", "gai.conf")

# Makes namespaces and says which ones, and does not end by itself.
PROGRAM = """
import sys, time
from pathlib import Path
from namespaces import network
with network(Path(sys.argv[1]), {}) as place:
    print(*place.namespaces(), flush=True)
    time.sleep(100)
"""


def settings() -> list[str]:
    """What the tests could change on this machine."""
    files = [Path("/etc", name) for name in FILES]
    texts = [file.read_text() if file.exists() else "" for file in files]
    # Without the number of each mount, which says nothing.
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    devices = sorted(path.name for path in Path("/sys/class/net").iterdir())
    return [*texts, *sorted(mount.split(" ", 2)[2] for mount in mounts), *devices]


def namespaces_in_use() -> set[str]:
    """The network namespaces of all processes."""
    found: set[str] = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(os.readlink(link))  # noqa: PTH115 - it is not a path
        except OSError:
            continue
    return found


def assert_unused(namespaces: set[str]) -> None:
    # The processes end one after the other.
    end = time.monotonic() + 10
    while namespaces & namespaces_in_use():
        assert time.monotonic() < end, "a process still runs in a namespace"
        time.sleep(0.02)


def test_nothing_is_left_after_a_failure(tmp_path: Path) -> None:
    before = settings()
    used: set[str] = set()
    with (
        pytest.raises(ZeroDivisionError),
        network(tmp_path, {"live.example": Host([live(1)])}) as place,
    ):
        used = place.namespaces()
        assert used <= namespaces_in_use()
        place.use_name_servers(NAME_SERVER)
        assert place.addresses("live.example") == [live(1)]
        assert settings() == before
        raise ZeroDivisionError
    assert len(used) == 2
    assert settings() == before
    assert_unused(used)


def test_nothing_is_left_if_the_tests_are_killed(tmp_path: Path) -> None:
    need_namespaces()
    before = settings()
    paths = [str(HERE), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        used = set(process.stdout.readline().split())
        process.send_signal(signal.SIGKILL)
    assert len(used) == 2
    assert_unused(used)
    assert settings() == before
