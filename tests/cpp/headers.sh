#!/usr/bin/env bash
# Compiles the headers alone, included twice, with every number that is compiled into programs, in
# all C and C++ standards with two compilers; and checks that every item in them is documented.
. "$(dirname "$0")/../common.sh"
step "headers" "a few seconds"

# compile C_COMPILER CXX_COMPILER
compile() {
    local options=("${warnings[@]}" "${includes[@]}" -fsyntax-only) c_tests
    c_tests=(tests/c/header.c tests/c/layout.c)
    for standard in c99 c11 c17; do
        "$1" "-std=$standard" "${options[@]}" "${c_tests[@]}"
    done
    for standard in c++11 c++14 c++17 c++20; do
        "$2" "-std=$standard" "${options[@]}" -x c++ "${c_tests[@]}"
    done
    for standard in c++17 c++20; do
        "$2" "-std=$standard" "${options[@]}" -Wconversion tests/cpp/header.cpp
    done
}

if has gcc; then compile gcc g++; else skip gcc; fi
if has clang; then compile clang clang++; else skip clang; fi
if has doxygen; then
    mkdir -p "$target/doxygen"
    { cat tests/cpp/Doxyfile; echo "OUTPUT_DIRECTORY = \"$target/doxygen\""; } | doxygen -
else
    skip doxygen
fi
