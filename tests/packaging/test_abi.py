"""The ABI is the one that was committed, or one that programs built against it can use.

What is described is the header, as a C++ compiler sees it: a stub with a body for each function in
it. The library itself would be described in types of Rust's, down to the inside of its handles. The
header is what the library has: cbindgen writes it from the library's source, and the exported symbols
are those of a list.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tools import ROOT, SONAME, SOVERSION, SYMBOLS, VERSION, exported, run

HERE = Path(__file__).parent
DESCRIPTION = HERE / "zignsec.abi"
HEADER = (ROOT / "include/zignsec.h").read_text()
MENDED_BY = "run `make abi`"


def described(folder: Path, header: str, soname: str = SONAME) -> Path:
    """Describes the stub library that a C++ compiler makes of a header."""
    function = re.compile(r"^(?!typedef)(\w[^;{}/]*?\bzs_\w+\([^;{}]*\));$", re.M)
    bodies, count = function.subn(r"\1 { __builtin_trap(); }", header)
    assert count > 40
    # No function names this enum.
    bodies += "\nenum zs_status zs_stub_status;\n"
    (folder / "stub.cpp").write_text(bodies)
    options = ["-g", "-shared", "-fPIC", f"-Wl,-soname,{soname}"]
    run("c++", *options, "stub.cpp", "-o", "libstub.so", cwd=folder)
    quiet = ["--no-corpus-path", "--no-show-locs", "--no-comp-dir-path"]
    run("abidw", *quiet, "--out-file", "stub.abi", "libstub.so", cwd=folder)
    return folder / "stub.abi"


def option_structs(description: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """The structs whose size callers tell."""
    told = ".//class-decl[data-member]"
    return {
        struct.attrib["name"]: struct
        for struct in description.iterfind(told)
        if struct.find("data-member/var-decl[@name='struct_size']") is not None
    }


def differences(description: Path) -> str:
    """What breaks programs, in abidiff's words; empty if nothing does."""
    new = ElementTree.parse(description).getroot()
    was = option_structs(ElementTree.parse(DESCRIPTION).getroot())
    assert len(was) >= 3
    # What an option struct has beyond its old end is nothing to a program that tells its old size.
    for name, struct in option_structs(new).items():
        size = int(struct.attrib["size-in-bits"])
        end = min(size, int(was[name].attrib["size-in-bits"]) if name in was else size)
        struct.attrib["size-in-bits"] = str(end)
        for member in struct.findall("data-member"):
            if int(member.attrib["layout-offset-in-bits"]) >= end:
                struct.remove(member)
    description.write_bytes(ElementTree.tostring(new))
    command = ["abidiff", "--no-added-syms", str(DESCRIPTION), str(description)]
    ran = subprocess.run(command, capture_output=True, text=True)
    # 1 and 2 are errors of abidiff's own; 4 and 8 tell of changes.
    assert ran.returncode & 3 == 0, ran.stderr
    return ran.stdout if ran.returncode else ""


@pytest.mark.skipif("ZIGNSEC_WRITE_ABI" not in os.environ, reason="`make abi` writes")
def test_write(tmp_path: Path) -> None:
    description = described(tmp_path, HEADER)
    if DESCRIPTION.exists() and f"soname='{SONAME}'" in DESCRIPTION.read_text():
        broken = differences(Path(shutil.copy(description, tmp_path / "trimmed.abi")))
        assert not broken, (
            f"{broken}\nThis breaks programs. Raise the minor version; or, where {VERSION} has not "
            f"been released, delete {DESCRIPTION.relative_to(ROOT)} first."
        )
    shutil.copy(description, DESCRIPTION)
    write_symbols()


def write_symbols() -> None:
    """Adds new symbols with this version, and keeps since when the others are there."""
    head = f"{SONAME} libzignsec{SOVERSION} #MINVER#\n* Build-Depends-Package: libzignsec-dev\n"
    old = SYMBOLS.read_text() if SYMBOLS.exists() else ""
    since = dict(re.findall(r"^ (\S+)@Base (\S+)$", old, re.M)) if old.startswith(head) else {}
    library = ROOT / "target/release/libzignsec.so"
    lines = [f" {name}@Base {since.get(name, VERSION)}\n" for name in exported(library)]
    SYMBOLS.write_text(head + "".join(lines))


def test_the_description_is_of_this_version() -> None:
    assert f"soname='{SONAME}'" in DESCRIPTION.read_text(), MENDED_BY


def test_no_program_breaks(tmp_path: Path) -> None:
    assert differences(described(tmp_path, HEADER)) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "uint32_t zs_version_number(void);",
            "uint32_t zs_version_number(void);\nint32_t zs_new(void);",
            id="a new function",
        ),
        pytest.param(
            "    const char *user_agent;",
            "    const char *user_agent; void *more;",
            id="a new option",
        ),
        pytest.param(
            "    const char *user_agent;",
            "    const char *user_agent; int32_t more; zs_log_callback log;",
            id="new options of other types",
        ),
        pytest.param("ZS_OK = 0,", "ZS_OK = 0, ZS_ERROR_NEW = 41,", id="a new result"),
        pytest.param(" * A client: ", " * The client: ", id="another comment"),
    ],
)
def test_a_compatible_change_is_passed_over(tmp_path: Path, old: str, new: str) -> None:
    assert HEADER.count(old) == 1
    assert differences(described(tmp_path, HEADER.replace(old, new))) == ""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param(
            "uint32_t zs_version_number(void);", "", "Removed function", id="a function gone"
        ),
        pytest.param(
            "int64_t zs_error_retry_after_ms(",
            "int32_t zs_error_retry_after_ms(",
            "return type changed",
            id="another result",
        ),
        pytest.param(
            "const char *zs_status_name(int32_t status);",
            "const char *zs_status_name(int64_t status);",
            "parameter 1 of type",
            id="another argument",
        ),
        pytest.param(
            "    const char *api_key;",
            "    void *more; const char *api_key;",
            "data member insertion",
            id="an option in between",
        ),
        pytest.param(
            "    uint32_t timeout_ms;\n    /**\n     * How many",
            "    uint64_t timeout_ms;\n    /**\n     * How many",
            "offset changed",
            id="a wider option",
        ),
        pytest.param(
            "    uint32_t timeout_ms;\n    /**\n     * How many",
            "    uint64_t timeout_ms; uint64_t more;\n    /**\n     * How many",
            "offset changed",
            id="a wider option and a new one",
        ),
        pytest.param("    const char *user_agent;", "", "deletion", id="an option gone"),
        pytest.param(
            "ZS_ERROR_TLS = 11,", "ZS_ERROR_TLS = 15,", "from value '11'", id="another number"
        ),
        pytest.param(
            "ZS_STATUS_FINISHED = 4,",
            "ZS_STATUS_FINISHED = 9,",
            "from value '4'",
            id="another status number",
        ),
        pytest.param(
            "(int32_t level, const char *message,",
            "(int32_t level, size_t length, const char *message,",
            "zs_log_callback",
            id="another callback",
        ),
    ],
)
def test_an_incompatible_change_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert HEADER.count(old) == 1
    assert told in differences(described(tmp_path, HEADER.replace(old, new)))


def test_another_name_is_another_abi(tmp_path: Path) -> None:
    assert "SONAME changed" in differences(described(tmp_path, HEADER, "libzignsec.so.999"))
