#!/usr/bin/env bash
# Runs one of the folders of tests that start programs: pytest.sh gateway|examples|packaging
#
# gateway: the sandbox in a real browser, against its OpenAPI description, its webhooks, and the web
# applications of examples/python. examples: each program of examples/, with a scripted user; a
# language that is not installed is skipped and listed. packaging: the installed library, the
# release archive, the Debian packages and the wheels.
. "$(dirname "$0")/../common.sh"
folder=tests/python/$1
options=(-q)
case $1 in
    gateway)
        require browser
        step "the gateway in a browser" "about 2 minutes"
        ;;
    examples)
        require python
        step "examples" "about 3 minutes"
        options+=(-rs)
        ;;
    packaging)
        require packaging
        step "packaging" "about 4 minutes, and 5 more for the first build"
        folder=tests/packaging
        ;;
esac
build_debug
[ "$1" != packaging ] || ffi-c/packaging/dist.sh --deb
tests/python/wheels.sh installed
mkdir -p "$target/examples"
"$python" -m pytest "${options[@]}" -c tests/python/pyproject.toml --rootdir tests/python \
    --confcutdir "$folder" "$folder"
