#!/usr/bin/env bash
# Measures the cost of a call, compared with other clients.
#   run.sh compare [--quick]  beside other HTTP clients, into target/bench
#   run.sh check              counts instructions, allocations and system calls of a call, and
#                             compares them with counts.json
#   run.sh write              writes counts.json
. "$(dirname "$0")/../common.sh"
bench=tests/bench
built=$target/bench

# The C program that makes the calls: compile NAME [LINK ARGUMENT]...
compile() {
    local name=$1
    shift
    "$CC" -std=c11 -O2 "${warnings[@]}" -Iinclude "$bench/c/measure.c" "$bench/c/$name.c" \
        -o "$built/c/$name" "$@"
}

# The release library and a C program that uses it.
build_c_program() {
    ffi-c/packaging/build.sh shared
    mkdir -p "$built/c"
    link_soname release
    compile zignsec "-L$target/release" -lzignsec "-Wl,-rpath,$target/release"
}

# The server and, with the feature `others`, the clients to compare with.
build_server() {
    cargo build --release --locked --manifest-path "$bench/Cargo.toml" \
        --target-dir "$built/build" "$@"
}

compare() {
    if ! has counts || ! printf '#include <curl/curl.h>\n#include <cjson/cJSON.h>\n' |
        "$CC" -E - >/dev/null 2>&1; then
        echo "make bench needs Python 3.10 or later, a C compiler, Valgrind, strace and the" \
            "headers of libcurl and cJSON: apt install python3-venv gcc valgrind strace pkg-config" \
            "libcurl4-openssl-dev libcjson-dev" >&2
        exit 1
    fi
    step "the cost of a call, compared with other clients" "about 15 minutes, with QUICK=1 about 2; 10 more for the first build"
    build_c_program
    tests/python/wheels.sh zignsec
    local venv=$built/venv
    if ! [ "$venv/.ready" -nt "$bench/requirements.txt" ]; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
            -r "$bench/requirements.txt"
        touch "$venv/.ready"
    fi
    build_server --features others
    cargo build --release -p zignsec-bench-core "${release_flags[@]}"
    compile libcurl -lcurl -lcjson
    "$venv/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-index \
        "$target"/wheels/zignsec-[0-9]*.whl
    "$venv/bin/python" "$bench/bench.py" "$@"
}

case $1 in
    compare) shift; compare "$@" ;;
    check | write)
        if [ "$1" = check ]; then require counts; fi
        step "the cost of a call" "about 2 minutes, and 5 more for the first build"
        build_c_program
        build_server --bin server
        python3 "$bench/counts.py" "$1"
        ;;
    *) echo "usage: $0 compare [--quick]|check|write" >&2; exit 2 ;;
esac
