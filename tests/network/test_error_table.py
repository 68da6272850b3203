"""The rules for the texts of errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from error_table import MAX_LENGTH, ErrorTable

GOOD = "https://gateway.example: could not connect: connection refused (ECONNREFUSED); check it"


def test_good_text_is_written_to_the_table(tmp_path: Path) -> None:
    table = ErrorTable(tmp_path / "errors.txt")
    table.add("refused", GOOD, peer="https://gateway.example", remedy="check it")
    assert GOOD in (tmp_path / "errors.txt").read_text()


def test_text_of_a_case_replaces_the_earlier_one(tmp_path: Path) -> None:
    table = ErrorTable(tmp_path / "errors.txt")
    for case, text in (("b", GOOD), ("a", GOOD), ("b", f"{GOOD} again")):
        table.add(case, text, peer="https://gateway.example", remedy="check it")
    lines = (tmp_path / "errors.txt").read_text().splitlines()
    assert [(line.split()[0], line.endswith("again")) for line in lines] == [
        ("a", False),
        ("b", True),
    ]


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("check it", "x" * MAX_LENGTH + " check it"),
        GOOD.replace("connection refused", "Other(OtherError(CaUsedAsEndEntity))"),
        GOOD.replace("connection refused", "Algorithm { id: 1 }"),
        GOOD.replace("connection refused", "algorithm [6, 8, 42]"),
        GOOD.replace("connection refused", "fatal alert: HandshakeFailure"),
        GOOD.replace("connection refused", "see https://docs.rs/rustls/latest"),
        GOOD.replace("gateway", "server"),
        GOOD.replace("check it", "good luck"),
        GOOD.replace("; ", "\n"),
    ],
)
def test_text_that_breaks_a_rule_is_refused(tmp_path: Path, text: str) -> None:
    table = ErrorTable(tmp_path / "errors.txt")
    with pytest.raises(AssertionError):
        table.add("bad", text, peer="https://gateway.example", remedy="check it")
