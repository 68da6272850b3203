#!/usr/bin/env bash
# Builds the wheels of the library and of the sandbox for another platform, and checks what they
# import: wheels.sh ROW, a Rust target, into target/platforms/wheels.
. "$(dirname "$0")/../common.sh"
row=${1:?wheels.sh ROW}
case $row in
    x86_64-pc-windows-gnu) platform=win_amd64 ;;
    i686-pc-windows-gnu) platform=win32 ;;
    *-linux-musl) platform=musllinux_${row%%-*} ;;
    aarch64-*-linux-gnu | i686-*-linux-gnu) platform=manylinux_${row%%-*} ;;
    *) exit ;; # no wheel
esac
[ -e /zignsec/system ] || tests/python/venv.sh
# target.sh has no compiler for musl on arm64: Zig is one.
if [ "$row" != aarch64-unknown-linux-musl ]; then
    . "$(dirname "$0")/target.sh"
elif [ ! -e /zignsec/system ]; then
    tests/platforms/root.sh musl cross
    exec tests/platforms/enter.sh "$root/tests/platforms/wheels.sh" "$row"
fi
step "wheels: $row" "about 5 minutes, if it is the first build"

wheels=$target/platforms/wheels
mkdir -p "$wheels"
rm -f "$wheels"/*-"${platform/_/_*}".whl
export CARGO_TARGET_DIR=$target/platforms/build RUSTC_BOOTSTRAP=1

# build CRATE [OPTION...]
build() {
    "$venv/bin/maturin" build --locked --release "${release_flags[@]}" -m "$1/Cargo.toml" \
        --target "$row" -Zbuild-std=std,panic_unwind --compression-level 9 --out "$wheels" "${@:2}"
}

# For Linux, Zig compiles and links: no settings of target.sh.
zig() {
    CARGO_ZIGBUILD_ZIG_PATH=$(echo "$venv"/lib/python3*/site-packages/ziglang/zig)
    export CARGO_ZIGBUILD_ZIG_PATH
    local name=${row//-/_}
    unset "CC_$name" "CXX_$name" "AR_$name" "CARGO_TARGET_${name^^}_LINKER" \
        "CARGO_TARGET_${name^^}_RUSTFLAGS"
}

case $platform in
    win*)
        build py
        build tests/sandbox
        ;;
    musllinux_*)
        zig
        build py --zig --compatibility musllinux_1_2 --interpreter python3
        build tests/sandbox --zig --compatibility musllinux_1_2
        ;;
    manylinux_*)
        # Why with the libgcc_s of the system, tests/python/wheels.sh says.
        libgcc_s=$("$compiler" -print-file-name=libgcc_s.so.1)
        zig
        build py --zig --compatibility manylinux2014 --interpreter python3 \
            -- -C "link-arg=$libgcc_s"
        build tests/sandbox --zig --compatibility manylinux2014
        ;;
esac
python3 tests/platforms/check_wheels.py "$wheels" "$platform"
echo "$row: 2 run, 0 failed, 0 skipped"
