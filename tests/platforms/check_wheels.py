"""Checks the wheels of tests/platforms/wheels.sh, which nothing here can run: that they are tagged
for their platform and import only what it has. check_wheels.py FOLDER PLATFORM...
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# The platform in the name of the wheel. A static program runs on any Linux.
TAGS = {
    "win_amd64": r"win_amd64",
    "win32": r"win32",
    "musllinux_x86_64": r"musllinux_1_2_x86_64",
    "musllinux_aarch64": r"musllinux_1_2_aarch64",
    "manylinux_aarch64": r"manylinux2014_aarch64\.manylinux_2_17_aarch64",
    "manylinux_i686": r"manylinux2014_i686\.manylinux_2_17_i686",
}
ELF_MACHINES = {
    "x86_64": "Advanced Micro Devices X86-64",
    "aarch64": "AArch64",
    "i686": "Intel 80386",
}
PE_MACHINES = {"win_amd64": "pei-x86-64", "win32": "pei-i386"}
# Parts of each Windows since 10, and Python's stable ABI.
WINDOWS = re.compile(
    r"api-ms-win-[\w-]+|kernel32|ntdll|advapi32|crypt32|bcrypt|bcryptprimitives|ws2_32|msvcrt"
    r"|userenv|secur32|shell32|python3",
)
# glibc and the unwinder of GCC, which manylinux allows.
GLIBC = re.compile(r"lib(c|m|dl|pthread|rt|util|gcc_s)\.so\.\d+|ld-linux[\w-]*\.so\.\d")
# The extension unwinds the stack with these functions.
RAISE = "_Unwind_RaiseException"


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def check_windows(binary: Path, platform: str) -> str:
    objdump = "x86_64-w64-mingw32-objdump"
    assert PE_MACHINES[platform] in run(objdump, "-f", binary)
    imported = re.findall(r"DLL Name: (\S+)", run(objdump, "-p", binary))
    names = {name.lower().removesuffix(".dll") for name in imported}
    foreign = {name for name in names if not WINDOWS.fullmatch(name)}
    assert not foreign, f"{sorted(foreign)} are not parts of Windows"
    # Python without a debug or version-specific library.
    assert ("python3" in names) == (binary.suffix == ".pyd")
    return f"imports {', '.join(sorted(names))}"


def check_linux(binary: Path, platform: str) -> str:
    libc, _, machine = platform.partition("_")
    listed = run("readelf", "--wide", "--file-header", "--dynamic", "--program-headers", binary)
    assert ELF_MACHINES[machine] in listed
    needed = re.findall(r"\(NEEDED\) .*\[(.*)\]", listed)
    symbols = run("readelf", "--wide", "--dyn-syms", binary)
    imported = set(re.findall(r" UND (\w+)", symbols))
    own_unwinder = b"libunwind: " in binary.read_bytes()
    if libc == "musllinux":
        # Alone: musl has no libgcc_s, and pthread_exit does not unwind the stack there.
        is_program = binary.suffix != ".so"
        assert needed == ([] if is_program else ["libc.so"]), needed
        assert "INTERP" not in listed
        assert RAISE not in imported
        return f"needs {needed[0] if needed else 'nothing'}"
    assert all(map(GLIBC.fullmatch, needed)), needed
    versions = run("readelf", "--wide", "--version-info", binary)
    glibc = max(version(each) for each in re.findall(r"Name: GLIBC_([0-9.]+)", versions))
    assert glibc <= (2, 17), glibc
    # A program may contain an unwinder, because no other code unwinds its stack.
    if binary.suffix == ".so":
        assert any(name.startswith("libgcc_s.so") for name in needed), needed
        assert RAISE in imported
        assert not own_unwinder, "it has a separate unwinder"
        gcc = max(version(each) for each in re.findall(r"Name: GCC_([0-9.]+)", versions))
        assert gcc <= (4, 3, 0), gcc
    return f"needs {', '.join(needed)}; glibc {'.'.join(map(str, glibc))}"


def check(wheel: Path, platform: str, folder: Path) -> None:
    tag = wheel.stem.rpartition("-")[2]
    is_library = wheel.name.startswith("zignsec-")
    assert re.search(rf"(^|\.){TAGS[platform]}($|\.)", tag), tag
    assert ("-cp310-abi3-" if is_library else "-py3-none-") in wheel.name
    ends = (
        "_zignsec.abi3.so",
        "_zignsec.pyd",
        "/zignsec-sandbox",
        "/zignsec-sandbox.exe",
    )
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (binary,) = (Path(archive.extract(name, folder)) for name in names if name.endswith(ends))
        # A platform needs no other library.
        suffixes = (".so", ".dll", ".pyd", ".exe")
        assert sum(name.endswith(suffixes) or ".so." in name for name in names) <= 1
    found = (check_windows if platform in PE_MACHINES else check_linux)(binary, platform)
    print(f"{wheel.name}: {wheel.stat().st_size} bytes, {found}")


def main() -> None:
    wheels, platforms = Path(sys.argv[1]), sys.argv[2:]
    for platform in platforms:
        for kind in ("zignsec", "zignsec_sandbox"):
            tag = TAGS[platform].replace("\\", "")
            found = [path for path in wheels.glob(f"{kind}-[0-9]*.whl") if tag in path.name]
            assert len(found) == 1, f"{kind} for {platform}: {found}"
            with tempfile.TemporaryDirectory() as folder:
                check(found[0], platform, Path(folder))


if __name__ == "__main__":
    main()
