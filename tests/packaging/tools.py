"""Programs that the tests run, and functions that read the files which the build produces."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = re.findall(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[0]
SOVERSION = VERSION.rpartition(".")[0]
SONAME = f"libzignsec.so.{SOVERSION}"
# tests/common.sh sets the variable to the directory that cargo reports.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
LIBRARY = TARGET / "release/libzignsec.so"
DIST = TARGET / "dist"
RELEASE = next(
    DIST.glob(f"libzignsec-{VERSION}-*.tar.gz"), DIST / "no release archive, run `make dist`"
)
PACKAGES = [f"libzignsec{SOVERSION}", "libzignsec-dev"]
SYMBOLS = ROOT / "ffi-c/packaging/debian/libzignsec.symbols"
PHONE = "+46703339954"


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Runs a program, which must succeed, and returns what it printed."""
    completed = subprocess.run(
        command,
        cwd=cwd,
        env={**clean_environment(), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert completed.returncode == 0, f"{' '.join(map(str, command))}\n{completed.stdout}"
    return completed.stdout


def clean_environment() -> dict[str, str]:
    """The environment without the variables that change a build, such as those of an enclosing
    `make`, and without certificate files, which a chroot does not have."""
    ignored = re.compile(
        r"MAKE|MFLAGS|PREFIX|DESTDIR|LIBDIR|PKG_CONFIG|CMAKE|LD_|C.*FLAGS|SOURCE_DATE"
        r"|SSL_CERT|.*_CA_BUNDLE"
    )
    return {name: value for name, value in os.environ.items() if not ignored.match(name)}


def make(*arguments: str, env: dict[str, str] | None = None) -> str:
    """Runs a target of the Makefile."""
    return run("make", "--no-print-directory", "-C", ROOT, *arguments, env=env)


def demo(*program: str | Path, env: dict[str, str] | None = None) -> None:
    """Runs a program of examples/ against a sandbox with a scripted user."""
    printed = run(TARGET / "debug/examples/demo", *program, PHONE, env=env)
    assert "is verified" in printed, printed


def debian_packages() -> list[Path]:
    return [next(DIST.glob(f"{name}_{VERSION}-1_*.deb")) for name in PACKAGES]


def readelf(option: str, file: Path) -> str:
    return run("readelf", "--wide", option, file)


def needed(file: Path) -> list[str]:
    """The shared libraries that a program or a library needs."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic", file))


def exported(library: Path) -> list[str]:
    listed = run("nm", "--dynamic", "--defined-only", "--format=posix", library)
    return sorted(line.split()[0] for line in listed.splitlines())
