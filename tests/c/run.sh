#!/usr/bin/env bash
# Builds and runs the C tests against the debug library: run.sh [TEST]...; all of them by default.
. "$(dirname "$0")/../common.sh"
require c
step "C tests: ${*:-all}" "$([ $# = 0 ] && echo 'about 3 minutes' || echo 'a few seconds')"
build_debug

# run NAME [LINK ARGUMENT]...: builds one test and runs it.
run() {
    local name=$1
    shift
    echo "tests/c/$name.c"
    "$CC" -std=c99 "${warnings[@]}" "${includes[@]}" "tests/c/$name.c" tests/c/sandbox.c \
        -o "$target/c/$name" "$@" "${test_libraries[@]}"
    "$target/c/$name"
}

if [ $# -gt 0 ]; then
    for name; do run "$name" "${link_debug[@]}"; done
    exit
fi

for standard in c99 c11 c17; do
    for example in examples/c/*.c; do
        "$CC" "-std=$standard" "${warnings[@]}" -Iinclude -fsyntax-only "$example"
    done
done
tests/c/exports.sh
for name in contract layout old_caller vectors typed faults waiting interrupts logging process forks exit \
    thread_cancel lookups memory low_memory exhausted threads; do
    run "$name" "${link_debug[@]}"
done
# What depends on how the library is linked.
for name in forks exit thread_cancel; do
    run "$name" "$target/debug/libzignsec.a" -lm -ldl
done
# This one loads the library with dlopen.
export LD_LIBRARY_PATH=$target/debug
run loading -ldl
tests/c/panic.sh
tests/c/privileged.sh
tests/c/pid_namespace.sh
