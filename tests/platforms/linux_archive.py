"""Tests the archive for a Linux as a user does who has only that: linux_archive.py ARCHIVE PANIC
SANDBOX COMPILER... builds programs with the unpacked archive, static and shared, and runs them.
PANIC is an archive whose library panics on demand, or empty. Programs for musl are static and run
in an empty root, others in a root that contains glibc. Prints the counts for the row that ROW
names.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import traceback
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = os.environ["ROW"]
ARCHIVE, SANDBOX = Path(sys.argv[1]), Path(sys.argv[3])
PANIC = Path(sys.argv[2]) if sys.argv[2] else None
COMPILER = sys.argv[4:]
EMULATOR = os.environ.get("EMULATOR")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
IS_MUSL = ROW.endswith("-musl")
# Parts of glibc, and the unwinder of GCC.
GLIBC = re.compile(r"lib(c|m|dl|pthread|rt|gcc_s)\.so\.\d|ld[\w-]*\.so\.\d")
WORK = Path(tempfile.mkdtemp(prefix="zignsec-archive-"))


def run(*command: str | Path, **options: str) -> str:
    env = {**os.environ, **options}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def unpack(archive: Path) -> Path:
    folder = WORK / archive.parent.name
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    return tree


def pkg_config(tree: Path, *options: str) -> list[str]:
    path = str(tree / "lib/pkgconfig")
    return run("pkg-config", *options, "zignsec", PKG_CONFIG_LIBDIR=path).split()


def compile_static(tree: Path, source: str) -> Path:
    program = WORK / f"{tree.parent.name}-{Path(source).stem}"
    flags = pkg_config(tree, "--static", "--cflags", "--libs")
    if not IS_MUSL:
        # glibc itself stays shared: a static one cannot look up names.
        flags = ["-l:libzignsec.a" if flag == "-lzignsec" else flag for flag in flags]
    run(*COMPILER, "-std=c99", *WARNINGS, *(["-static"] if IS_MUSL else []), f"-I{ROOT}/tests/c",
        ROOT / source, *flags, "-o", program)  # fmt: skip
    if IS_MUSL:
        assert "INTERP" not in run("readelf", "--wide", "--program-headers", program)
    else:
        assert "zignsec" not in dynamic(program)
    return program


def compile_shared(tree: Path, source: str) -> Path:
    program = WORK / f"{tree.parent.name}-{Path(source).stem}-shared"
    flags = pkg_config(tree, "--cflags", "--libs")
    run(*COMPILER, "-std=c99", *WARNINGS, f"-I{ROOT}/tests/c", ROOT / source, *flags,
        "-o", program)  # fmt: skip
    return program


def empty_root(name: str, program: Path) -> tuple[Path, list[str]]:
    """A folder with only a program, and glibc if it needs that, and how to run it there."""
    folder = WORK / name
    folder.mkdir()
    shutil.copy(program, folder / "program")
    if not IS_MUSL:
        add_glibc(folder, program)
    if EMULATOR is None:
        return folder, ["chroot", str(folder), "/program"]
    shutil.copy(EMULATOR, folder / "emulator")
    return folder, ["chroot", str(folder), "/emulator", "/program"]


def add_glibc(folder: Path, program: Path) -> None:
    """Copies the loader that a program names, and the libraries where the loader finds them."""
    headers = run("readelf", "--wide", "--program-headers", program)
    (loader,) = re.findall(r"program interpreter: /(.*)\]", headers)
    libraries = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libgcc_s.so.1")
    for to in (folder / loader, *(folder / "lib" / name for name in libraries)):
        found = run(*COMPILER, f"-print-file-name={to.name}").strip()
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, to)


def with_library(name: str, tree: Path, program: Path) -> tuple[Path, list[str]]:
    """A folder with a program and the shared library, and how to run it there."""
    if not IS_MUSL:
        folder, command = empty_root(name, program)
        for library in (tree / "lib").glob("libzignsec.so.*"):
            shutil.copy(library, folder / "lib")
        return folder, command
    if EMULATOR is not None:
        raise NotImplementedError("Zig has no loader of musl")
    return WORK, ["env", f"LD_LIBRARY_PATH={tree / 'lib'}", str(program)]


def dynamic(library: Path) -> str:
    return run("readelf", "--wide", "--dynamic", library)


def test_the_shared_library_needs_only_the_system() -> None:
    library = next((ARCHIVE_TREE / "lib").glob("libzignsec.so.*.*.*"))
    listed = dynamic(library)
    needed = re.findall(r"\(NEEDED\) .*\[(.*)\]", listed)
    assert needed == ["libc.so"] if IS_MUSL else all(map(GLIBC.fullmatch, needed)), needed
    (soname,) = re.findall(r"\(SONAME\) .*\[(.*)\]", listed)
    assert soname == library.name.rpartition(".")[0], soname
    assert (library.parent / soname).resolve() == library.resolve()
    assert "NODELETE" in listed
    symbols = run("readelf", "--wide", "--dyn-syms", library)
    exported = set(re.findall(r" (?:GLOBAL|WEAK) +DEFAULT +\d+ (\w+)", symbols))
    header = (ROOT / "include/zignsec.cdef").read_text()
    assert exported == set(re.findall(r"\b(zs_\w+)\(", header)), exported
    # Its own unwinder for musl, which has none.
    assert bool(re.search(r" UND _Unwind_", symbols)) != IS_MUSL
    # The pages of the stack stay not executable.
    assert re.search(r"GNU_STACK.* RW ", run("readelf", "--wide", "--program-headers", library))


def test_the_archive_contains_no_path_of_the_builder() -> None:
    paths = [str(ROOT), os.environ["CARGO_TARGET_DIR"], "/.cargo/registry"]
    for file in filter(Path.is_file, ARCHIVE_TREE.rglob("*")):
        content = file.read_bytes()
        assert not [path for path in paths if path.encode() in content], file


def test_the_licences_are_complete() -> None:
    licences = (ARCHIVE_TREE / "LICENSE-THIRD-PARTY").read_text()
    assert ("Apache-2.0 WITH LLVM-exception" in licences) == IS_MUSL
    assert "rustls" in licences


def verdict(command: list[str], folder: Path, ca_file: str | None) -> None:
    """Runs a program that prints the ID of its session, with a sandbox that uses TLS."""
    with subprocess.Popen(
        [SANDBOX, "--port", "0", "--json", "--tls"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as sandbox:
        assert sandbox.stdout is not None
        ready = json.loads(sandbox.stdout.readline())
        shutil.copy(ready["ca_file"], folder / "ca.pem")
        address = ready["url"].removeprefix("https")
        env = {"PATH": os.environ["PATH"], "ZIGNSEC_API_KEY": ready["api_key"]}
        arguments = [ready["url"], ca_file] if ca_file else ["+46701740605"]
        if not ca_file:
            env |= {"ZIGNSEC_BASE_URL": ready["url"], "SSL_CERT_FILE": "/ca.pem"}
        with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, env=env) as program:
            assert program.stdout is not None
            session = re.search(rb"[0-9a-f-]{36}", program.stdout.readline())
            assert session, "the program printed no session ID"
            request = urllib.request.Request(
                f"http{address}/_sandbox/sessions/{session[0].decode()}/user",
                b'{"action": "accept"}',
                {"content-type": "application/json"},
            )
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            opener.open(request, timeout=60).close()
            rest = program.stdout.read().decode()
        assert program.returncode == 0, rest
    assert sandbox.returncode == 0


def test_a_static_program_gets_a_verdict_in_an_empty_root() -> None:
    folder, command = empty_root(
        "empty", compile_static(ARCHIVE_TREE, "tests/platforms/linux_archive.c")
    )
    verdict(command, folder, "/ca.pem")


def test_the_example_gets_a_verdict_in_an_empty_root() -> None:
    program = compile_static(ARCHIVE_TREE, "examples/c/phone_2fa.c")
    folder, command = empty_root("example", program)
    verdict(command, folder, None)


def test_a_program_with_the_shared_library_gets_a_verdict() -> None:
    program = compile_shared(ARCHIVE_TREE, "tests/platforms/linux_archive.c")
    folder, command = with_library("shared", ARCHIVE_TREE, program)
    verdict(command, folder, str(folder / "ca.pem") if folder == WORK else "/ca.pem")


def test_a_panic_becomes_an_error_in_a_static_program() -> None:
    program = compile_static(panic_tree(), "tests/platforms/linux_archive.c")
    _, command = empty_root("panic-static", program)
    run(*command, "panic")


def test_a_panic_becomes_an_error_in_the_shared_library() -> None:
    program = compile_shared(panic_tree(), "tests/platforms/linux_archive.c")
    _, command = with_library("panic-shared", panic_tree(), program)
    run(*command, "panic")


@functools.cache
def panic_tree() -> Path:
    if PANIC is None:
        raise NotImplementedError("c.sh tests it, with libraries that are not in an archive")
    return unpack(PANIC)


def main() -> None:
    failed = skipped = 0
    tests: list[Callable[[], None]] = [
        each for name, each in globals().items() if name.startswith("test_")
    ]
    for test in tests:
        try:
            test()
        except NotImplementedError as reason:
            skipped += 1
            print(f"skipped: {test.__name__}: {reason}")
        except (AssertionError, OSError, ValueError):
            failed += 1
            print(f"FAILED  {test.__name__}\n{traceback.format_exc()}")
    library = next((ARCHIVE_TREE / "lib").glob("libzignsec.so.*.*.*"))
    print(f"size: {library.stat().st_size}")
    shutil.rmtree(WORK)
    print(f"{ROW}: {len(tests) - skipped} run, {failed} failed, {skipped} skipped")
    sys.exit(failed != 0)


ARCHIVE_TREE = unpack(ARCHIVE)

if __name__ == "__main__":
    main()
