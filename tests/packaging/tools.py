"""Programs that the tests run, and what they read of the files that those leave."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = re.findall(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[0]
SOVERSION = VERSION.rpartition(".")[0]
SONAME = f"libzignsec.so.{SOVERSION}"
DIST = ROOT / "target/dist"
RELEASE = next(DIST.glob(f"libzignsec-{VERSION}-*.tar.gz"), DIST / "the release archive")
SYMBOLS = ROOT / "ffi-c/packaging/debian/libzignsec.symbols"
PHONE = "+46703339954"


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Runs a program to its good end and gives what it printed."""
    ran = subprocess.run(
        command,
        cwd=cwd,
        env={**clean_environment(), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ran.returncode == 0, f"{' '.join(map(str, command))}\n{ran.stdout}"
    return ran.stdout


def clean_environment() -> dict[str, str]:
    """The environment without what leads a build elsewhere, such as the options of a `make` around,
    and without certificate files, which a chroot does not have."""
    leads = re.compile(
        r"MAKE|MFLAGS|PREFIX|DESTDIR|LIBDIR|PKG_CONFIG|CMAKE|LD_|C.*FLAGS|SOURCE_DATE"
        r"|SSL_CERT|.*_CA_BUNDLE"
    )
    return {name: value for name, value in os.environ.items() if not leads.match(name)}


def make(*arguments: str, env: dict[str, str] | None = None) -> str:
    """Runs the Makefile."""
    return run("make", "--no-print-directory", "-C", ROOT, *arguments, env=env)


def demo(*program: str | Path, env: dict[str, str] | None = None) -> None:
    """Runs a program of examples/ against a sandbox, with the scripted user as its user."""
    printed = run(ROOT / "target/debug/examples/demo", *program, PHONE, env=env)
    assert "is verified" in printed, printed


def readelf(option: str, file: Path) -> str:
    return run("readelf", "--wide", option, file)


def needed(file: Path) -> list[str]:
    """The shared libraries that a program or library asks for."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic", file))


def exported(library: Path) -> list[str]:
    listed = run("nm", "--dynamic", "--defined-only", "--format=posix", library)
    return sorted(line.split()[0] for line in listed.splitlines())
