#!/usr/bin/env bash
# `make check`: the quick part of the tests, for use before each commit.
. "$(dirname "$0")/common.sh"
tests/plan.sh check
tests/lint/rust.sh
if [ -x "$venv/bin/ruff" ]; then
    step "format of Python code"
    tests/lint/python.sh
fi
tests/lint/shell.sh
tests/lint/words.sh
step "unit tests" "about 30 seconds"
cargo test -p zignsec -p zignsec-c -p zignsec-sandbox --lib -- --quiet
tests/c/run.sh contract layout
tests/demo/test.sh
printf '\nmake check passed in %d seconds.\n' "$SECONDS"
