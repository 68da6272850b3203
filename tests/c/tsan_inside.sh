#!/usr/bin/env bash
# The part of tsan.sh that runs in the Debian system of tests/platforms/root.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests=(threads waiting logging process lookups)
host=$(rustc -vV | sed -n 's/^host: //p')
library=$CARGO_TARGET_DIR/tsan/build/$host/debug/libzignsec.a

RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=thread \
    cargo rustc --quiet --locked -p zignsec-c --crate-type staticlib \
    -Zbuild-std=std,panic_unwind --target "$host" --target-dir "$CARGO_TARGET_DIR/tsan/build"

# compile NAME [FILE]...
compile() {
    local name=$1
    shift
    gcc -std=c99 -g -fsanitize=thread -Iinclude -Itests/c "$@" -o "$CARGO_TARGET_DIR/tsan/$name" \
        "$library" -lcjson -pthread -lm -ldl
}

# A race that ThreadSanitizer must report, or it would prove nothing.
compile race tests/c/race.c
if TSAN_OPTIONS=log_path=/dev/null "$CARGO_TARGET_DIR/tsan/race"; then
    echo "ThreadSanitizer did not report the race of tests/c/race.c" >&2
    exit 1
fi
for name in "${tests[@]}"; do
    echo "tests/c/$name.c, with ThreadSanitizer"
    compile "$name" "tests/c/$name.c" tests/c/sandbox.c
    # A child of a fork may start threads.
    TSAN_OPTIONS=die_after_fork=0 "$CARGO_TARGET_DIR/tsan/$name"
done
