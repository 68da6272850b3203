"""A panic in Rust, in an extension that is built with the test-only feature ``__panic``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import zignsec
from sandbox import Sandbox

PROGRAM = """
import sys, zignsec
client = zignsec.Client(sys.argv[1], base_url=sys.argv[2])
try:
    client.get_session("panic")
except zignsec.InternalError as error:
    assert error.code == 99
try:
    client.get_session("no-such-session")
except zignsec.NotFoundError:
    print("alive")
"""


def test_panic_becomes_internal_error_and_the_process_survives(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    package = tmp_path / "zignsec"
    shutil.copytree(Path(zignsec.__file__).parent, package)
    (extension,) = package.glob("_zignsec*.so")
    shutil.copyfile(os.environ["ZIGNSEC_TEST_PANIC_EXTENSION"], extension)
    completed = subprocess.run(
        [sys.executable, "-c", PROGRAM, sandbox.api_key, sandbox.url],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.stdout == "alive\n", completed.stderr
