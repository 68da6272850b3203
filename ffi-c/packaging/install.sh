#!/usr/bin/env bash
# Builds and installs the C library: install.sh DESTDIR PREFIX LIBDIR. Nothing that is installed
# contains an absolute path, so the installed tree can be moved.
destdir=$1 prefix=$2 libdir=$3
. "$(dirname "$0")/../../tests/common.sh"

packaging=ffi-c/packaging
"$packaging/build.sh" shared
"$packaging/build.sh" static

into=$destdir$libdir
include=$destdir$prefix/include
install -d "$include" "$into/pkgconfig" "$into/cmake/zignsec"
install -m 644 include/zignsec.h include/zignsec.hpp include/zignsec.cdef "$include"
install -m 755 "$built/release/libzignsec.so" "$into/libzignsec.so.$version"
ln -sf "libzignsec.so.$version" "$into/libzignsec.so.$soversion"
ln -sf "libzignsec.so.$soversion" "$into/libzignsec.so"
install -m 644 "$built/release-static/libzignsec.a" "$into/libzignsec.a"

# The compiler adds the unwinder itself: libgcc_s, or libgcc_eh to a program that is linked with
# -static, for which there is no libgcc_s.
native_static_libs=$(sed 's/ *-lgcc_s\b//g' "$built/release-static/native-static-libs")

# configure FILE FOLDER: fills in a template.
configure() {
    sed -e "s|@VERSION@|$version|" -e "s|@SOVERSION@|$soversion|" \
        -e "s|@LIB_TO_PREFIX@|$(realpath -m "--relative-to=$libdir" "$prefix")|" \
        -e "s|@NATIVE_STATIC_LIBS@|$native_static_libs|" \
        "$packaging/$1.in" >"$2/$1"
}
configure zignsec.pc "$into/pkgconfig"
configure zignsec-config.cmake "$into/cmake/zignsec"
configure zignsec-config-version.cmake "$into/cmake/zignsec"
echo "installed libzignsec $version into $into and $include"
