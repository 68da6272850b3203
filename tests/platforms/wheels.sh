#!/usr/bin/env bash
# Builds the wheels of the library and of the sandbox for other platforms, and checks them:
# wheels.sh [PLATFORM...], all of them by default, into target/platforms/wheels. Needs the source of
# Rust's standard library, the compilers for Windows, arm64 and i686, and the virtual environment of
# the Python tests for maturin and Zig.
. "$(dirname "$0")/../common.sh"

all=(win_amd64 win32 musllinux_x86_64 musllinux_aarch64
    manylinux_x86_64 manylinux_aarch64 manylinux_i686)
[ $# -gt 0 ] || set -- "${all[@]}"
[ -n "${ZIG:-}" ] || ZIG=$(echo "$venv"/lib/python3*/site-packages/ziglang/zig)
export CARGO_ZIGBUILD_ZIG_PATH=$ZIG
wheels=$target/platforms/wheels
mkdir -p "$wheels"
export CARGO_TARGET_DIR=$target/platforms/build RUSTC_BOOTSTRAP=1

# build CRATE ROW [OPTION...]
build() {
    "$venv/bin/maturin" build --locked --release "${release_flags[@]}" -m "$1/Cargo.toml" \
        --target "$2" -Zbuild-std=std,panic_unwind --compression-level 9 --out "$wheels" "${@:3}"
}

# windows ROW COMPILER
windows() {
    local name=${1//-/_}
    export "CC_$name=$2" "CARGO_TARGET_$(tr '[:lower:]' '[:upper:]' <<<"$name")_LINKER=$2"
    build py "$1"
    build tests/sandbox "$1"
}

# musl ROW
musl() {
    build py "$1" --zig --compatibility musllinux_1_2 --interpreter python3
    build tests/sandbox "$1" --zig --compatibility musllinux_1_2
}

# glibc ROW COMPILER: why with the libgcc_s of the system, tests/python/wheels.sh says.
glibc() {
    build py "$1" --zig --compatibility manylinux2014 --interpreter python3 \
        -- -C "link-arg=$("$2" -print-file-name=libgcc_s.so.1)"
}

for platform; do
    step "the wheels for $platform" "about 5 minutes, if it is the first build"
    rm -f "$wheels"/*-"${platform/_/_*}".whl
    case $platform in
        win_amd64) windows x86_64-pc-windows-gnu x86_64-w64-mingw32-gcc-posix ;;
        win32) windows i686-pc-windows-gnu i686-w64-mingw32-gcc-posix ;;
        musllinux_*) musl "${platform#*_}-unknown-linux-musl" ;;
        manylinux_x86_64) glibc x86_64-unknown-linux-gnu gcc ;;
        manylinux_*) glibc "${platform#*_}-unknown-linux-gnu" "${platform#*_}-linux-gnu-gcc" ;;
        *) echo "wheels.sh: no such platform: $platform" >&2; exit 2 ;;
    esac
done
python3 tests/platforms/check_wheels.py "$wheels" "$@"
