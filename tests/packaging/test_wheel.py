"""The Python wheel and the source archive: their files, and their installation with pip."""

from __future__ import annotations

import os
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from tools import ROOT, TARGET, VERSION, run

LIMIT = 2_000_000
MATURIN = Path(sys.executable).with_name("maturin")


@pytest.fixture(scope="module")
def wheel() -> Path:
    (path,) = (TARGET / "wheels").glob(f"zignsec-{VERSION}-*.whl")
    return path


def installed(wheel: Path, folder: Path) -> Path:
    """The Python of a new virtual environment that contains only the wheel."""
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin/pip", "install", "--no-index", wheel)
    return folder / "bin/python"


def test_one_wheel_supports_all_pythons_and_old_systems(wheel: Path) -> None:
    assert "-cp310-abi3-manylinux2014_" in wheel.name
    audited = run(sys.executable, "-m", "abi3audit", "--strict", "--summary", wheel)
    assert "0 ABI version mismatches" in audited
    # The version of glibc that the extension needs.
    assert '"manylinux_2_17_' in run(sys.executable, "-m", "auditwheel", "show", wheel)


def test_the_files_and_the_metadata_of_the_wheel(wheel: Path) -> None:
    assert 0 < wheel.stat().st_size < LIMIT
    info = f"zignsec-{VERSION}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        extension = archive.read("zignsec/_zignsec.abi3.so")
    assert {"zignsec/py.typed", "zignsec/_zignsec.pyi"} <= names
    assert {f"{info}/licenses/LICENSE-MIT", f"{info}/licenses/LICENSE-APACHE"} <= names
    assert f"{info}/sboms/zignsec-py.cyclonedx.json" in names
    assert metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"
    required = [each for each in metadata.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert required == []
    # The extension contains no path of the machine that built it.
    home = os.environ.get("CARGO_HOME", f"{Path.home()}/.cargo")
    assert str(ROOT).encode() not in extension
    assert str(TARGET).encode() not in extension
    assert home.encode() not in extension


@pytest.mark.timeout(600)
def test_the_source_archive_builds(tmp_path: Path) -> None:
    run(MATURIN, "sdist", "--manifest-path", ROOT / "py/Cargo.toml", "--out", tmp_path)
    (archive,) = tmp_path.glob("*.tar.gz")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    run(
        *pip,
        *("--wheel-dir", tmp_path, "--config-settings=build-args=--profile dev", archive),
        env={"CARGO_TARGET_DIR": str(TARGET / "sdist"), "PATH": path_with_maturin()},
    )
    (wheel,) = tmp_path.glob("*.whl")
    python = installed(wheel, tmp_path / "environment")
    printed = run(python, "-c", "import zignsec; print(zignsec.__version__)")
    assert printed.strip() == VERSION


def path_with_maturin() -> str:
    return f"{MATURIN.parent}{os.pathsep}{os.environ['PATH']}"
