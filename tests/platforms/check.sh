#!/usr/bin/env bash
# Compiles the library, the C ABI and the Python extension for a platform on which nothing can be
# run here, without linking them: check.sh ROW, a Rust target.
. "$(dirname "$0")/../common.sh"
row=${1:?check.sh ROW}
. "$(dirname "$0")/target.sh"
step "cargo check: $row"
# The extension uses Python's stable ABI, so no interpreter is needed to compile it.
PYO3_NO_PYTHON=1 cargo check "${cargo_flags[@]}" -p zignsec -p zignsec-c -p zignsec-py
echo "$row: builds, not run"
