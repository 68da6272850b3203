#!/usr/bin/env bash
# Compiles the headers alone, included twice, with every number that is compiled into programs, in
# all C and C++ standards with two compilers; and checks that every item in them is documented.
. "$(dirname "$0")/../common.sh"
step "headers" "a few seconds"
mkdir -p "$target/cpp"

# compile C_COMPILER CXX_COMPILER
compile() {
    local options=("${warnings[@]}" "${includes[@]}" -fsyntax-only) c_tests
    c_tests=(tests/c/header.c tests/c/layout.c)
    for standard in c99 c11 c17; do
        "$1" "-std=$standard" "${options[@]}" -Wc++-compat "${c_tests[@]}"
    done
    for standard in c++11 c++14 c++17 c++20; do
        "$2" "-std=$standard" "${options[@]}" -Weffc++ -x c++ "${c_tests[@]}"
    done
    for standard in c++17 c++20; do
        "$2" "-std=$standard" "${options[@]}" -Weffc++ -Wconversion tests/cpp/header.cpp
    done
    if "$2" -std=c++17 "${options[@]}" -fno-exceptions tests/cpp/header.cpp \
        2>"$target/cpp/refused"; then
        echo "zignsec.hpp compiles without exceptions" >&2
        exit 1
    fi
    grep -q 'error:.*"\?zignsec.hpp reports errors by exceptions' "$target/cpp/refused"
}

# compile_msvc C_COMPILER: zignsec.h as Microsoft's compiler reads it, also with its option /Gz, which
# sets another calling convention. Clang has no C++ library for it.
compile_msvc() {
    local options=("${warnings[@]}" "${includes[@]}" -fsyntax-only)
    options+=(-fms-compatibility -ffreestanding)
    for processor in x86_64 i686 aarch64; do
        local own=("${options[@]}" "--target=$processor-pc-windows-msvc")
        [ "$processor" != i686 ] || own+=(-mrtd)
        for standard in c99 c17; do "$1" "-std=$standard" "${own[@]}" tests/c/header.c; done
        "$1" -std=c++17 "${own[@]}" -x c++ tests/c/header.c
    done
}

if has gcc; then compile gcc g++; else skip gcc; fi
if has clang; then compile clang clang++; compile_msvc clang; else skip clang; fi
# What those who include the headers find with clang-tidy.
if command -v clang-tidy >/dev/null; then
    checks='-*,modernize-use-nodiscard,bugprone-macro-parentheses'
    for standard in c99 c++17; do
        header=tests/c/header.c
        [ "$standard" = c99 ] || header=tests/cpp/header.cpp
        clang-tidy --quiet --warnings-as-errors='*' --header-filter=. "--checks=$checks" "$header" \
            -- "-std=$standard" "${includes[@]}" 2>/dev/null
    done
else
    echo "skipped: clang-tidy of the headers (clang-tidy)"
    [ -z "${ZIGNSEC_TEST_ALL:-}" ]
fi
if has doxygen; then
    mkdir -p "$target/doxygen"
    { cat tests/cpp/Doxyfile; echo "OUTPUT_DIRECTORY = \"$target/doxygen\""; } | doxygen -
else
    skip doxygen
fi
