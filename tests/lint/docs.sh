#!/usr/bin/env bash
# Builds the documentation of the Rust crates; a broken link is an error.
. "$(dirname "$0")/../common.sh"
step "documentation of the Rust crates" "about 1 minute"
RUSTDOCFLAGS='-D warnings' cargo doc --no-deps -p zignsec -p zignsec-sandbox
