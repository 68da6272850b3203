#!/usr/bin/env bash
# Runs the contract test against a library whose test-only feature makes it panic: the panic must
# become an error. Needs the contract test of tests/c/run.sh.
. "$(dirname "$0")/../common.sh"

echo "tests/c/contract.c, with a library that panics"
cargo build -p zignsec-c --features __panic --target-dir "$target/panic"
link_soname panic/debug
LD_LIBRARY_PATH=$target/panic/debug ZIGNSEC_TEST_PANIC=1 RUST_BACKTRACE=0 "$target/c/contract"
