"""Programs that Nuitka compiled run. It compiles C: about two minutes for a program."""

from __future__ import annotations

from pathlib import Path

import pytest
from freezing import HERE, check_command_line, check_program, check_workers, freeze


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["program", "tool"])
def test_nuitka(name: str, tmp_path: Path) -> None:
    freeze(
        *("python", "-m", "nuitka", "--standalone", "--remove-output"),
        *(f"--output-dir={tmp_path}", HERE / f"{name}.py"),
        folder=tmp_path,
    )
    program = [tmp_path / f"{name}.dist" / f"{name}.bin"]
    if name == "program":
        check_program(program)
    else:
        check_workers(program)
        check_command_line(program, "tool.bin")
