#!/usr/bin/env bash
# Writes the files with the versions and hashes of everything that is installed: of Python packages
# from each requirements*.in, and of the Node.js package of the example. Versions that are already
# locked stay, if they still fit.
. "$(dirname "$0")/../common.sh"
tests/python/venv.sh

# compile OLDEST_PYTHON FILE [OPTION]...: the hashes are those of all systems and Python versions.
compile() {
    local oldest=$1 file=$2
    shift 2
    "$venv/bin/uv" pip compile --quiet --no-config --universal --python-version "$oldest" \
        --generate-hashes --no-header --no-annotate --no-emit-index-url "$@" \
        "$file.in" --output-file "$file.txt"
}

compile 3.10 tests/python/requirements-tests
compile 3.11 tests/python/requirements -c tests/python/requirements-tests.txt
compile 3.11 tests/python/frozen/requirements
compile 3.11 tests/python/frozen/nuitka/requirements
compile 3.11 tests/bench/requirements
compile 3.11 tests/platforms/requirements-cpython
compile 3.11 tests/platforms/requirements-dotnet
compile 3.11 examples/python/requirements
(cd examples/nodejs && npm install --package-lock-only --omit-lockfile-registry-resolved)
