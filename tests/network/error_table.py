"""The table of error texts: every text is checked by the same rules and written to
``target/errors.txt``, where they can be read side by side."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

import zignsec

MAX_LENGTH = 300
# Rust's debug form of an error, such as `Other(OtherError(CaUsedAsEndEntity))`, and of bytes.
DEBUG_FORMS = re.compile(
    r"\{|::|\(OtherError|Context\(|UnixTime|\[\d+, \d+|\w\([A-Z]"
    r"|UnknownIssuer|BadSignature|BadEncoding|HandshakeFailure|InvalidContentType"
)
# Where the documentation of a dependency is.
LINKS = re.compile(r"docs\.rs|github\.com")


class ErrorTable:
    """Collects error texts. Several processes may write to the same file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, case: str, error: zignsec.ZignSecError | str, *, peer: str, remedy: str) -> str:
        """Check the text of an error and write it down.

        ``peer`` is how the text names the peer that failed, ``remedy`` is a part of what it says
        to do. Returns the text.
        """
        text = str(error)
        self._write(f"{case:<56} ", f"{len(text):>3} {text}\n")
        assert len(text) <= MAX_LENGTH, f"{case}: {len(text)} characters: {text}"
        for form in (DEBUG_FORMS, LINKS):
            found = form.search(text)
            assert not found, f"{case}: {found} in: {text}"
        assert "\n" not in text, text
        assert peer, case
        assert remedy, case
        assert peer in text, f"{case}: the peer {peer!r} is not in: {text}"
        assert remedy in text, f"{case}: the remedy {remedy!r} is not in: {text}"
        return text

    def _write(self, case: str, rest: str) -> None:
        """Write a line. It replaces that of an earlier run."""
        with self._file.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            lines = [line for line in file if not line.startswith(case)]
            file.truncate(0)
            file.writelines(sorted([*lines, case + rest]))


def error_table() -> ErrorTable:
    """The table of this build, below Cargo's target directory."""
    return ErrorTable(Path(os.environ["CARGO_TARGET_DIR"]) / "errors.txt")
