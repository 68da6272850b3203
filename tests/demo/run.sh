#!/usr/bin/env bash
# Builds and runs the demo: run.sh [--browser] PHONE_NUMBER
. "$(dirname "$0")/../common.sh"
build_debug
for name in demo webhook; do
    "$CC" -std=c99 "${warnings[@]}" -Iinclude "examples/c/$name.c" -o "$target/c/$name" \
        "${link_debug[@]}"
done
options=()
if [ "$1" = --browser ]; then
    options+=(--browser)
    shift
fi
"$target/debug/examples/demo" "${options[@]}" --webhook "$target/c/webhook" "$target/c/demo" "$@"
