#!/usr/bin/env bash
# Builds the release archive of the C library for Linux with glibc on another processor, and its
# checksum: linux.sh ROW [FOLDER [CARGO-OPTION...]], a Rust target, into target/dist by default.
# Needs a cross compiler and the source of Rust's standard library: run it with
# tests/platforms/enter.sh if they are not installed.
row=${1:-}
case $row in
    i686-unknown-linux-gnu) compiler=i686-linux-gnu-gcc ;;
    aarch64-unknown-linux-gnu) compiler=aarch64-linux-gnu-gcc ;;
    armv7-unknown-linux-gnueabihf) compiler=arm-linux-gnueabihf-gcc ;;
    powerpc64le-unknown-linux-gnu) compiler=powerpc64le-linux-gnu-gcc ;;
    s390x-unknown-linux-gnu) compiler=s390x-linux-gnu-gcc ;;
    *) echo "linux.sh: no such platform: $row" >&2; exit 2 ;;
esac
. "$(dirname "$0")/../../tests/common.sh"
name=${row//-/_}
dist=$(realpath -m "${2:-$target/dist}")
export CC=$compiler CARGO_BUILD_TARGET=$row RUSTC_BOOTSTRAP=1
export CARGO_TARGET_DIR=$target/platforms/build CARGO_UNSTABLE_BUILD_STD=std,panic_unwind
export "CC_$name=$compiler" "CARGO_TARGET_${name^^}_LINKER=$compiler"
exec ffi-c/packaging/dist.sh "$dist"
