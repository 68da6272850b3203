#!/usr/bin/env bash
# Builds and runs pid_namespace.c, as a program and as a plug-in of a program that does not know the
# library. Needs root, or sudo without a password.
. "$(dirname "$0")/../common.sh"

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)

options=(-std=c99 "${warnings[@]}" "${includes[@]}")
sources=(tests/c/pid_namespace.c tests/c/sandbox.c)
"$CC" "${options[@]}" "${sources[@]}" -o "$target/c/pid_namespace" "${link_debug[@]}" \
    "${test_libraries[@]}"
"$CC" "${options[@]}" -shared -fPIC "${sources[@]}" -o "$target/c/pid_namespace.so" \
    "${link_debug[@]}" "${test_libraries[@]}"
"$CC" "${options[@]}" tests/c/plugin.c -o "$target/c/plugin" -ldl

# unable WHY: ends the script; an error if ZIGNSEC_TEST_ALL says that nothing may be skipped.
unable() {
    echo "skipped: tests/c/pid_namespace.c: $1"
    [ -z "${ZIGNSEC_TEST_ALL:-}" ] || exit 1
    exit 0
}

"${as_root[@]}" true 2>/dev/null || unable "only root can create a PID namespace"

# run PROGRAM [ARGUMENT]...
run() {
    local status=0
    "${as_root[@]}" env "ZIGNSEC_TEST_SANDBOX=$ZIGNSEC_TEST_SANDBOX" "$@" || status=$?
    [ "$status" != 77 ] || unable "this system does not allow it to create a PID namespace"
    return "$status"
}
echo "tests/c/pid_namespace.c"
run "$target/c/pid_namespace"
echo "tests/c/pid_namespace.c, loaded by tests/c/plugin.c"
run "$target/c/plugin" "$target/c/pid_namespace.so"
