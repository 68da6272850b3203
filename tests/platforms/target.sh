# shellcheck shell=bash
# shellcheck disable=SC2154 # common.sh sets target, root and venv; the script sets row
# Sourced by the scripts that build and test for another platform, after common.sh, with the Rust
# target in $row. It starts the script again in the Debian system of root.sh, and there sets how to
# compile, link and run for $row:
#
#     compiler, cxx, ar   the C and C++ compilers and the archiver
#     runner              the command that runs a program of the platform, or empty: an array
#     cargo_flags         the arguments of cargo that build for it, with its standard library: an
#                         array
#     build               Cargo's target directory, the same for all platforms
#     output              the folder of the libraries that `cargo build "${cargo_flags[@]}"` makes
#
# A platform for which Debian has no compiler can only be checked: its C code is compiled by Zig,
# which tests/python/venv.sh installs, and nothing is linked.

# emulator_of ROW: QEMU's name for the processor, or nothing if programs run without QEMU.
emulator_of() {
    case $1 in
        armv7-*) echo arm ;;
        powerpc64le-*) echo ppc64le ;;
        aarch64-unknown-linux-* | s390x-*) echo "${1%%-*}" ;;
    esac
}

# groups_of ROW: the groups of root.sh that it needs.
groups_of() {
    case $1 in
        x86_64-pc-windows-gnu) echo windows ;;
        i686-pc-windows-gnu) echo windows windows32 ;;
        x86_64-unknown-linux-musl) echo musl ;;
        aarch64-unknown-linux-musl) echo musl cross ;;
        *-linux-gnu*) echo cross ;;
    esac
}

if [ ! -e /zignsec/system ]; then
    require platforms
    # For Zig.
    case $row in *-musl | *-msvc | *-apple-* | *-freebsd | *-android) tests/python/venv.sh ;; esac
    # shellcheck disable=SC2046 # several words
    tests/platforms/root.sh $(groups_of "$row")
    emulator=$(emulator_of "$row")
    exec tests/platforms/enter.sh ${emulator:+--emulate "$emulator"} \
        "$root/tests/platforms/$(basename "$0")" "$@"
fi

# shellcheck disable=SC2034 # all used by scripts that source this file
{
    runner=() prefix='' suffix='' zig_target=''
    build=$target/platforms/build
    output=$build/$row/debug
    case $row in
        x86_64-pc-windows-gnu) prefix=x86_64-w64-mingw32- suffix=-posix ;;
        i686-pc-windows-gnu) prefix=i686-w64-mingw32- suffix=-posix ;;
        x86_64-unknown-linux-musl) prefix=musl- ;;
        i686-unknown-linux-gnu) prefix=i686-linux-gnu- ;;
        armv7-unknown-linux-gnueabihf) prefix=arm-linux-gnueabihf- ;;
        aarch64-unknown-linux-gnu | powerpc64le-unknown-linux-gnu | s390x-unknown-linux-gnu)
            prefix=${row%%-*}-linux-gnu-
            ;;
        aarch64-apple-darwin) zig_target=aarch64-macos ;;
        x86_64-unknown-freebsd) zig_target=x86_64-freebsd ;;
        aarch64-linux-android) zig_target=aarch64-linux-musl ;;
        x86_64-pc-windows-msvc) zig_target=x86_64-windows-gnu ;;
        *) echo "target.sh: no such platform: $row" >&2; exit 1 ;;
    esac
    compiler=${prefix}gcc$suffix cxx=${prefix}g++$suffix ar=${prefix}ar
    cargo_flags=(--locked --target "$row" --target-dir "$build"
        "-Zbuild-std=std,panic_unwind,test")
    emulator=$(emulator_of "$row")
    [ -z "$emulator" ] || runner=("qemu-$emulator-static" -L "/usr/${prefix%-}")
}
case $row in
    *-windows-msvc | *-apple-* | *-freebsd | *-android)
        # Cargo's name for the target is not Zig's. For MSVC, the archiver is used as lib.exe.
        zig=("$venv"/lib/python3*/site-packages/ziglang/zig)
        tools=$target/platforms/zig/$row
        mkdir -p "$tools"
        archiver="ar"
        [ "$row" != x86_64-pc-windows-msvc ] || archiver=lib
        cat >"$tools/cc" <<END
#!/bin/bash
for argument; do
    case \$argument in --target=*) ;; *) arguments+=("\$argument") ;; esac
done
exec '${zig[0]}' cc -target $zig_target "\${arguments[@]}"
END
        printf '#!/bin/sh\nexec "%s" %s "$@"\n' "${zig[0]}" "$archiver" >"$tools/ar"
        chmod +x "$tools"/*
        compiler=$tools/cc cxx=$tools/cc ar=$tools/ar
        export ZIG_GLOBAL_CACHE_DIR=$target/platforms/zig/cache
        ;;
    *-windows-*)
        runner=(wine)
        # One for each width. Wine makes it when the first program runs.
        export WINEPREFIX=$target/platforms/wine/$row WINEDEBUG=-all
        mkdir -p "$WINEPREFIX"
        unset DISPLAY WAYLAND_DISPLAY
        [ "$row" = i686-pc-windows-gnu ] || export WINEARCH=win64
        ;;
    *-musl)
        cxx='' ar=ar
        musl=$target/platforms/musl
        ffi-c/packaging/musl_unwinder.sh "$row" "$musl"
        # The names for which rustc looks, in static and in shared builds.
        cp "$musl/libzignsec_unwind.a" "$musl/libunwind.a"
        cp "$musl/libzignsec_unwind.a" "$musl/libgcc_s.a"
        # Rust has no start files of musl here, so the compiler links its own.
        export "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS=-L $musl \
-C link-self-contained=no -C relocation-model=static"
        ;;
esac

# -Zbuild-std is an unstable option, which the stable compiler of Debian has with this variable.
export RUSTC_BOOTSTRAP=1
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=none
# QEMU is slow: without optimization, the time limits of tests are too short.
[ -z "$emulator" ] || export CARGO_PROFILE_DEV_OPT_LEVEL=1
name=${row//-/_}
export "CC_$name=$compiler" "CXX_$name=$cxx" "AR_$name=$ar" \
    "CARGO_TARGET_${name^^}_LINKER=$compiler"
[ ${#runner[@]} = 0 ] || export "CARGO_TARGET_${name^^}_RUNNER=${runner[*]}"
