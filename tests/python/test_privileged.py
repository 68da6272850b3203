"""A Python interpreter that is a set-user-ID program ignores the environment of its user."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zignsec
from network import needs
from sandbox import Sandbox

NOBODY = 65534

PROGRAM = """
import os, zignsec
print(os.getuid(), os.geteuid())
for make in zignsec.Client, lambda: zignsec.get_session("a") and None:
    try:
        make()
    except zignsec.ZignSecError as error:
        print(type(error).__name__, error)
print(zignsec.Client("key"))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that only the user without rights can enter."""
    needs("root, who can install a set-user-ID program", found=os.geteuid() == 0)
    path = Path(tempfile.mkdtemp())
    os.chown(path, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path)


def run(folder: Path, mode: int, environment: dict[str, str]) -> list[str]:
    """Run the program with a copy of the interpreter, as the user without rights if the copy is a
    set-user-ID program."""
    python = folder / f"python-{mode:o}"
    shutil.copy(os.path.realpath(sys.executable), python)
    python.chmod(mode)
    paths = os.pathsep.join([*site.getsitepackages(), str(Path(zignsec.__file__).parents[1])])
    completed = subprocess.run(
        [python, "-B", "-c", PROGRAM],
        env={"PYTHONHOME": sys.base_prefix, "PYTHONPATH": paths, **environment},
        cwd="/",
        user=NOBODY if mode == 0o4755 else None,
        group=NOBODY if mode == 0o4755 else None,
        extra_groups=[],
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout.splitlines()


def test_set_user_id_interpreter(sandbox: Sandbox, folder: Path) -> None:
    environment = {"ZIGNSEC_BASE_URL": sandbox.url, "ZIGNSEC_API_KEY": sandbox.api_key}
    ids, not_found, client = run(folder, 0o755, environment)
    assert ids == "0 0"
    assert not_found.startswith("NotFoundError")
    assert sandbox.url in client

    ids, *errors, client = run(folder, 0o4755, environment)
    needs("a temporary folder for set-user-ID programs", found=ids != f"{NOBODY} {NOBODY}")
    assert ids == f"{NOBODY} 0"
    assert len(errors) == 2
    for error in errors:
        assert error.startswith("ConfigurationError no API key: pass api_key; the environment")
    assert "https://test-gateway.zignsec.com" in client
