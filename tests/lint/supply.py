"""Checks that everything that is built or installed has a fixed version and a hash.

The files must also not name a package registry or a path: they are valid with any mirror.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = {
    "Cargo.toml": "Cargo.lock",
    "Gemfile": "Gemfile.lock",
    "composer.json": "composer.lock",
    "cpanfile": "cpanfile.snapshot",
    "go.mod": "go.sum",
    "package.json": "package-lock.json",
    "requirements.in": "requirements.txt",
    "requirements-tests.in": "requirements-tests.txt",
}
"""The lock file of each file that lists dependencies."""
PINNED = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!-]+)( ; [^\\]+)?")
HASHES = re.compile(r"(--hash=sha256:[0-9a-f]{64} *)+")


def normalized(name: str) -> str:
    """The name of a Python package as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(text: str) -> dict[str, str]:
    """The packages of a requirements file with their versions. Raises ValueError for others."""
    found: dict[str, str] = {}
    for line in text.replace("\\\n", " ").splitlines():
        package, option, hashes = line.partition("--")
        match = PINNED.fullmatch(package.strip())
        if match is None:
            raise ValueError(f"not a package with a fixed version: {line.strip()[:60]!r}")
        if not HASHES.fullmatch(option + hashes):
            raise ValueError(f"{match[1]} has no hashes")
        found[normalized(match[1])] = match[2]
    return found


def check_requirements(source: str, lock: str) -> None:
    """Each package of the source has the same version in the lock."""
    locked = requirements(lock)
    for line in source.splitlines():
        wanted = line.partition("#")[0].strip()
        if not wanted or wanted.startswith("-r "):
            continue
        name, _, version = re.sub(r"\[.*?\]", "", wanted).partition("==")
        if version and locked.get(normalized(name)) != version:
            raise ValueError(f"{wanted} is not locked; run `make locks`")
        if normalized(re.split(r"[<>=~! ]", name)[0]) not in locked:
            raise ValueError(f"{wanted} is not locked; run `make locks`")


def check_npm(source: str, lock: str) -> None:
    """Each package has a hash and no URL of a registry."""
    packages = json.loads(lock)["packages"]
    wanted = json.loads(source).get("dependencies", {})
    if packages.pop("").get("dependencies", {}) != wanted:
        raise ValueError("package-lock.json does not match package.json; run `make locks`")
    for name, package in packages.items():
        if not package.get("integrity", "").startswith("sha512-"):
            raise ValueError(f"{name} has no hash")
        if "resolved" in package:
            raise ValueError(f"{name} names a registry")


def check_cargo(lock: str) -> None:
    """Each crate is of crates.io and has a hash, or is in this repository."""
    for package in lock.split("[[package]]")[1:]:
        name = re.findall(r'^name = "(.*)"$', package, re.M)[0]
        sources = re.findall(r'^source = "(.*)"$', package, re.M)
        if sources and not re.search(r'^checksum = "[0-9a-f]{64}"$', package, re.M):
            raise ValueError(f"{name} has no hash")
        if any("crates.io-index" not in source for source in sources):
            raise ValueError(f"{name} is not of crates.io")


def check_build_requirements(project: str, locked: dict[str, str]) -> None:
    """The build backend has the version that the tests use."""
    wanted = re.findall(r"^requires = \[(.*)\]$", project, re.M)
    for each in re.findall(r'"([^"]+)"', wanted[0]) if wanted else []:
        name, _, version = each.partition("==")
        if not version or locked.get(normalized(name)) != version:
            raise ValueError(f"{each} is not the version of tests/python/requirements.txt")


def check(path: Path, files: set[Path], locked: dict[str, str]) -> None:
    """Check one file of the repository."""
    text = (ROOT / path).read_text()
    if path.name in LOCKS and not (path.name == "Cargo.toml" and "[workspace]" not in text):
        lock_path = path.with_name(LOCKS[path.name])
        if lock_path not in files:
            raise ValueError(f"there is no {lock_path}")
        lock = (ROOT / lock_path).read_text()
        if path.suffix == ".in":
            check_requirements(text, lock)
        elif path.name == "package.json":
            check_npm(text, lock)
        elif path.name == "Cargo.toml":
            check_cargo(lock)
    elif path.name.startswith("requirements") and path.suffix == ".txt":
        if path.with_suffix(".in") not in files:
            raise ValueError(f"there is no {path.with_suffix('.in')}")
        requirements(text)
    elif path.name == "pyproject.toml":
        check_build_requirements(text, locked)


def main() -> int:
    """Check all files of the repository. Returns the exit status."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
    files = {Path(name) for name in listed.stdout.decode().splitlines()}
    locked = requirements((ROOT / "tests/python/requirements.txt").read_text())
    failed = False
    for path in sorted(path for path in files if (ROOT / path).is_file()):
        if path.name not in LOCKS and path.suffix not in {".txt", ".toml"}:
            continue
        try:
            check(path, files, locked)
        except ValueError as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
