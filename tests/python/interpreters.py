"""Runs the package's tests with every other installed interpreter: all use the same wheel.

Called by `make test-python` and `make test-exit` as
`interpreters.py VENVS TESTED WHEEL... [TEST...]`. TESTED is the version that was already tested.
TEST is a file of tests; without one, all tests run.
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


def passes(program: str, folder: Path, wheels: list[str], tests: list[str]) -> bool:
    """Run the tests in a new virtual environment of the interpreter."""
    subprocess.run([program, "-m", "venv", "--clear", folder], check=True)
    python = folder.resolve() / "bin/python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "-r", str(HERE / "requirements-tests.txt")]
    subprocess.run([*install, *locked], check=True)
    subprocess.run([*install, "--no-index", *wheels], check=True)
    environment = {**os.environ, "ZIGNSEC_TEST_SANDBOX": str(python.with_name("zignsec-sandbox"))}
    # These tests do not depend on the interpreter.
    independent = ["examples", "frozen", "gateway", "test_readme.py"]
    independent += [f"hosts/test_{host}.py" for host in ("celery", "eventlet", "gevent")]
    independent += [f"hosts/test_{host}.py" for host in ("mod_wsgi", "uwsgi")]
    ignored = [f"--ignore={each}" for each in independent]
    command = [str(python), "-m", "pytest", "-q", "-n", "2", *ignored, *tests]
    return subprocess.run(command, env=environment, cwd=HERE).returncode == 0


def main(venvs: Path, own: str, wheels: list[str], tests: list[str]) -> int:
    """Test with each version except one, up to the first that fails: its output comes last.

    Versions that are not installed are listed.
    """
    for version in VERSIONS:
        if version == own:
            continue
        program = interpreter(version)
        if program is None:
            print(f"skipped: Python {version} (no such interpreter)")
            continue
        print(f"Python {version}:", flush=True)
        if not passes(program, venvs / version, wheels, tests):
            return 1
    return 0


if __name__ == "__main__":
    files = sys.argv[3:]
    wheels = [file for file in files if file.endswith(".whl")]
    tests = [file for file in files if file.endswith(".py")]
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], wheels, tests))
