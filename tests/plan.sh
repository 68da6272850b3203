#!/usr/bin/env bash
# Prints what `make check` or `make test` is about to do: how long it takes, and which tests are
# skipped because a tool is missing. With ZIGNSEC_TEST_ALL=1 a missing tool is an error, before
# anything is built. plan.sh check|test
. "$(dirname "$0")/common.sh"

missing=()

if [ "$1" = check ]; then
    echo "make check: format, lints, unit tests, the C contract and the demo."
    echo "About a minute; about 5 minutes if nothing is built yet."
    [ -x "$venv/bin/ruff" ] ||
        echo "not checked: the format of Python code (make test-python installs ruff)"
    command -v shellcheck >/dev/null || echo "not checked: shell scripts (shellcheck)"
    has c || missing+=("$(describe c)")
else
    echo "make test: all tests. About 45 minutes on two cores, 55 if nothing is built yet."
    for group in "${groups[@]}"; do
        has "$group" || missing+=("$(describe "$group")")
    done
    # Single tests need these.
    if has python; then
        for language in $(python3 tests/lint/languages.py); do
            missing+=("examples/$language (see its README)")
        done
        PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
        for program in apache2 caddy clang-tidy curl danted debootstrap go haproxy ip lintian microsocks \
            mount nginx node nsenter openssl setcap squid strace stunnel4 tinyproxy unshare uwsgi; do
            command -v "$program" >/dev/null || missing+=("single tests ($program)")
        done
        [ "$(id -u)" = 0 ] || missing+=("single tests (root)")
        [ -c /dev/net/tun ] || missing+=("single tests (/dev/net/tun)")
    fi
    # Never an error: one interpreter is enough.
    for minor in 10 11 12 13 14; do
        compgen -G "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor*/bin/python3" >/dev/null ||
            command -v "python3.$minor" >/dev/null ||
            echo "skipped: the Python tests with Python 3.$minor (no such interpreter)"
    done
fi

for each in "${missing[@]}"; do echo "skipped: $each"; done
if [ ${#missing[@]} -gt 0 ]; then
    if [ -n "${ZIGNSEC_TEST_ALL:-}" ]; then
        echo "ZIGNSEC_TEST_ALL is set and tools are missing; .ci/run lists the packages." >&2
        exit 1
    fi
    echo "To install all tools on Debian, see .ci/run."
fi
