"""Everything that is built unwinds the stack with the libgcc_s of the system.

pthread_exit and pthread_cancel unwind the stack with it, and call code in the Rust functions that
they find there. A copy of another unwinder, linked statically, cannot read the state of libgcc_s:
the process crashes. The linker of Zig adds such a copy unless it is given libgcc_s itself.
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pytest
from tools import SONAME, TARGET, VERSION, debian_packages, needed, readelf, run

# What Rust's code for unwinding calls, in each artefact.
USED = {
    "_Unwind_Backtrace",
    "_Unwind_DeleteException",
    "_Unwind_GetIPInfo",
    "_Unwind_GetLanguageSpecificData",
    "_Unwind_GetRegionStart",
    "_Unwind_RaiseException",
    "_Unwind_Resume",
    "_Unwind_SetGR",
    "_Unwind_SetIP",
}


def unwind_functions(file: Path, *options: str) -> set[str]:
    """The functions of an unwinder among the symbols of a file, without their versions."""
    listed = run("nm", "--format=posix", *options, file)
    return set(re.findall(r"^(_Unwind_\w+)", listed, re.M))


def assert_uses_libgcc_s(file: Path) -> None:
    assert "libgcc_s.so.1" in needed(file)
    imported = unwind_functions(file, "--dynamic", "--undefined-only")
    assert imported >= USED, f"a private copy of {sorted(USED - imported)}"
    assert unwind_functions(file, "--dynamic", "--defined-only") == set()
    # The whole symbol table, if the file is not stripped.
    assert unwind_functions(file, "--defined-only") == set()
    # The messages of LLVM's unwinder.
    assert b"libunwind: " not in file.read_bytes()


def assert_needs_an_unwinder(library: Path) -> None:
    """A static library: the program that it is linked into has the unwinder."""
    # Not nm: it asks LLVM of another version about the files that Rust compiled.
    listed = readelf("--symbols", library)
    symbols = set(re.findall(r" (\w+) +(_Unwind_\w+)$", listed, re.M))
    assert symbols >= {("UND", name) for name in USED}
    assert {section for section, _ in symbols} == {"UND"}


def parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """The extension in the wheel."""
    (wheel,) = (TARGET / "wheels").glob(f"zignsec-{VERSION}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract("zignsec/_zignsec.abi3.so", tmp_path))


def test_the_wheel(extension: Path) -> None:
    assert_uses_libgcc_s(extension)


def test_the_wheel_works_with_old_versions_of_the_system_libraries(extension: Path) -> None:
    listed = run("readelf", "--wide", "--version-info", extension)
    wanted = re.findall(r"Name: (GLIBC|GCC)_([0-9.]+)", listed)
    newest = {
        name: max(parts(each) for other, each in wanted if other == name) for name, _ in wanted
    }
    assert newest["GLIBC"] <= (2, 17)
    # libgcc_s has been part of GCC for longer: GCC 4.2 is from 2007, glibc 2.17 from 2012.
    assert newest["GCC"] <= (4, 2, 0)


def test_the_shared_library(tree: Path) -> None:
    assert_uses_libgcc_s(tree / "lib" / SONAME)


def test_the_static_library(tree: Path) -> None:
    assert_needs_an_unwinder(tree / "lib/libzignsec.a")


def test_the_debian_packages(tmp_path: Path) -> None:
    for package in debian_packages():
        run("dpkg-deb", "--extract", package, tmp_path)
    (shared,) = tmp_path.rglob(f"libzignsec.so.{VERSION}")
    assert_uses_libgcc_s(shared)
    (static,) = tmp_path.rglob("libzignsec.a")
    assert_needs_an_unwinder(static)


def test_the_sandbox() -> None:
    assert_uses_libgcc_s(Path(sys.executable).with_name("zignsec-sandbox"))


def test_a_private_copy_is_found(tmp_path: Path) -> None:
    """A library that contains the unwinder of GCC."""
    (tmp_path / "private.rs").write_text(
        "#[unsafe(no_mangle)] pub fn caught() -> bool "
        '{ std::panic::catch_unwind(|| panic!("as planned")).is_err() }'
    )
    library = tmp_path / "libprivate.so"
    cdylib = ["rustc", "--edition=2024", "--crate-type=cdylib", "private.rs"]
    folder = Path(run("cc", "-print-file-name=libgcc_eh.a")).parent
    run(*cdylib, "-L", folder, "-l", "static=gcc_eh", cwd=tmp_path)
    run("strip", library)
    with pytest.raises(AssertionError):
        assert_uses_libgcc_s(library)
    run(*cdylib, cwd=tmp_path)
    assert_uses_libgcc_s(library)
