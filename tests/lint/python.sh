#!/usr/bin/env bash
# Checks the style of all Python code with ruff, of the virtual environment of the tests.
. "$(dirname "$0")/../common.sh"

folders=(py/python tests/python examples/python tests/bench tests/packaging tests/network tests/lint tests/platforms
    ffi-c/packaging)
ruff=$venv/bin/ruff
"$ruff" check --quiet --config tests/python/pyproject.toml "${folders[@]}"
"$ruff" format --quiet --check --config tests/python/pyproject.toml "${folders[@]}"
