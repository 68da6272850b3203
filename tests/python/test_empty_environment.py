"""The wheels in an empty environment: what ``pip install`` needs and ``import`` loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox import Sandbox
from steps import programs


class Environment:
    """A virtual environment that contains only pip and installs packages from one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "venv"
        self._wheels = folder / "wheels"
        self._wheels.mkdir()
        target = Path(os.environ["CARGO_TARGET_DIR"])
        for wheel in (*target.glob("wheels/zignsec-*.whl"), *target.glob("wheels-dev/*.whl")):
            (self._wheels / wheel.name).symlink_to(wheel)
        subprocess.run([sys.executable, "-m", "venv", self._folder], check=True, timeout=100)

    def install(self, requirement: str) -> None:
        """Install a package and its dependencies."""
        offline = ("--no-index", "--find-links", str(self._wheels), "--disable-pip-version-check")
        assert self.python("-m", "pip", "install", "--quiet", *offline, requirement) == (0, "", "")

    def python(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run the Python of the environment; return its exit code and output."""
        completed = subprocess.run(
            [self._folder / "bin/python", *arguments],
            env={"PATH": os.environ["PATH"], **environment},
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=100,
        )
        return completed.returncode, completed.stdout, completed.stderr


IMPORTED = """
import sys
before = set(sys.modules)
import zignsec
names = set(sys.modules) - before
standard = sys.stdlib_module_names
import json
print(json.dumps(sorted(name for name in names if name.partition(".")[0] not in standard)))
slow = {"asyncio", "collections", "enum", "inspect", "logging", "ssl", "subprocess", "typing"}
print(json.dumps(sorted(names & slow)))
"""


@pytest.fixture(scope="module")
def with_the_wheel(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("empty"))
    environment.install("zignsec")
    return environment


def test_wheel_has_no_dependencies(with_the_wheel: Environment) -> None:
    code, listed, _ = with_the_wheel.python("-m", "pip", "list", "--format=json")
    assert code == 0
    names = {package["name"] for package in json.loads(listed)}
    assert names - {"pip", "setuptools"} == {"zignsec"}
    _, shown, _ = with_the_wheel.python("-m", "pip", "show", "zignsec")
    assert "\nRequires: \n" in shown


def test_import_loads_no_slow_modules(with_the_wheel: Environment) -> None:
    code, printed, err = with_the_wheel.python("-c", IMPORTED)
    assert code == 0, err
    ours, slow = printed.splitlines()
    modules = ["_default", "_errors", "_zignsec"]
    assert json.loads(ours) == ["zignsec", *(f"zignsec.{name}" for name in modules)]
    # Slow modules are imported on first use.
    assert json.loads(slow) == []


@pytest.mark.parametrize("readme", ["README.md", "py/README.md"])
def test_first_program_of_the_readme_runs(
    with_the_wheel: Environment, sandbox: Sandbox, readme: str
) -> None:
    environment = {"ZIGNSEC_API_KEY": sandbox.api_key, "ZIGNSEC_BASE_URL": sandbox.url}
    code, printed, err = with_the_wheel.python("-c", programs(readme, "python")[0], **environment)
    assert (code, err) == (0, "")
    (session,) = sandbox.call("sessions")
    assert printed.startswith(f"send the user to {session['redirect_url']}\n")
    assert "pending" in printed


def test_missing_sandbox_error_shows_how_to_install_it(with_the_wheel: Environment) -> None:
    code, printed, err = with_the_wheel.python("-m", "zignsec", "demo", PATH="/nowhere")
    assert (code, printed) == (6, "")
    assert "zignsec-sandbox is not installed: pip install 'zignsec[sandbox]'" in err


def test_sandbox_extra_installs_the_sandbox_and_the_demo_runs(tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.install("zignsec[sandbox]")
    # The program is not on PATH, so it is found in the package.
    code, printed, err = environment.python("-m", "zignsec", "demo", PATH="/nowhere")
    assert (code, err) == (0, "")
    assert "is_verified   yes\n" in printed
