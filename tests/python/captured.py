"""Searches the captured logs and error messages for API keys and phone numbers.

The tests of every language write the log of the library, at every level, and its error messages to
files in one folder. Run this file as a program with that folder as its argument.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

SECRETS = {
    "an API key": ["sandbox-key", "retired-key", "a-secret-of-hooks"],
    # Complete, and the part that is masked: +46*****605.
    "a phone number": ["46701740605", "46703339954", "0174060", "0333995"],
}
LONG = 9
"""A match of this many letters and digits is not a coincidence."""


def bare(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text)


def views(text: str) -> Iterator[str]:
    """The text itself, and the text decoded from several forms of dump."""
    yield text
    # The text column of a hex dump.
    yield "".join(columns(text))
    yield decoded(re.findall(r"(?<![0-9a-fA-F])([0-9a-fA-F]{2})(?![0-9a-fA-F])", text), 16)
    yield decoded(re.findall(r"(?<!\d)(\d{2,3})(?!\d)", text), 10)
    # Hexadecimal without spaces.
    for run in re.findall(r"(?:[0-9a-fA-F]{2}){6,}", text):
        yield bytes.fromhex(run).decode("latin-1")


def columns(text: str) -> Iterator[str]:
    for line in text.splitlines():
        # Offset and bytes come before the text.
        match = re.match(r"^\s*[0-9a-fA-F]{4,8}:?\s+(?:[0-9a-fA-F]{2,4}\s+)+\s*\|?(.*?)\|?$", line)
        if match:
            yield match[1]


def decoded(numbers: list[str], base: int) -> str:
    return "".join(chr(number) for each in numbers if 32 <= (number := int(each, base)) < 127)


def found(text: str) -> set[str]:
    """The secrets that a text contains, plain or as a dump."""
    seen, joined = list(views(text)), bare(text)
    return {
        f"{what} ({secret})"
        for what, secrets in SECRETS.items()
        for secret in secrets
        if any(secret in view for view in seen)
        # Also if a dump splits the secret over several rows.
        or (len(bare(secret)) >= LONG and bare(secret) in joined)
    }


def main(folder: Path) -> int:
    files = sorted(folder.glob("*.log"))
    languages = {path.name.split("-")[0] for path in files if path.stat().st_size}
    if languages < {"rust", "c", "python"}:
        print(f"only the logs of {sorted(languages)} were captured", file=sys.stderr)
        return 1
    leaks = 0
    for path in files:
        for secret in found(path.read_text(errors="replace")):
            print(f"{path.name}: {secret}", file=sys.stderr)
            leaks += 1
    lines = sum(path.read_text(errors="replace").count("\n") for path in files)
    print(f"captured: {lines} lines of {len(files)} programs, {leaks} secrets")
    return int(leaks > 0 or lines < 1000)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
