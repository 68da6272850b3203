"""Compares the ABI with the committed description; run as a program, updates the description.

The description is made from the header, as a C++ compiler sees it: from a stub library with a body
for each function. A description of the real library would contain Rust's types and the fields of
opaque handles. The header matches the library, because cbindgen writes it from the library's source
and a test compares the exported symbols with a list.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from tools import LIBRARY, ROOT, SONAME, SOVERSION, SYMBOLS, VERSION, exported, run

DESCRIPTION = Path(__file__).with_name("zignsec.abi")
HEADER = (ROOT / "include/zignsec.h").read_text()


def described(folder: Path, header: str, soname: str = SONAME) -> Path:
    """Builds a stub library from a header and describes it."""
    function = re.compile(r"^(?!typedef)(\w[^;{}/]*?\bzs_\w+\([^;{}]*\));$", re.M)
    bodies, count = function.subn(r"\1 { __builtin_trap(); }", header)
    assert count > 40
    # No function uses this enum.
    bodies += "\nenum zs_status zs_stub_status;\n"
    (folder / "stub.cpp").write_text(bodies)
    options = ["-g", "-shared", "-fPIC", f"-Wl,-soname,{soname}"]
    run("c++", *options, "stub.cpp", "-o", "libstub.so", cwd=folder)
    quiet = ["--no-corpus-path", "--no-show-locs", "--no-comp-dir-path"]
    run("abidw", *quiet, "--out-file", "stub.abi", "libstub.so", cwd=folder)
    return folder / "stub.abi"


def option_structs(description: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """The structs that contain struct_size."""
    with_members = ".//class-decl[data-member]"
    return {
        struct.attrib["name"]: struct
        for struct in description.iterfind(with_members)
        if struct.find("data-member/var-decl[@name='struct_size']") is not None
    }


def differences(description: Path) -> str:
    """The report of abidiff on changes that break programs; empty if there are none."""
    new = ElementTree.parse(description).getroot()
    was = option_structs(ElementTree.parse(DESCRIPTION).getroot())
    assert len(was) >= 3
    # An option struct may grow at its end: the library accepts every older size of it. So only the
    # fields of the committed description are compared.
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
    # Bits 1 and 2 are errors of abidiff; bits 4 and 8 report changes.
    assert ran.returncode & 3 == 0, ran.stderr
    return ran.stdout if ran.returncode else ""


def write_description(folder: Path) -> None:
    """Updates the description, unless the change breaks programs."""
    new = described(folder, HEADER)
    if DESCRIPTION.exists() and f"soname='{SONAME}'" in DESCRIPTION.read_text():
        changes = differences(Path(shutil.copy(new, folder / "compared.abi")))
        if changes:
            raise SystemExit(
                f"{changes}\nThis breaks programs. Raise the minor version; or, if {VERSION} has "
                f"not been released, delete {DESCRIPTION.relative_to(ROOT)} first."
            )
    shutil.copy(new, DESCRIPTION)


def write_symbols() -> None:
    """Adds new symbols with this version, and keeps the versions of the others."""
    head = f"{SONAME} libzignsec{SOVERSION} #MINVER#\n* Build-Depends-Package: libzignsec-dev\n"
    old = SYMBOLS.read_text() if SYMBOLS.exists() else ""
    since = dict(re.findall(r"^ (\S+)@Base (\S+)$", old, re.M)) if old.startswith(head) else {}
    lines = [f" {name}@Base {since.get(name, VERSION)}\n" for name in exported(LIBRARY)]
    SYMBOLS.write_text(head + "".join(lines))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        write_description(Path(scratch))
    write_symbols()
