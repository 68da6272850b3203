#!/usr/bin/env bash
# Runs every Rust test, and installs the sandbox as a user would.
. "$(dirname "$0")/../common.sh"
step "Rust tests" "about 5 minutes, and 4 more for the first build"
# The properties are tested with the same values in each run. fuzz.sh takes others.
export BOLERO_RANDOM_SEED=20261129
cargo test --workspace --exclude zignsec-py --exclude zignsec-model -- --quiet
step "model of a call, random secrets, memory of hostile responses" "about 2 minutes"
cargo test -p zignsec --lib --test peak_memory -- --ignored --nocapture
step "what threads share, in every order of their steps" "half a minute"
cargo test -p zignsec-model -- --nocapture
cargo install --debug --locked --path tests/sandbox --root "$target/install" --target-dir "$target"
"$target/install/bin/zignsec-sandbox" --version
