"""Prints the languages of examples/ whose compiler or interpreter is missing, one a line.

The probes are those of tests/python/examples/test_examples.py. That file is parsed, not imported,
because the plan of `make test` is printed before pytest is installed.
"""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

TESTS = Path(__file__).parents[1] / "python/examples/test_examples.py"


def probes(source: str) -> dict[str, str]:
    """The shell command that fails if a language is not installed, by the language's folder."""
    return {
        ast.literal_eval(node.args[0]): ast.literal_eval(node.args[1])
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Language"
    }


def main() -> None:
    found = probes(TESTS.read_text())
    if not found:
        raise SystemExit(f"{TESTS} contains no Language(folder, probe)")
    for folder, probe in found.items():
        if subprocess.run(["sh", "-c", probe], capture_output=True).returncode != 0:
            print(folder)


if __name__ == "__main__":
    main()
