#!/usr/bin/env bash
# Builds the archive for musl and tests it: musl.sh [ROW], x86_64-unknown-linux-musl by default, or
# aarch64-unknown-linux-musl.
. "$(dirname "$0")/../common.sh"
row=${1:-x86_64-unknown-linux-musl}
case $row in
    x86_64-unknown-linux-musl) compiler=(musl-gcc) groups=(musl) ;;
    aarch64-unknown-linux-musl)
        compiler=("$target/platforms/$row/zig-cc") groups=(musl cross)
        EMULATOR=$(command -v qemu-aarch64-static) || true
        export EMULATOR
        ;;
    *) exit ;; # not a platform with musl
esac
if [ ! -e /zignsec/system ]; then
    tests/python/venv.sh
    tests/platforms/root.sh "${groups[@]}"
    exec tests/platforms/enter.sh "$root/tests/platforms/musl.sh" "$row"
fi

step "the archive for musl: $row" "about 8 minutes, if it is the first build"
ffi-c/packaging/musl.sh "$row" "$target/platforms/dist"
ffi-c/packaging/musl.sh "$row" "$target/platforms/panic" --features __panic
archive=libzignsec-$version-${row%%-*}-linux-musl.tar.gz
ROW=$row python3 tests/platforms/musl.py "$target/platforms/dist/$archive" \
    "$target/platforms/panic/$archive" "$ZIGNSEC_TEST_SANDBOX" "${compiler[@]}"
