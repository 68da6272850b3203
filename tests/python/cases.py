"""The shared test cases of tests/vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import zignsec


def cases(file: str) -> list[dict[str, Any]]:
    path = Path(__file__).parent.parent / "vectors" / file
    return cast("list[dict[str, Any]]", json.loads(path.read_text(encoding="utf-8")))


def each_case_of(file: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases(file), ids=lambda case: case["name"])


KINDS = {case["kind"]: case for case in cases("kinds.json")}


def expect(kind: str, error: zignsec.ZignSecError) -> None:
    assert type(error).__name__ == KINDS[kind]["python"]
    assert error.code == KINDS[kind]["code"]
