#!/usr/bin/env bash
# Checks memory and threads with the sanitizers, memcheck and helgrind: the library as it is
# shipped, used by C programs.
. "$(dirname "$0")/../common.sh"
require memory
step "memory and threads" "about 3 minutes, and 2 more to build the release library"
build_debug
ffi-c/packaging/build.sh shared
link_soname release
export LD_LIBRARY_PATH=$target/release

# compile OUTPUT NAME [OPTION]...
compile() {
    local output=$1 name=$2
    shift 2
    "$CC" -std=c99 -g "${warnings[@]}" "${includes[@]}" "$@" "tests/c/$name.c" tests/c/sandbox.c \
        -o "$target/c/$output" "${link_debug[@]}" "${test_libraries[@]}"
}

for name in contract old_caller leaks threads waiting; do
    echo "tests/c/$name.c, with the sanitizers"
    compile "$name" "$name"
    compile "$name-sanitized" "$name" -fsanitize=address,undefined -fno-sanitize-recover=all
    "$target/c/$name-sanitized"
done

memcheck=(valgrind --quiet --error-exitcode=1 --leak-check=full --show-leak-kinds=definite
    --errors-for-leak-kinds=definite)
echo "tests/c/contract.c, with memcheck"
"${memcheck[@]}" "$target/c/contract"
# Over TLS, memcheck reports the results of ring's assembly code as uninitialised values.
echo "tests/c/leaks.c, with memcheck"
"${memcheck[@]}" --undef-value-errors=no "$target/c/leaks"
echo "tests/c/threads.c, with helgrind"
valgrind --tool=helgrind --quiet --error-exitcode=1 --suppressions=tests/c/helgrind.supp \
    "$target/c/threads"
