#!/usr/bin/env bash
# Builds the release archive of the C library for Windows and its checksum:
# windows.sh x86_64-pc-windows-gnu|i686-pc-windows-gnu [FOLDER], into target/dist by default. Needs
# MinGW-w64, llvm-dlltool, zip and the source of Rust's standard library: run it with
# tests/platforms/enter.sh if they are not installed.
. "$(dirname "$0")/../../tests/common.sh"
row=${1:-}
case $row in
    x86_64-pc-windows-gnu) machine=i386:x86-64 pointer_size=8 ;;
    i686-pc-windows-gnu) machine=i386 pointer_size=4 ;;
    *) echo "usage: $0 x86_64-pc-windows-gnu|i686-pc-windows-gnu [FOLDER]" >&2; exit 2 ;;
esac
dist=$(realpath -m "${2:-$target/dist}")
packaging=$root/ffi-c/packaging
dll=zignsec-$soversion.dll
prefix=${row%%-*}-w64-mingw32-
compiler=${prefix}gcc
! command -v "$compiler-posix" >/dev/null || compiler+=-posix
llvm_dlltool=$(compgen -c llvm-dlltool | sort -V | tail -n 1)
[ -n "$llvm_dlltool" ] || { echo "$0: llvm-dlltool is not installed" >&2; exit 1; }
# The time of the packed files: the same commit gives the same bytes.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
umask 022

# build PROFILE CRATE-TYPE [OPTION...]: what is shipped contains neither the path of the builder's
# Cargo home nor that of the sources.
build() {
    local name=${row//-/_} home=${CARGO_HOME:-$HOME/.cargo}
    env RUSTC_BOOTSTRAP=1 "CC_$name=$compiler" "CARGO_TARGET_${name^^}_LINKER=$compiler" \
        "CFLAGS_$name=-ffile-prefix-map=$home=/cargo -ffile-prefix-map=$root=/zignsec" \
        RUSTFLAGS="--remap-path-prefix=$home=/cargo --remap-path-prefix=$root=/zignsec" \
        CARGO_TARGET_DIR="$target/platforms/build" \
        cargo rustc --locked -Zbuild-std=std,panic_unwind --target "$row" -p zignsec-c \
        --profile "$1" --crate-type "$2" "${@:3}"
}
built=$target/platforms/build/$row
# With debug information, which becomes the symbol file.
build release cdylib --config profile.release.debug=\"line-tables-only\" \
    --config profile.release.strip=\"none\"
build release-static staticlib -- "--print=native-static-libs=$built/native-static-libs"

release=libzignsec-$version-$row
to=$dist/$release
rm -rf "${to:?}" "$to.zip"
install -d "$to"/{bin,include} "$to"/lib/{pkgconfig,cmake/zignsec}
install -m 644 include/zignsec.h include/zignsec.hpp include/zignsec.cdef "$to/include"
install -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$to"
python3 "$packaging/third_party.py" "$row" >"$to/LICENSE-THIRD-PARTY"

# Debuggers look for the symbol file beside the DLL.
"${prefix}objcopy" --only-keep-debug "$built/release/zignsec.dll" "$to/bin/$dll.debug"
"${prefix}strip" --strip-all -o "$to/bin/$dll" "$built/release/zignsec.dll"
(cd "$to/bin" && "${prefix}objcopy" --add-gnu-debuglink="$dll.debug" "$dll")
chmod 755 "$to/bin/$dll"
chmod 644 "$to/bin/$dll.debug"
"${prefix}strip" --strip-debug --enable-deterministic-archives \
    -o "$to/lib/libzignsec.a" "$built/release-static/libzignsec.a"

# The import libraries: GNU's for MinGW-w64, and one in Microsoft's short form.
definition=$to/lib/zignsec-$soversion.def
{
    printf 'LIBRARY "%s"\nEXPORTS\n' "$dll"
    grep -o '\bzs_[a-z0-9_]*(' include/zignsec.cdef | tr -d '(' | LC_ALL=C sort -u | sed 's/^/    /'
} >"$definition"
# GNU's dlltool makes symbols of the path that it writes to.
(cd "$to/lib" && "${prefix}dlltool" --input-def "$(basename "$definition")" \
    --output-lib libzignsec.dll.a --temp-prefix zignsec --deterministic-libraries)
"$llvm_dlltool" -m "$machine" -d "$definition" -l "$to/lib/zignsec.lib"

# configure FILE FOLDER [NAME]: fills in a template.
configure() {
    sed -e "s|@VERSION@|$version|" -e "s|@SOVERSION@|$soversion|" -e "s|@LIB_TO_PREFIX@|..|" \
        -e "s|@POINTER_SIZE@|$pointer_size|" \
        -e "s|@NATIVE_STATIC_LIBS@|$(cat "$built/native-static-libs")|" \
        "$packaging/$1.in" >"$2/${3:-$1}"
}
configure zignsec.pc "$to/lib/pkgconfig"
configure zignsec-config-windows.cmake "$to/lib/cmake/zignsec" zignsec-config.cmake
configure zignsec-config-version.cmake "$to/lib/cmake/zignsec"
cat >>"$to/lib/cmake/zignsec/zignsec-config-version.cmake" <<END

# The library is for one width of pointers.
if(CMAKE_SIZEOF_VOID_P AND NOT CMAKE_SIZEOF_VOID_P EQUAL $pointer_size)
    set(PACKAGE_VERSION_UNSUITABLE TRUE)
endif()
END

cd "$dist"
find "$release" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
find "$release" | LC_ALL=C sort | TZ=UTC zip --quiet -9 -X -@ "$release.zip"
sha256sum "$release.zip" | tee "$release.zip.sha256"
