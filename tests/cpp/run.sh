#!/usr/bin/env bash
# Builds and runs the C++ tests against the debug library.
. "$(dirname "$0")/../common.sh"
require cxx
step "C++ tests" "about 1 minute"
build_debug

"$CC" -std=c99 "${warnings[@]}" "${includes[@]}" -c tests/c/sandbox.c -o "$target/cpp/sandbox.o"
for standard in c++17 c++20; do
    options=("-std=$standard" "${warnings[@]}" -Wconversion "${includes[@]}")
    "$CXX" "${options[@]}" -fsyntax-only examples/cpp/phone_2fa.cpp
    for name in contract waiting exit; do
        echo "tests/cpp/$name.cpp, $standard"
        "$CXX" "${options[@]}" "tests/cpp/$name.cpp" "$target/cpp/sandbox.o" \
            -o "$target/cpp/$name" "${link_debug[@]}" "${test_libraries[@]}"
        "$target/cpp/$name"
    done
done
