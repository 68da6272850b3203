"""Prints the licences of the packages that are linked into the C library: third_party.py [TARGET],
the Rust target that it is built for, by default this machine's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

STANDARD_LIBRARY = """\
The standard library of Rust is also linked in: MIT OR Apache-2.0, copyright The Rust Project
Contributors. The text of both licences is in the same folder as this file."""


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments], check=True, capture_output=True, text=True).stdout


def linked_crates() -> set[tuple[str, str]]:
    """Names and versions of the crates, except procedural macros, which are not linked in."""
    tree = cargo(
        *("tree", "--locked", "-p", "zignsec-c", "--edges", "normal,no-proc-macro"),
        *("--prefix", "none", "--no-dedupe", "--format", "{p}"),
        *(argument for target in sys.argv[1:] for argument in ("--target", target)),
    )
    pairs = (line.split()[:2] for line in tree.splitlines())
    return {(name, version.removeprefix("v")) for name, version in pairs}


def licence_files(crate: Path) -> list[Path]:
    """The licence files of a crate: the MIT licence if the crate offers it, else all of them."""
    files = [
        file
        for beginning in ("license", "copying")
        for file in sorted(crate.iterdir())
        if file.name.lower().startswith(beginning)
    ]
    return [file for file in files if file.name.lower().startswith("license-mit")] or files


def main() -> None:
    crates = linked_crates()
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1"))
    print(STANDARD_LIBRARY)
    for package in sorted(metadata["packages"], key=lambda package: package["name"]):
        # A package without a source belongs to this repository.
        if package["source"] is None or (package["name"], package["version"]) not in crates:
            continue
        files = licence_files(Path(package["manifest_path"]).parent)
        if not files:
            raise SystemExit(f"{package['name']} contains no licence file")
        print(f"\n{'-' * 80}\n{package['name']} {package['version']}: {package['license']}\n")
        print("\n\n".join(file.read_text().strip() for file in files))


if __name__ == "__main__":
    main()
