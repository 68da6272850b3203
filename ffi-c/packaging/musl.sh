#!/usr/bin/env bash
# Builds the release archive of the C library for musl and its checksum:
# musl.sh x86_64-unknown-linux-musl|aarch64-unknown-linux-musl [FOLDER [CARGO-OPTION...]], into
# target/dist by default. Needs the source of Rust's standard library, and Zig as a C compiler: the
# program that ZIG names, or the one in the virtual environment of the Python tests.
. "$(dirname "$0")/../../tests/common.sh"
row=$1
dist=$(realpath -m "${2:-$target/dist}")
shift $(($# < 2 ? $# : 2))
arch=${row%%-*}
case $row in
    x86_64-unknown-linux-musl | aarch64-unknown-linux-musl) ;;
    *) echo "musl.sh: no such platform: $row" >&2; exit 2 ;;
esac
[ -n "${ZIG:-}" ] || ZIG=$(echo "$venv"/lib/python3*/site-packages/ziglang/zig)
zig_lib=$(dirname "$ZIG")/lib
if [ ! -x "$ZIG" ] || [ ! -d "$zig_lib/libunwind" ]; then
    echo "musl.sh: there is no Zig at $ZIG" >&2
    exit 1
fi

release=libzignsec-$version-$arch-linux-musl
# Not exported: if it changes, cargo builds the C code of its packages again.
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export CARGO_TARGET_DIR=$target/platforms/build
built=$CARGO_TARGET_DIR/$row
work=$target/platforms/$row
packaging=$root/ffi-c/packaging
umask 022
mkdir -p "$work"

# Cargo's packages and rustc name the target as Rust does, which Zig does not know.
compiler=$work/zig-cc
cat >"$compiler" <<EOF
#!/usr/bin/env bash
for argument; do
    shift
    [[ \$argument == --target=* ]] || set -- "\$@" "\$argument"
done
exec "$ZIG" cc -target $arch-linux-musl "\$@"
EOF
printf '#!/bin/sh\nexec "%s" ar "$@"\n' "$ZIG" >"$work/zig-ar"
chmod +x "$compiler" "$work/zig-ar"

# LLVM's unwinder, from the source that Zig contains, for programs that are linked statically: the
# unwinder of a GCC that was made for glibc does not work with musl.
unwinder() {
    local source flags
    rm -rf "$work/unwind"
    mkdir "$work/unwind"
    flags=(-target "$arch-linux-musl" -c -O2 -g0 -fPIC -fvisibility=hidden -funwind-tables
        -fno-sanitize=all -fno-stack-protector -DNDEBUG -D_GNU_SOURCE -D_LIBUNWIND_IS_NATIVE_ONLY
        -w -I "$zig_lib/libunwind/include")
    cd "$zig_lib/libunwind/src"
    "$ZIG" c++ "${flags[@]}" -std=c++17 -fno-exceptions -fno-rtti \
        -o "$work/unwind/libunwind.o" libunwind.cpp
    for source in UnwindLevel1.c UnwindLevel1-gcc-ext.c UnwindRegistersRestore.S \
        UnwindRegistersSave.S; do
        "$ZIG" cc "${flags[@]}" -fexceptions -o "$work/unwind/${source%.*}.o" "$source"
    done
    cd "$work/unwind"
    "$ZIG" ar Drcs libzignsec_unwind.a ./*.o
    # The shared library contains the unwinder too. rustc looks for the name of the one in GCC.
    cp libzignsec_unwind.a libgcc_s.a
    cd "$root"
}

# build PROFILE CRATE-TYPE RUSTFLAGS [CARGO-OPTION...]: std is compiled with these flags too.
build() {
    local name=${row//-/_} rustflags=$3
    rustflags+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    env RUSTC_BOOTSTRAP=1 "RUSTFLAGS=$rustflags" "CC_$name=$compiler" "AR_$name=$work/zig-ar" \
        "CARGO_TARGET_$(tr '[:lower:]' '[:upper:]' <<<"$name")_LINKER=$compiler" \
        cargo rustc --locked --profile "$1" -p zignsec-c --crate-type "$2" \
        -Zbuild-std=std,panic_unwind --target "$row" "${@:4}"
}

# configure FILE FOLDER LIBRARY: fills in a template; the library is that of the unwinder.
configure() {
    # GCC does not pass the option to the linker for a static program. The unwinder needs it.
    sed -e "s|@VERSION@|$version|" -e "s|@SOVERSION@|$soversion|" -e "s|@LIB_TO_PREFIX@|..|" \
        -e "s|@NATIVE_STATIC_LIBS@|$3 -Wl,--eh-frame-hdr|" "$packaging/$1.in" >"$2/$1"
}

unwinder
build release cdylib "-C target-feature=-crt-static -L native=$work/unwind" "$@"
build release-static staticlib '' "$@"

to=$dist/$release
rm -rf "${to:?}"
install -d "$to/include" "$to/lib/pkgconfig" "$to/lib/cmake/zignsec"
install -m 644 include/zignsec.h include/zignsec.hpp include/zignsec.cdef "$to/include"
"$arch-linux-gnu-strip" --strip-unneeded --remove-section=.comment \
    -o "$to/lib/libzignsec.so.$version" "$built/release/libzignsec.so"
chmod 755 "$to/lib/libzignsec.so.$version"
ln -s "libzignsec.so.$version" "$to/lib/libzignsec.so.$soversion"
ln -s "libzignsec.so.$soversion" "$to/lib/libzignsec.so"
"$arch-linux-gnu-strip" --strip-debug --remove-section=.comment \
    -o "$to/lib/libzignsec.a" "$built/release-static/libzignsec.a"
chmod 644 "$to/lib/libzignsec.a"
install -m 644 "$work/unwind/libzignsec_unwind.a" "$to/lib"
configure zignsec.pc "$to/lib/pkgconfig" -lzignsec_unwind
for file in zignsec-config.cmake zignsec-config-version.cmake; do
    configure "$file" "$to/lib/cmake/zignsec" "'\${_zignsec_libdir}/libzignsec_unwind.a'"
done
install -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$to"
{
    python3 "$packaging/third_party.py"
    printf '\n%s\nlibunwind of LLVM: Apache-2.0 WITH LLVM-exception\n\n' "$(printf -- '-%.0s' {1..80})"
    cat "$zig_lib/libunwind/LICENSE.TXT"
} >"$to/LICENSE-THIRD-PARTY"
cd "$dist"
tar --sort=name "--mtime=@$time" --owner=0 --group=0 --numeric-owner -c "$release" |
    gzip -9n >"$release.tar.gz"
sha256sum "$release.tar.gz" | tee "$release.tar.gz.sha256"
