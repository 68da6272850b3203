#!/usr/bin/env bash
# Builds the sandbox for Windows or musl and tests how it starts and stops: sandbox.sh ROW, a Rust
# target.
. "$(dirname "$0")/../common.sh"
row=${1:?sandbox.sh ROW}
case $row in *-windows-gnu | x86_64-*-musl) ;; *) exit ;; esac
. "$(dirname "$0")/target.sh"
# shellcheck disable=SC2154 # target.sh sets them
{
    step "the sandbox: $row"
    cargo build "${cargo_flags[@]}" -p zignsec-sandbox
    output=$build/$row/debug
    run=0 failed=0
    check() {
        run=$((run + 1))
        "$@" || { failed=$((failed + 1)) && echo "FAILED  $*" >&2; }
    }
    if [[ $row == *-windows-* ]]; then
        "$compiler" -std=c99 "${warnings[@]}" "${includes[@]}" tests/platforms/sandbox.c \
            -o "$output/stops.exe" -static
        # In a terminal, which Wine makes the console.
        check script -qec "${runner[*]} $output/stops.exe $output/zignsec-sandbox.exe" \
            "$build/$row/stops.log" </dev/null
        program=("${runner[@]}" "$output/zignsec-sandbox.exe")
    else
        # Tests that start the program and send it signals.
        check cargo test "${cargo_flags[@]}" -p zignsec-sandbox --test command
        program=("$output/zignsec-sandbox")
    fi
    check grep -q "^zignsec-sandbox $version" <("${program[@]}" --version)
    echo "$row: $run run, $failed failed, 0 skipped"
}
exit "$failed"
