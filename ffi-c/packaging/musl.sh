#!/usr/bin/env bash
# Builds the release archive of the C library for musl and its checksum:
# musl.sh x86_64-unknown-linux-musl|aarch64-unknown-linux-musl [FOLDER [CARGO-OPTION...]], into
# target/dist by default. Needs the source of Rust's standard library, and Zig as a C compiler, which
# musl_unwinder.sh finds.
. "$(dirname "$0")/../../tests/common.sh"
row=$1
dist=$(realpath -m "${2:-$target/dist}")
shift $(($# < 2 ? $# : 2))
arch=${row%%-*}
case $row in
    x86_64-unknown-linux-musl | aarch64-unknown-linux-musl) ;;
    *) echo "musl.sh: no such platform: $row" >&2; exit 2 ;;
esac
release=libzignsec-$version-$arch-linux-musl
# Not exported: if it changes, cargo builds the C code of its packages again.
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
packaging=$root/ffi-c/packaging
umask 022

# The shared library contains the unwinder too. rustc looks for the name of the one in GCC.
unwinder=$target/platforms/$row/unwinder
"$packaging/musl_unwinder.sh" "$row" "$unwinder"
cp "$unwinder/libzignsec_unwind.a" "$unwinder/libgcc_s.a"

export CARGO_TARGET_DIR=$target/platforms/build
built=$CARGO_TARGET_DIR/$row

# build PROFILE CRATE-TYPE RUSTFLAGS [CARGO-OPTION...]: std is compiled with these flags too.
build() {
    local name=${row//-/_} rustflags=$3
    rustflags+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    env RUSTC_BOOTSTRAP=1 "RUSTFLAGS=$rustflags" "CC_$name=$unwinder/zig-cc" "AR_$name=$unwinder/zig-ar" \
        "CARGO_TARGET_$(tr '[:lower:]' '[:upper:]' <<<"$name")_LINKER=$unwinder/zig-cc" \
        cargo rustc --locked --profile "$1" -p zignsec-c --crate-type "$2" \
        -Zbuild-std=std,panic_unwind --target "$row" "${@:4}"
}

# configure FILE FOLDER LIBRARY: fills in a template; the library is that of the unwinder.
configure() {
    # GCC does not pass the option to the linker for a static program. The unwinder needs it.
    sed -e "s|@VERSION@|$version|" -e "s|@SOVERSION@|$soversion|" -e "s|@LIB_TO_PREFIX@|..|" \
        -e "s|@NATIVE_STATIC_LIBS@|$3 -Wl,--eh-frame-hdr|" "$packaging/$1.in" >"$2/$1"
}

build release cdylib "-C target-feature=-crt-static -L native=$unwinder" "$@"
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
install -m 644 "$unwinder/libzignsec_unwind.a" "$to/lib"
configure zignsec.pc "$to/lib/pkgconfig" -lzignsec_unwind
for file in zignsec-config.cmake zignsec-config-version.cmake; do
    configure "$file" "$to/lib/cmake/zignsec" "'\${_zignsec_libdir}/libzignsec_unwind.a'"
done
install -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$to"
{
    python3 "$packaging/third_party.py"
    printf '\n%s\nlibunwind of LLVM: Apache-2.0 WITH LLVM-exception\n\n' "$(printf -- '-%.0s' {1..80})"
    cat "$unwinder/LICENSE"
} >"$to/LICENSE-THIRD-PARTY"
cd "$dist"
tar --sort=name "--mtime=@$time" --owner=0 --group=0 --numeric-owner -c "$release" |
    gzip -9n >"$release.tar.gz"
sha256sum "$release.tar.gz" | tee "$release.tar.gz.sha256"
