#!/usr/bin/env bash
# Checks the format and the lints of all Rust code; the lints of the Python
# extension are checked with the Python tests, because it needs an interpreter.
. "$(dirname "$0")/../common.sh"
step "format and lints" "a few seconds, and 2 minutes for the first build"
cargo fmt --all --check
cargo clippy --workspace --exclude zignsec-py --all-targets -- -D warnings
# Raw pointers stay in one module.
if grep -n 'unsafe *{\|unsafe impl\|unsafe fn' ffi-c/src/*.rs | grep -v '^ffi-c/src/ptr.rs'; then
    echo "unsafe code is allowed only in ffi-c/src/ptr.rs" >&2
    exit 1
fi
