"""A bug in the core, forced: the extension is built once more with the feature that has one."""

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


def test_a_panic_is_an_internal_error_and_the_process_lives(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    package = tmp_path / "zignsec"
    shutil.copytree(Path(zignsec.__file__).parent, package)
    (extension,) = package.glob("_zignsec*.so")
    shutil.copyfile(os.environ["ZIGNSEC_TEST_PANIC_EXTENSION"], extension)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, sandbox.api_key, sandbox.url],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout == "alive\n", ran.stderr
