#!/usr/bin/env bash
# Runs one of the folders of tests that start programs:
# pytest.sh gateway|examples|frozen|nuitka|packaging|network
#
# gateway: the sandbox in a real browser, against its OpenAPI description, its webhooks, and the web
# applications of examples/python. examples: each program of examples/, with a scripted user; a
# language that is not installed is skipped and listed. frozen, nuitka: programs that were frozen,
# that is, packed with Python and all modules. packaging: the installed library, the release
# archive, the Debian packages and the wheels. network: slow and broken networks, in network
# namespaces, real servers and proxies; the error texts are collected in target/errors.txt.
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
    frozen)
        require freezing
        step "frozen programs" "about 2 minutes"
        options+=(--ignore "$folder/test_nuitka.py")
        ;;
    nuitka)
        require freezing
        step "programs compiled by Nuitka" "about 5 minutes"
        folder=tests/python/frozen
        options+=(-k nuitka)
        ;;
    packaging)
        require packaging
        step "packaging" "about 4 minutes, and 5 more for the first build"
        folder=tests/packaging
        ;;
    network)
        require python
        step "networks, servers and proxies" "about 6 minutes"
        folder=tests/network
        options+=(-rs)
        rm -f "$target/errors.txt"
        ;;
esac
build_debug
[ "$1" != packaging ] || ffi-c/packaging/dist.sh --deb
tests/python/wheels.sh installed
case $1 in
    frozen | nuitka)
        tests/python/frozen/venv.sh "$1"
        export ZIGNSEC_TEST_FREEZERS=$target/freezers
        ;;
esac
mkdir -p "$target/examples"
"$python" -m pytest "${options[@]}" -c tests/python/pyproject.toml --rootdir tests/python \
    --confcutdir "$folder" "$folder"
