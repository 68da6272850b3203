"""Checks the vocabulary: finds the phrases of words.txt in the files of the repository.

    python3 tests/lint/words.py [--counts] [FILE]...

Prints FILE:LINE, the phrase and the plain words to use instead, and fails if it finds a phrase.
Without FILE it checks every file that git tracks. `--counts` prints only the number of phrases in
each folder.
"""

from __future__ import annotations

import re
import subprocess
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

SKIPPED = re.compile(
    r"tests/lint/words\.|.*\.lock$|(.*/)?LICENSE|tests/packaging/.*\.abi$|tests/vectors/.*\.json$"
)
"""Not checked: this check, licences and generated data."""

MARKER = re.compile(r"^\s*(?://[/!]?|/?\*+[/>]?|#+:?|--|!)?\s*")
"""The beginning of a line of comment in the languages of the repository."""


@dataclass(frozen=True)
class Phrase:
    pattern: re.Pattern[str]
    replacement: str
    folder: str
    """The beginning of the paths that are searched."""


def read_phrases(text: str) -> list[Phrase]:
    phrases: list[Phrase] = []
    folder, flags = "", re.IGNORECASE
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if section := re.fullmatch(r"\[(.+)\]", line):
            folder, flags = section[1], re.RegexFlag(0)
            continue
        expression, arrow, replacement = line.partition(" -> ")
        if not arrow:
            raise SystemExit(f"words.txt:{number}: a line is PHRASE -> REPLACEMENT")
        expression = expression.replace(" ", r"\s+")
        pattern = re.compile(rf"(?<!\w)(?:{expression})(?!\w)", flags)
        phrases.append(Phrase(pattern, replacement, folder))
    return phrases


def find(text: str, phrases: list[Phrase]) -> Iterator[tuple[int, str, str]]:
    """Yields the line number, the phrase found and its replacement, in the order of the phrases."""
    starts: list[int] = []
    joined = ""
    for line in text.splitlines():
        starts.append(len(joined))
        joined += MARKER.sub("", line, count=1) + "\n"
    for phrase in phrases:
        for match in phrase.pattern.finditer(joined):
            found = " ".join(match[0].split())
            yield bisect_right(starts, match.start()), found, phrase.replacement


def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if name]


def main(arguments: list[str]) -> int:
    counts_only = "--counts" in arguments
    paths = [name for name in arguments if name != "--counts"]
    names = [str(Path(name).resolve().relative_to(ROOT)) for name in paths] or tracked_files()
    phrases = read_phrases((HERE / "words.txt").read_text(encoding="utf-8"))
    counts: Counter[str] = Counter()
    for name in names:
        if SKIPPED.match(name) or not (ROOT / name).is_file():
            continue
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        relevant = [phrase for phrase in phrases if name.startswith(phrase.folder)]
        for line, found, replacement in sorted(find(text, relevant)):
            counts["/".join(name.split("/")[:2]) if "/" in name else name] += 1
            if not counts_only:
                print(f'{name}:{line}: "{found}": use {replacement}')
    if counts_only:
        for folder, count in sorted(counts.items()):
            print(f"{count:5}  {folder}")
    if counts:
        print(f"{counts.total()} phrases of tests/lint/words.txt", file=sys.stderr)
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
