"""Frozen programs run: PyInstaller, cx_Freeze, zipapp and shiv."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from freezing import (
    FREEZERS,
    HERE,
    Command,
    check_command_line,
    check_program,
    check_workers,
    freeze,
    output,
)


@pytest.fixture(scope="module")
def wheel() -> Path:
    (path,) = Path(os.environ["CARGO_TARGET_DIR"]).glob("wheels/zignsec-[0-9]*.whl")
    return path


@pytest.fixture(scope="module")
def by_pyinstaller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pyinstaller")
    folders = ("--distpath", folder / "dist", "--workpath", folder / "build")
    freeze("pyinstaller", "--log-level", "WARN", *folders, HERE / "programs.spec", folder=folder)
    return folder / "dist"


@pytest.mark.timeout(300)
def test_pyinstaller_in_a_folder(by_pyinstaller: Path) -> None:
    check_program([by_pyinstaller / "program/program"])
    check_workers([by_pyinstaller / "tool/tool"])
    check_command_line([by_pyinstaller / "tool/tool"], "tool")


@pytest.mark.timeout(300)
def test_pyinstaller_in_one_file(by_pyinstaller: Path) -> None:
    check_program([by_pyinstaller / "program-one-file"])
    check_workers([by_pyinstaller / "tool-one-file"])
    check_command_line([by_pyinstaller / "tool-one-file"], "tool-one-file")


@pytest.fixture(scope="module")
def by_cx_freeze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cx-freeze")
    for name in ("program", "tool"):
        script = ("--optimize=2", "--script", HERE / f"{name}.py")
        freeze("cxfreeze", "build_exe", *script, "--build-exe", folder / name, folder=folder)
    return folder


@pytest.mark.timeout(300)
def test_cx_freeze(by_cx_freeze: Path) -> None:
    check_program([by_cx_freeze / "program/program"])
    check_workers([by_cx_freeze / "tool/tool"])
    check_command_line([by_cx_freeze / "tool/tool"], "tool")


def packed(programs: Path, name: str) -> Path:
    """A zip file that Python can run, without the library."""
    path = programs / f"{name}.pyz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(HERE / f"{name}.py", "__main__.py")
    return path


def test_zipapp_beside_the_unpacked_wheel(tmp_path: Path, wheel: Path) -> None:
    # As in the README.
    target = tmp_path / "lib"
    offline = ("--quiet", "--disable-pip-version-check", "--no-index")
    freeze("pip", "install", *offline, "--target", target, wheel, folder=tmp_path)
    # Nothing but the standard library, and the folder.
    python: Command = ["env", f"PYTHONPATH={target}", FREEZERS / "bin/python", "-S"]
    check_program([*python, packed(tmp_path, "program")])
    check_command_line([*python, packed(tmp_path, "tool")], "tool.pyz")


def test_shiv_unpacks_the_wheel(tmp_path: Path, wheel: Path) -> None:
    program = tmp_path / "zignsec.pyz"
    freeze("shiv", "-q", "-o", program, "-c", "zignsec", "--no-index", wheel, folder=tmp_path)
    home = {"HOME": str(tmp_path), "SHIV_ROOT": str(tmp_path / "root")}
    command: Command = [FREEZERS / "bin/python", "-S", program, "--version"]
    assert output(command, home).startswith("zignsec ")


def test_library_in_a_zip_file_says_what_to_do(tmp_path: Path, wheel: Path) -> None:
    completed = subprocess.run(
        [sys.executable, "-S", "-c", "import zignsec"],
        env={"PYTHONPATH": str(wheel)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 1
    assert completed.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: the compiled module zignsec._zignsec is not in '{wheel}/zignsec': "
        "Python cannot import it from a zip file, and a wheel contains the one for its own system "
        "only; see 'Frozen programs and zip files' in the README of zignsec"
    )
