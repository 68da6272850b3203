#!/usr/bin/env bash
# Checks the types of all Python code with mypy and pyright, of the virtual environment of the
# tests, in which the wheel is installed.
. "$(dirname "$0")/../common.sh"
tools=tests/python/pyproject.toml

"$venv/bin/mypy" --config-file "$tools" -p zignsec
"$venv/bin/mypy" --config-file "$tools" --exclude tests/python/frozen/ tests/python examples/python
"$venv/bin/mypy" --config-file "$tools" tests/python/frozen
"$venv/bin/mypy" --config-file "$tools" tests/packaging ffi-c/packaging
"$venv/bin/mypy" --config-file "$tools" tests/network tests/platforms
(cd tests/python && "$python" -m mypy.stubtest zignsec._zignsec)
"$venv/bin/pyright" -p "$tools" --pythonpath "$python"
PATH=$venv/bin:$PATH pyright --verifytypes zignsec >"$target/verifytypes" || {
    cat "$target/verifytypes"
    exit 1
}
