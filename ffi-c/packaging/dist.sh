#!/usr/bin/env bash
# Builds the release archive of the C library and its checksum: dist.sh [--deb] [FOLDER], into
# target/dist by default. With --deb, also the Debian packages of the archive.
. "$(dirname "$0")/../../tests/common.sh"
deb=
if [ "${1:-}" = --deb ]; then
    deb=1
    shift
fi
dist=$(realpath -m "${1:-$target/dist}")
release=libzignsec-$version-$("$CC" -dumpmachine)
# The time of the packed files: the same commit gives the same bytes.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

rm -rf "${dist:?}/$release"
umask 022
ffi-c/packaging/install.sh '' "$dist/$release" "$dist/$release/lib"
strip=$("$CC" -print-prog-name=strip)
"$strip" --strip-unneeded --remove-section=.comment "$dist/$release/lib/libzignsec.so.$version"
"$strip" --strip-debug --remove-section=.comment "$dist/$release/lib/libzignsec.a"
install -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$dist/$release"
python3 ffi-c/packaging/third_party.py ${CARGO_BUILD_TARGET:+"$CARGO_BUILD_TARGET"} \
    >"$dist/$release/LICENSE-THIRD-PARTY"
cd "$dist"
tar --sort=name "--mtime=@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -c "$release" |
    gzip -9n >"$release.tar.gz"
sha256sum "$release.tar.gz" | tee "$release.tar.gz.sha256"
[ -z "$deb" ] || "$root/ffi-c/packaging/debian/build.sh" "$release.tar.gz" "$dist"
