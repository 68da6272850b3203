"""Properties of the library files: symbols, dependencies, hardening, size."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from tools import ROOT, SONAME, SYMBOLS, TARGET, exported, make, needed, readelf, run

LIMIT = 2_000_000
SYSTEM = {"libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


@pytest.fixture
def library(installed: Path) -> Path:
    return installed / "lib" / SONAME


def test_the_exported_symbols_are_those_of_the_committed_list(library: Path) -> None:
    listed = re.findall(r"^ (\S+)@Base", SYMBOLS.read_text(), re.M)
    assert exported(library) == listed, f"{SYMBOLS.relative_to(ROOT)}: run `make abi`"
    assert all(name.startswith("zs_") for name in listed)


def test_the_soname_and_the_nodelete_flag(library: Path) -> None:
    dynamic = readelf("--dynamic", library)
    assert re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) == [SONAME]
    assert "NODELETE" in dynamic


def test_the_library_needs_only_system_libraries(library: Path) -> None:
    assert set(needed(library)) <= SYSTEM
    assert "RPATH" not in readelf("--dynamic", library)
    assert "RUNPATH" not in readelf("--dynamic", library)


def test_relocations_are_read_only_after_loading(library: Path) -> None:
    """Full RELRO: all symbols are bound at load time, and their table is read-only afterwards."""
    dynamic = readelf("--dynamic", library)
    assert re.search(r"\(FLAGS_1\).*\bNOW\b", dynamic)
    assert "TEXTREL" not in dynamic
    listed = readelf("--segments", library)
    segments = re.findall(r"^ +([A-Z_]+) .* ([R ][W ][E ]) (?:0|0x\w+)$", listed, re.M)
    flags = dict(segments)
    assert "GNU_RELRO" in flags
    assert flags["GNU_STACK"] == "RW "
    assert ("LOAD", "RWE") not in segments


def test_the_size() -> None:
    printed = make("size")
    size = int(re.findall(r"stripped: (\d+) bytes", printed)[0])
    assert 0 < size < LIMIT


def test_the_libraries_contain_no_path_of_this_machine(unpacked: Path) -> None:
    cargo_home = os.environ.get("CARGO_HOME", f"{Path.home()}/.cargo")
    for file in ("libzignsec.so", "libzignsec.a", "pkgconfig/zignsec.pc"):
        content = (unpacked / "lib" / file).read_bytes()
        assert str(ROOT).encode() not in content, file
        assert str(TARGET).encode() not in content, file
        assert cargo_home.encode() not in content, file


OTHER_LIBRARY = """
use std::collections::HashMap;

/// Uses much of the standard library: threads, a map, formatting and a panic.
#[unsafe(no_mangle)]
pub extern "C" fn other_answer() -> i32 {
    let counted = std::thread::spawn(|| HashMap::from([("the answer".to_owned(), 41)]));
    let caught = std::panic::catch_unwind(|| std::panic::panic_any("as planned"));
    counted.join().map_or(0, |map| map["the answer"]) + i32::from(caught.is_err())
}
"""

PROGRAM = """
#include <stdio.h>
#include <zignsec.h>

int other_answer(void);

int main(void) {
    zs_client_options options = ZS_CLIENT_OPTIONS_INIT;
    options.api_key = "key";
    options.base_url = "https://user@example.com";
    zs_client *client = NULL;
    zs_result result = zs_client_new(&options, &client, NULL);
    printf("%s %s %d\\n", zs_version(), zs_result_name(result), other_answer());
    return 0;
}
"""


def test_the_static_library_links_with_another_rust_library(
    tmp_path: Path, installed: Path
) -> None:
    (tmp_path / "other.rs").write_text(OTHER_LIBRARY)
    (tmp_path / "program.c").write_text(PROGRAM)
    run("rustc", "--edition=2024", "-O", "--crate-type=staticlib", "other.rs", cwd=tmp_path)
    env = {"PKG_CONFIG_LIBDIR": str(installed / "lib/pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "--static", "zignsec", env=env)
    libraries = shlex.split(flags.replace("-lzignsec", "-l:libzignsec.a"))
    # The linker uses the standard library of the one that comes first.
    for order in (["libother.a", *libraries], [*libraries[:-1], "libother.a", *libraries]):
        run("cc", "program.c", *order, "-o", "program", cwd=tmp_path)
        printed = run(tmp_path / "program", env={"RUST_BACKTRACE": "0"})
        assert "ZS_ERROR_CONFIGURATION 42" in printed
