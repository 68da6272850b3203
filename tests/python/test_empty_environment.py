"""The wheels by themselves: what ``pip install`` of them needs, brings and imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox import Sandbox
from steps import ROOT, programs

TARGET = ROOT / "target"


class Environment:
    """A virtual environment with nothing but pip, whose packages come from a folder alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "venv"
        self._wheels = folder / "wheels"
        self._wheels.mkdir()
        for wheel in (*TARGET.glob("wheels/zignsec-*.whl"), *TARGET.glob("wheels-dev/*.whl")):
            (self._wheels / wheel.name).symlink_to(wheel)
        subprocess.run([sys.executable, "-m", "venv", self._folder], check=True, timeout=100)

    def install(self, requirement: str) -> None:
        """Installs a package and what it depends on."""
        offline = ("--no-index", "--find-links", str(self._wheels), "--disable-pip-version-check")
        assert self.python("-m", "pip", "install", "--quiet", *offline, requirement) == (0, "", "")

    def python(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Runs the environment's Python, and tells how it ended and what it printed."""
        ran = subprocess.run(
            [self._folder / "bin/python", *arguments],
            env={"PATH": os.environ["PATH"], **environment},
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=100,
        )
        return ran.returncode, ran.stdout, ran.stderr


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


def test_the_wheel_needs_nothing_else(with_the_wheel: Environment) -> None:
    code, listed, _ = with_the_wheel.python("-m", "pip", "list", "--format=json")
    assert code == 0
    names = {package["name"] for package in json.loads(listed)}
    assert names - {"pip", "setuptools"} == {"zignsec"}
    _, shown, _ = with_the_wheel.python("-m", "pip", "show", "zignsec")
    assert "\nRequires: \n" in shown


def test_an_import_brings_no_more_than_it_needs(with_the_wheel: Environment) -> None:
    code, printed, err = with_the_wheel.python("-c", IMPORTED)
    assert code == 0, err
    ours, slow = printed.splitlines()
    modules = ["_default", "_errors", "_zignsec"]
    assert json.loads(ours) == ["zignsec", *(f"zignsec.{name}" for name in modules)]
    # What takes long to import waits for its use.
    assert json.loads(slow) == []


@pytest.mark.parametrize("readme", ["README.md", "py/README.md"])
def test_the_first_program_runs(with_the_wheel: Environment, sandbox: Sandbox, readme: str) -> None:
    environment = {"ZIGNSEC_API_KEY": sandbox.api_key, "ZIGNSEC_BASE_URL": sandbox.url}
    code, printed, err = with_the_wheel.python("-c", programs(readme, "python")[0], **environment)
    assert (code, err) == (0, "")
    (session,) = sandbox.call("sessions")
    assert printed.startswith(f"send the user to {session['redirect_url']}\n")
    assert "pending" in printed


def test_what_needs_the_sandbox_says_how_to_install_it(with_the_wheel: Environment) -> None:
    code, printed, err = with_the_wheel.python("-m", "zignsec", "demo", PATH="/nowhere")
    assert (code, printed) == (6, "")
    assert "zignsec-sandbox is not installed: pip install 'zignsec[sandbox]'" in err


def test_the_extra_brings_the_sandbox_and_the_demo_runs(tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.install("zignsec[sandbox]")
    # No program of this name is on the path: the package's own is found.
    code, printed, err = environment.python("-m", "zignsec", "demo", PATH="/nowhere")
    assert (code, err) == (0, "")
    assert "is_verified   yes\n" in printed
