"""Runs the package's tests with every other installed interpreter: all use the same wheel.

Called by `make test-python` as `interpreters.py VENVS TESTED WHEEL...`. TESTED is the version that
was already tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
VERSIONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
# The stable ABI does not support free-threaded interpreters.
USABLE = """
import ctypes, ensurepip, ssl, sys, sysconfig, venv
sys.exit(sysconfig.get_config_var("Py_GIL_DISABLED") or 0)
"""


def interpreter(version: str) -> str | None:
    """The path of an interpreter of that version, on PATH or in pyenv."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(name), *sorted(pyenv.glob(f"*/bin/{name}"), reverse=True)]
    for candidate in map(str, filter(None, candidates)):
        if subprocess.run([candidate, "-c", USABLE], capture_output=True).returncode == 0:
            return candidate
    return None


def passes(program: str, folder: Path, wheels: list[str]) -> bool:
    """Run the tests in a new virtual environment of the interpreter."""
    subprocess.run([program, "-m", "venv", "--clear", folder], check=True)
    python = folder.resolve() / "bin/python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "-r", str(HERE / "requirements-tests.txt")]
    subprocess.run([*install, *locked], check=True)
    subprocess.run([*install, "--no-index", *wheels], check=True)
    environment = {**os.environ, "ZIGNSEC_TEST_SANDBOX": str(python.with_name("zignsec-sandbox"))}
    # These tests do not depend on the interpreter.
    ignored = ["--ignore=gateway", "--ignore=test_readme.py"]
    command = [str(python), "-m", "pytest", "-q", "-n", "2", *ignored]
    return subprocess.run(command, env=environment, cwd=HERE).returncode == 0


def main(venvs: Path, own: str, wheels: list[str]) -> int:
    """Test with each version except one. Versions that are not installed are listed."""
    passed = True
    for version in VERSIONS:
        if version == own:
            continue
        program = interpreter(version)
        if program is None:
            print(f"skipped: Python {version} (no such interpreter)")
            continue
        print(f"Python {version}:", flush=True)
        passed = passes(program, venvs / version, wheels) and passed
    return int(not passed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
