#!/usr/bin/env bash
# Checks and tests the Python package, on each Python of this machine.
. "$(dirname "$0")/../common.sh"
require python
step "Python tests" "about 6 minutes, and 4 more for the first build"
build_debug
tests/python/wheels.sh installed
cargo clippy -p zignsec-py -- -D warnings
# Its test-only feature makes the extension panic; test_panic.py loads it.
cargo build -p zignsec-py --features __panic --target-dir "$target/panic"
tests/lint/python.sh
tests/lint/types.sh

tools=tests/python/pyproject.toml
ZIGNSEC_TEST_SANDBOX=$venv/bin/zignsec-sandbox "$python" -m pytest -q -n 2 -c "$tools" \
    --rootdir tests/python --ignore tests/python/gateway --ignore tests/python/examples \
    --ignore tests/python/frozen tests/python
"$python" tests/python/interpreters.py "$target/interpreters" \
    "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" \
    "$target"/wheels/zignsec-[0-9]*.whl "$target"/wheels-dev/zignsec_sandbox-*.whl
