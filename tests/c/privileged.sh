#!/usr/bin/env bash
# Installs privileged.c as a program that runs with more privileges than its user has, and runs it.
# Needs root, or sudo without a password.
. "$(dirname "$0")/../common.sh"

echo "tests/c/privileged.c"

# unable WHY: ends the script; an error if ZIGNSEC_TEST_ALL says that nothing may be skipped.
unable() {
    echo "skipped: tests/c/privileged.c: $1"
    [ -z "${ZIGNSEC_TEST_ALL:-}" ] || exit 1
    exit 0
}

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
"${as_root[@]}" true 2>/dev/null || unable "only root can install a set-user-ID program"

# The library is found by a path in the program: such a program ignores LD_LIBRARY_PATH. The user who
# runs the programs must be able to read that path. Others must not, also if this script is killed.
folder=$(mktemp -d)
trap '"${as_root[@]}" rm -rf "$folder"' EXIT
install -m 644 "$target/debug/libzignsec.so" "$folder/libzignsec.so.$soversion"
"$CC" -std=c99 "${warnings[@]}" "${includes[@]}" tests/c/privileged.c tests/c/sandbox.c \
    -o "$target/c/privileged" "-L$target/debug" -lzignsec "-Wl,-rpath,$folder" "${test_libraries[@]}"

"${as_root[@]}" chown 65534 "$folder"
copy() { "${as_root[@]}" install -o root -g root -m "$2" "$target/c/privileged" "$folder/$1"; }
copy plain 0755
copy set-user-id 4755
copy set-group-id 2755
copy capable 0755
PATH=$PATH:/usr/sbin:/sbin
"${as_root[@]}" env "PATH=$PATH" setcap cap_net_bind_service=ep "$folder/capable" 2>/dev/null ||
    unable "setcap cannot set capabilities (package libcap2-bin)"

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
for name in set-user-id set-group-id capable; do
    [ "$("${as_root[@]}" "${nobody[@]}" "$folder/$name" probe)" = 1 ] ||
        unable "a $name program in $folder gets no privileges; is it mounted with nosuid?"
done
[ "$("${as_root[@]}" "${nobody[@]}" "$folder/plain" probe)" = 0 ]

"${as_root[@]}" env "ZIGNSEC_TEST_SANDBOX=$ZIGNSEC_TEST_SANDBOX" \
    "$target/c/privileged" "$folder" plain set-user-id set-group-id capable
