#!/usr/bin/env bash
# Runs every Rust test, and installs the sandbox as a user would.
. "$(dirname "$0")/../common.sh"
step "Rust tests" "about 5 minutes, and 4 more for the first build"
cargo test --workspace --exclude zignsec-py -- --quiet
cargo install --debug --locked --path tests/sandbox --root "$target/install" --target-dir "$target"
"$target/install/bin/zignsec-sandbox" --version
