#!/usr/bin/env bash
# Runs test_exit.py with each Python of this machine: exit.sh RUNS, the number of runs of each
# program.
. "$(dirname "$0")/../common.sh"
require python
step "programs that end during calls, $1 times each"
build_debug
tests/python/wheels.sh installed

export ZIGNSEC_TEST_EXIT_RUNS=$1
ZIGNSEC_TEST_SANDBOX=$venv/bin/zignsec-sandbox "$python" -m pytest -q -n 2 \
    -c tests/python/pyproject.toml --rootdir tests/python tests/python/test_exit.py
"$python" tests/python/interpreters.py "$target/interpreters" \
    "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" \
    "$target"/wheels/zignsec-[0-9]*.whl "$target"/wheels-dev/zignsec_sandbox-*.whl test_exit.py
