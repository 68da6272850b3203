#!/usr/bin/env bash
# Runs the C tests that use threads with ThreadSanitizer, on a library whose standard library is
# built for it too: without that, ThreadSanitizer does not see the locks and reports false races.
#
# This needs the source of the standard library and unstable options of the compiler. Debian has
# both in one version, so the tests run in the Debian system of tests/platforms/root.sh.
. "$(dirname "$0")/../common.sh"
step "ThreadSanitizer" "about 2 minutes, and 5 more for the first run"
require platforms
tests/platforms/root.sh base
cargo build -p zignsec-sandbox
mkdir -p "$target/c" "$ZIGNSEC_TEST_CAPTURE"
exec tests/platforms/enter.sh tests/c/tsan_inside.sh
