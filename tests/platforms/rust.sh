#!/usr/bin/env bash
# Builds and runs the Rust tests of the library for another platform: rust.sh ROW, a Rust target.
. "$(dirname "$0")/../common.sh"
row=${1:?rust.sh ROW}
. "$(dirname "$0")/target.sh"
step "Rust tests: $row"

# Tests that cannot run, and why.
skipped=()
programs=()
filters=()
left_out=
# skip_program FILE WHY, skip_test NAME WHY.
skip_program() { skipped+=("core/tests/$1.rs: $2") && left_out+=" $1 "; }
skip_test() { skipped+=("$1: $2") && filters+=(--skip "$1"); }

skipped+=("ffi-c/tests/header.rs: runs cargo, on the build machine")
if [ -n "$emulator" ]; then
    if [ -z "$ZIGNSEC_EMULATE" ]; then
        for each in environment exhaustion resolver; do
            skip_program "$each" "starts itself; this kernel cannot start QEMU for it"
        done
    fi
    skip_test a_program_with_raised_privileges_ignores_the_environment \
        "QEMU starts the program, without other privileges"
    skip_program bare_root "runs itself in an empty root, in which there is no QEMU"
    skip_program system_calls "strace would show the system calls of QEMU"
fi
[[ $row != *-musl ]] || skip_program resolver "replaces functions of a shared libc; it is static here"

for file in core/tests/*.rs; do
    name=$(basename "$file" .rs)
    [[ $left_out == *" $name "* ]] || programs+=(--test "$name")
done

# A test compiles a library that it loads into a program of the platform.
variable=CARGO_TARGET_${row^^}_RUNNER
export "${variable//-/_}=env CC=$compiler ${runner[*]}"

log=$target/platforms/rust-$row.log
# One command for both packages: with two, dependencies would be built twice, with other features.
test=(cargo test "${cargo_flags[@]}" -p zignsec -p zignsec-c --lib "${programs[@]}")
started=$SECONDS
"${test[@]}" --no-run
echo "$row: built in $((SECONDS - started)) seconds"

started=$SECONDS
result=0
"${test[@]}" --no-fail-fast -- --show-output "${filters[@]}" >"$log" 2>&1 || result=1
if [ "$result" != 0 ]; then sed -n '/^failures:/,/^test result/p; /^error/p' "$log"; fi
echo "$row: $((SECONDS - started)) seconds, log $log"

# Tests that skip themselves, and those that are not meant for every run.
while read -r line; do skipped+=("$line"); done < <(
    sed -n 's/^test \(.*\) \.\.\. ignored, /\1: ignored, /p; s/^skipped: /in a test: /p' "$log"
)
# Programs without a test for this system: the condition at their top.
while read -r name; do
    condition=$(sed -n 's/^#!\[\(cfg(.*)\)\]$/\1/p' "core/$name" 2>/dev/null) || true
    [ -z "$condition" ] || skipped+=("core/$name: $condition")
done < <(awk '/^ *Running / { name = $2 } /^running 0 tests/ { print name }' "$log")
read -r run failed < <(
    awk '/^test result:/ { run += $4 + $6; failed += $6 } END { print run + 0, failed + 0 }' "$log"
)
for each in "${skipped[@]}"; do echo "skipped: $each"; done
echo "$row: $run run, $failed failed, ${#skipped[@]} skipped"
exit "$result"
