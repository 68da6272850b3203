"""Projects outside the repository use the installed library through pkg-config or CMake."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tools import ROOT, SONAME, SOVERSION, VERSION, clean_environment, demo, make, needed, run

Build = Callable[[Path, Path, str, str], Path]
LANGUAGES = {
    "C": ("cc", "-std=c99", ROOT / "examples/c/phone_2fa.c"),
    "CXX": ("c++", "-std=c++17", ROOT / "examples/cpp/phone_2fa.cpp"),
}
FILES = [
    "include/zignsec.h",
    "include/zignsec.hpp",
    "include/zignsec.cdef",
    "lib/cmake/zignsec/zignsec-config-version.cmake",
    "lib/cmake/zignsec/zignsec-config.cmake",
    "lib/libzignsec.a",
    "lib/libzignsec.so",
    f"lib/{SONAME}",
    f"lib/libzignsec.so.{VERSION}",
    "lib/pkgconfig/zignsec.pc",
]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_the_installed_files(installed: Path) -> None:
    assert files(installed) == sorted(FILES)
    lib = installed / "lib"
    assert (lib / "libzignsec.so").readlink() == Path(SONAME)
    assert (lib / SONAME).readlink() == Path(f"libzignsec.so.{VERSION}")


def test_destdir_and_libdir(tmp_path: Path) -> None:
    make("install", f"DESTDIR={tmp_path}", "PREFIX=/opt/zs", "LIBDIR=/opt/zs/lib/x86_64-linux-gnu")
    staged = tmp_path / "opt/zs"
    assert files(tmp_path) == sorted(
        f"opt/zs/{file}".replace("/lib/", "/lib/x86_64-linux-gnu/") for file in FILES
    )
    lib = staged / "lib/x86_64-linux-gnu"
    assert Path(pkg_config(lib, "--variable=includedir")).resolve() == staged / "include"
    assert Path(pkg_config(lib, "--variable=libdir")).resolve() == lib
    build_with_cmake(tmp_path / "project", staged, "C", "static")


def pkg_config(lib: Path, *options: str) -> str:
    env = {"PKG_CONFIG_LIBDIR": str(lib / "pkgconfig")}
    return run("pkg-config", *options, "zignsec", env=env).strip()


def start_project(folder: Path, language: str) -> tuple[str, str]:
    """Copies an example to a folder outside the repository."""
    compiler, standard, source = LANGUAGES[language]
    folder.mkdir(exist_ok=True)
    shutil.copy(source, folder)
    return compiler, standard


def build_with_pkg_config(folder: Path, tree: Path, language: str, linkage: str) -> Path:
    compiler, standard = start_project(folder, language)
    flags = ["--static"] if linkage == "static" else []
    options = pkg_config(tree / "lib", "--cflags", "--libs", *flags)
    if linkage == "static":
        # If both libraries are installed, linkers use the shared one.
        options = options.replace("-lzignsec", "-l:libzignsec.a")
    (source,) = folder.glob("phone_2fa.*")
    run(compiler, standard, source, "-o", folder / "phone_2fa", *shlex.split(options))
    return folder / "phone_2fa"


def build_with_cmake(folder: Path, tree: Path, language: str, linkage: str) -> Path:
    start_project(folder, language)
    shutil.copy(ROOT / "tests/packaging/project/CMakeLists.txt", folder)
    definitions = [f"-DLANGUAGE={language}", f"-DLINKAGE={linkage}", f"-DWANTED={SOVERSION}"]
    run("cmake", "-B", "build", f"-DCMAKE_PREFIX_PATH={tree}", *definitions, cwd=folder)
    run("cmake", "--build", "build", cwd=folder)
    return folder / "build/phone_2fa"


@pytest.mark.parametrize("linkage", ["shared", "static"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("build", [build_with_pkg_config, build_with_cmake])
def test_a_project_builds_and_runs(
    tmp_path: Path, tree: Path, build: Build, language: str, linkage: str
) -> None:
    program = build(tmp_path, tree, language, linkage)
    libraries = [name for name in needed(program) if "zignsec" in name]
    if linkage == "shared":
        assert libraries == [SONAME]
        demo(program, env={"LD_LIBRARY_PATH": str(tree / "lib")})
    else:
        assert libraries == []
        demo(program)


@pytest.mark.parametrize("option", ["-static", "-static-pie"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_without_shared_libraries(
    tmp_path: Path, installed: Path, language: str, option: str
) -> None:
    compiler, standard = start_project(tmp_path, language)
    options = shlex.split(pkg_config(installed / "lib", "--cflags", "--libs", "--static"))
    (source,) = tmp_path.glob("phone_2fa.*")
    program = tmp_path / "phone_2fa"
    run(compiler, standard, option, source, "-o", program, *options)
    assert needed(program) == []
    demo(program)


@pytest.mark.parametrize(
    ("wanted", "accepted"),
    [
        ("", True),
        (SOVERSION, True),
        (VERSION, True),
        (f"{VERSION};EXACT", True),
        (f"{VERSION}.1", False),
        (f"{SOVERSION};EXACT", VERSION.endswith(".0")),
        ("0.0", False),
        (f"{SOVERSION}9", False),
        ("999.0", False),
    ],
)
def test_cmake_accepts_the_versions_of_the_same_abi(
    tmp_path: Path, installed: Path, wanted: str, *, accepted: bool
) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(outside LANGUAGES NONE)\n"
        "find_package(zignsec ${WANTED} REQUIRED)\n"
    )
    options = [f"-DCMAKE_PREFIX_PATH={installed}", f"-DWANTED={wanted}"]
    completed = subprocess.run(
        ["cmake", "-B", tmp_path / "build", *options, tmp_path],
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert (completed.returncode == 0) == accepted, completed.stderr
    assert accepted or "were considered but not accepted" in completed.stderr


def test_the_version_is_the_same_everywhere(installed: Path) -> None:
    assert pkg_config(installed / "lib", "--modversion") == VERSION
    header = (installed / "include/zignsec.h").read_text()
    parts = re.findall(r"#define ZS_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header)
    assert ".".join(parts) == VERSION


def test_the_static_library_lists_the_system_libraries_that_the_compiler_reports(
    tmp_path: Path, installed: Path
) -> None:
    """For an empty library the compiler reports what the standard library needs; the list ends with
    that, but for the unwinder, which the C compiler adds."""
    (tmp_path / "empty.rs").touch()
    options = ["--crate-type=staticlib", "--print=native-static-libs"]
    printed = run("rustc", *options, "empty.rs", cwd=tmp_path)
    reported = re.findall(r"native-static-libs: (.*)", printed)[0].split()
    reported.remove("-lgcc_s")
    file = (installed / "lib/pkgconfig/zignsec.pc").read_text()
    listed = re.findall(r"Libs.private: (.*)", file)[0].split()
    assert listed[-len(reported) :] == reported
