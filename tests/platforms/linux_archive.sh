#!/usr/bin/env bash
# Builds the release archive of the C library for Linux and tests it: linux_archive.sh ROW, a Rust
# target.
. "$(dirname "$0")/../common.sh"
row=${1:?linux_archive.sh ROW}
case $row in *-linux-*) ;; *) exit ;; esac
if [ ! -e /zignsec/system ]; then
    cargo build -p zignsec-sandbox
fi
# target.sh has no compiler for musl on arm64: Zig is one.
if [ "$row" != aarch64-unknown-linux-musl ]; then
    . "$(dirname "$0")/target.sh"
elif [ ! -e /zignsec/system ]; then
    tests/python/venv.sh
    tests/platforms/root.sh musl cross
    exec tests/platforms/enter.sh "$root/tests/platforms/linux_archive.sh" "$row"
else
    compiler=$target/platforms/$row/unwinder/zig-cc emulator=aarch64
fi
step "release archive: $row" "about 8 minutes, if it is the first build"

dist=$target/platforms/dist
panic=
case $row in
    *-musl)
        archive=libzignsec-$version-${row%%-*}-linux-musl.tar.gz
        panic=$target/platforms/panic
        ffi-c/packaging/musl.sh "$row" "$dist"
        ffi-c/packaging/musl.sh "$row" "$panic" --features __panic
        panic+=/$archive
        ;;
    *)
        ffi-c/packaging/linux.sh "$row" "$dist"
        archive=libzignsec-$version-$("$compiler" -dumpmachine).tar.gz
        ;;
esac
[ -z "$emulator" ] || EMULATOR=$(command -v "qemu-$emulator-static")
export EMULATOR
ROW=$row python3 tests/platforms/linux_archive.py "$dist/$archive" "$panic" \
    "$ZIGNSEC_TEST_SANDBOX" "$compiler"
