#!/bin/sh
# Builds the Debian packages of a release archive: build.sh ARCHIVE FOLDER
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)
archive=$(realpath "$1")
into=$(realpath "$2")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir archive debian
tar -xf "$archive" -C archive --strip-components 1

version=$(sed -n 's/^Version: //p' archive/lib/pkgconfig/zignsec.pc)
soversion=${version%.*}
library=libzignsec$soversion
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
architecture=$(dpkg --print-architecture)
libdir=usr/lib/$multiarch

# The files of the two packages.
mkdir -p "$library/$libdir" "libzignsec-dev/$libdir" libzignsec-dev/usr
mv archive/lib/libzignsec.so.* "$library/$libdir"
chmod 644 "$library/$libdir/libzignsec.so.$version"
mv archive/lib/* "libzignsec-dev/$libdir"
mv archive/include libzignsec-dev/usr
# The libraries are one folder deeper than in the archive.
# shellcheck disable=SC2016 # ${prefix} is a variable of pkg-config
sed -i 's|^prefix=.*|prefix=/usr|; s|^libdir=.*|libdir=${prefix}/lib/'"$multiarch"'|' \
    "libzignsec-dev/$libdir/pkgconfig/zignsec.pc"
sed -i 's|/../include"|/../../include"|' "libzignsec-dev/$libdir/cmake/zignsec/zignsec-config.cmake"

# The files that dpkg's tools read.
sed "s/@SOVERSION@/$soversion/" "$here/control" >debian/control
sed -e "s/@VERSION@/$version/" -e "s/@DATE@/$(date -Rud "@$SOURCE_DATE_EPOCH")/" \
    "$here/changelog.in" >debian/changelog
cp "$here/libzignsec.symbols" "debian/$library.symbols"

for package in "$library" libzignsec-dev; do
    doc=$package/usr/share/doc/$package
    mkdir -p "$package/DEBIAN" "$doc"
    cat "$here/copyright" archive/LICENSE-MIT archive/LICENSE-THIRD-PARTY >"$doc/copyright"
    install -Dm 644 "$here/lintian-overrides" "$package/usr/share/lintian/overrides/$package"
    gzip -9nc archive/CHANGELOG.md >"$doc/changelog.gz"
    gzip -9nc debian/changelog >"$doc/changelog.Debian.gz"
done

# The symbols that the library exports, and the packages that it needs.
dpkg-gensymbols -c4 -q -p"$library" -v"$version" -P"$library" -O"$library/DEBIAN/symbols"
echo "libzignsec $soversion $library (>= $version)" >"$library/DEBIAN/shlibs"
echo 'activate-noawait ldconfig' >"$library/DEBIAN/triggers"
dpkg-shlibdeps -e"$library/$libdir/libzignsec.so.$version" "-Tdebian/$library.substvars"
: >debian/libzignsec-dev.substvars
for package in "$library" libzignsec-dev; do
    (cd "$package" && find usr -type f | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums)
    dpkg-gencontrol -p"$package" -P"$package" "-Tdebian/$package.substvars"
    find "$package" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$package" \
        "$into/${package}_$version-1_$architecture.deb"
done
