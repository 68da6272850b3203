"""The release archive and the Debian packages that are built from it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from network import needs, program
from tools import (
    DIST,
    PACKAGES,
    RELEASE,
    ROOT,
    SONAME,
    SOVERSION,
    TARGET,
    VERSION,
    debian_packages,
    demo,
    make,
    run,
)

DEBIAN_ROOT = TARGET / "debian-root"
BUILD_TOOLS = "gcc,g++,libc6-dev,make,cmake,pkg-config"


def test_the_files_of_the_archive() -> None:
    with tarfile.open(RELEASE) as archive:
        members = archive.getmembers()
        top = RELEASE.name.removesuffix(".tar.gz")
        names = {member.name.removeprefix(f"{top}/") for member in members if not member.isdir()}
        third_party = archive.extractfile(f"{top}/LICENSE-THIRD-PARTY")
        assert third_party is not None
        licences = third_party.read().decode()
    assert names == {
        "CHANGELOG.md",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "LICENSE-THIRD-PARTY",
        "README.md",
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
    }
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "")}
    for crate in ("ring", "rustls", "webpki-roots"):
        assert re.search(rf"^{crate} [0-9.]+: ", licences, re.M)


def test_the_checksum_is_that_of_the_archive() -> None:
    digest, name = RELEASE.with_name(f"{RELEASE.name}.sha256").read_text().split()
    assert name == RELEASE.name
    assert digest == hashlib.sha256(RELEASE.read_bytes()).hexdigest()


def test_a_second_build_gives_the_same_bytes(tmp_path: Path) -> None:
    before = {file.name: digest(file) for file in release_files(DIST)}
    assert len(before) == 1 + len(PACKAGES)
    # In another folder, time zone and language.
    make("deb", f"DIST={tmp_path}", env={"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"})
    assert {file.name: digest(file) for file in release_files(tmp_path)} == before


def release_files(folder: Path) -> list[Path]:
    return [*folder.glob(f"libzignsec*{VERSION}*.tar.gz"), *folder.glob(f"*_{VERSION}-1_*.deb")]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.timeout(300)
def test_lintian_reports_nothing() -> None:
    lintian = program("lintian")
    run(lintian, "--fail-on", "error,warning", *debian_packages())


def as_root(*command: str | Path) -> list[str | Path]:
    return list(command) if os.geteuid() == 0 else ["sudo", "-n", "-E", *command]


def chroot(*command: str | Path) -> str:
    return run(
        *as_root("chroot", DEBIAN_ROOT, *command), env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    )


@pytest.fixture(scope="module")
def clean_root() -> Iterator[Path]:
    """A Debian system with compilers for C and C++ but without Rust; kept for the next run."""
    debootstrap = program("debootstrap")
    root = subprocess.run(as_root("true"), capture_output=True).returncode == 0
    needs("root, for a chroot", found=root)
    ready = DEBIAN_ROOT / ".ready"
    if not ready.exists():
        run(*as_root("rm", "-rf", DEBIAN_ROOT))
        suite, mirror = debian()
        options = ["--variant=minbase", f"--include={BUILD_TOOLS}"]
        run(*as_root(debootstrap, *options, suite, DEBIAN_ROOT, mirror))
        run(*as_root("touch", ready))
    chroot("dpkg", "--purge", *reversed(PACKAGES))
    yield DEBIAN_ROOT
    chroot("dpkg", "--purge", *reversed(PACKAGES))


def debian() -> tuple[str, str]:
    """The release of this machine and the mirror of its packages."""
    listed = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)")
    release = re.findall(r"^VERSION_CODENAME=(.*)", Path("/etc/os-release").read_text(), re.M)[0]
    mirrors = re.findall(rf"^Debian {release} (\S+)$", listed, re.M)
    needs("a mirror of Debian among apt's sources", found=bool(mirrors))
    return release, mirrors[0]


BUILD_IN_ROOT = r"""
set -eu
! command -v cargo rustc
ldconfig -p | grep -q 'libzignsec\.so\.'
cd /project
for linkage in shared static; do
    private= library=-lzignsec
    [ $linkage = shared ] || { private=--static library=-l:libzignsec.a; }
    flags=$(pkg-config --cflags --libs $private zignsec | sed "s/-lzignsec/$library/")
    cc -std=c99 phone_2fa.c -o C-$linkage-pkg-config $flags
    c++ -std=c++17 phone_2fa.cpp -o CXX-$linkage-pkg-config $flags
done
for language in C CXX; do
    mkdir -p $language
    for linkage in shared static; do
        cmake -S $language -B build -DLANGUAGE=$language -DLINKAGE=$linkage -DWANTED=$1
        cmake --build build
        mv build/phone_2fa $language-$linkage-cmake
        rm -r build
    done
done
"""


@pytest.mark.timeout(900)
def test_the_packages_work_in_a_clean_system(clean_root: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    for language, example in (("C", "c/phone_2fa.c"), ("CXX", "cpp/phone_2fa.cpp")):
        (project / language).mkdir(parents=True)
        shutil.copy(ROOT / "examples" / example, project)
        shutil.copy(ROOT / "examples" / example, project / language)
        shutil.copy(ROOT / "tests/packaging/project/CMakeLists.txt", project / language)
    (project / "build.sh").write_text(BUILD_IN_ROOT)
    run(*as_root("rm", "-rf", clean_root / "project"))
    run(*as_root("cp", "-r", project, *debian_packages(), clean_root))

    chroot("dpkg", "--install", *(f"/{file.name}" for file in debian_packages()))
    chroot("sh", "/project/build.sh", SOVERSION)
    programs = sorted(clean_root.glob("project/C*-*-*"))
    assert len(programs) == 8
    for built in programs:
        is_shared = SONAME in run("readelf", "--dynamic", built)
        assert is_shared == ("-shared-" in built.name), built.name
        demo(*as_root("chroot", clean_root, f"/project/{built.name}"))

    chroot("dpkg", "--purge", *reversed(PACKAGES))
    left = run("find", clean_root / "usr", "-name", "*zignsec*")
    assert left == ""
    assert SONAME not in chroot("ldconfig", "-p")
