#!/usr/bin/env bash
# Runs the parsers of untrusted input on random data: fuzz.sh [SECONDS]; 60 by default.
# A failure prints the BOLERO_RANDOM_SEED that reproduces it.
. "$(dirname "$0")/../common.sh"
seconds=${1:-60}
step "random input" "at least $seconds seconds"

filters=(properties::http properties::proxies properties::response properties::webhook_header
    properties::retry_after properties::redaction::no_key properties::verdict::a_random)
test=(cargo test --workspace --exclude zignsec-py --lib --)
"${test[@]}" --list "${filters[@]}" >"$target/fuzzed"
for filter in "${filters[@]}"; do
    grep -q "^$filter.*: test$" "$target/fuzzed" || { echo "no test is named $filter" >&2; exit 1; }
done
BOLERO_RANDOM_TEST_TIME_MS=${seconds}000 "${test[@]}" --quiet "${filters[@]}"
