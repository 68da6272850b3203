"""Runs the command line in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from steps import INHERITED

DONE, BUG, BAD_USAGE, NOT_VERIFIED, NO_RESULT, WEBHOOK_REJECTED = range(6)
CONFIGURATION, NETWORK, AUTHENTICATION, OTHER_STATUS, OUTPUT = range(6, 11)
INTERRUPTED, CLOSED_PIPE = 130, 141

MODULE = (sys.executable, "-m", "zignsec")
SCRIPT = (str(Path(sys.executable).with_name("zignsec")),)
"""The two ways to call the program."""


@dataclass(frozen=True)
class Completed:
    """The exit code and output of the program."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object on standard output."""
        result: dict[str, Any] = json.loads(self.out)
        return result


def run(
    *arguments: str | bytes,
    environment: Mapping[str, str] | None = None,
    body: bytes = b"",
    program: Sequence[str] = MODULE,
) -> Completed:
    """Run the program with only the given environment."""
    completed = subprocess.run(
        [*program, *arguments],
        input=body,
        env={**INHERITED, **(environment or {})},
        capture_output=True,
        timeout=60,
    )
    assert (b"Traceback" in completed.stderr) == (completed.returncode == BUG), completed.stderr
    # Lines end as the system ends them.
    out, err = (
        text.decode().replace(os.linesep, "\n") for text in (completed.stdout, completed.stderr)
    )
    return Completed(completed.returncode, out, err)


def environment_of(sandbox: Sandbox, **more: str) -> dict[str, str]:
    """The environment for a client of a sandbox."""
    return {"ZIGNSEC_BASE_URL": sandbox.url, "ZIGNSEC_API_KEY": sandbox.api_key, **more}
