#!/usr/bin/env bash
# Makes the Debian system in which the tests for other platforms and ThreadSanitizer are built and
# run: root.sh GROUP..., of the groups below. It has the source of Rust's standard library in the
# version of its compiler, the compilers for other systems, Wine and QEMU, all of them packages of
# Debian. It is a folder in the target directory, which is kept; a group that is installed is not
# installed again. Needs debootstrap and to be root.
. "$(dirname "$0")/../common.sh"

# The packages of a group.
packages() {
    case $1 in
        base)
            echo rustc-web cargo-web rust-web-src gcc g++ libc6-dev make pkg-config python3 strace \
                git libcap2-bin libcjson-dev
            ;;
        windows)
            # llvm-dlltool makes the import library for Microsoft's linker, which LLD tests. The
            # compilers of Pascal and C# build examples.
            echo cmake fp-compiler fp-units-win-base fp-units-win-rtl gcc-mingw-w64-x86-64-posix \
                g++-mingw-w64-x86-64-posix lld-19 llvm-19 mono-mcs wine wine64 zip
            ;;
        windows32) echo gcc-mingw-w64-i686-posix g++-mingw-w64-i686-posix wine32:i386 libc6:i386 ;;
        musl) echo musl-tools ;;
        cross)
            echo qemu-user-static libc6:i386
            local name
            for name in i686:i386 aarch64:arm64 powerpc64le:ppc64el s390x:s390x; do
                echo "gcc-${name%:*}-linux-gnu" "g++-${name%:*}-linux-gnu" \
                    "libc6-dev-${name#*:}-cross"
            done
            echo gcc-arm-linux-gnueabihf g++-arm-linux-gnueabihf libc6-dev-armhf-cross
            ;;
        *) echo "root.sh: no such group: $1" >&2 && return 1 ;;
    esac
}

# What a group needs besides its packages. For each complete group, the root has a file
# /zignsec/NAME with its packages: if they change, the group is installed again.
finish() {
    local enter=tests/platforms/enter.sh
    case $1 in
        base)
            # cJSON is not packaged for other systems, so the tests compile it.
            # shellcheck disable=SC2016 # expanded inside
            "$enter" bash -euo pipefail -c '
                cd /usr/src
                apt-get -qq source --download-only cjson >/dev/null
                for archive in cjson_*.orig.tar.*; do
                    version=${archive#cjson_}
                    mkdir -p "cjson-${version%.orig.tar.*}"
                    tar -xf "$archive" -C "cjson-${version%.orig.tar.*}" --strip-components=1
                done'
            ;;
        cross)
            # Where the loaders look for libraries, because a program may clear the environment
            # in which QEMU finds another place.
            # shellcheck disable=SC2016
            "$enter" bash -euo pipefail -c '
                for folder in /usr/{aarch64-linux-gnu,arm-linux-gnueabihf}/lib \
                    /usr/{powerpc64le,s390x}-linux-gnu/lib; do
                    triplet=$(basename "$(dirname "$folder")")
                    mkdir -p "/usr/lib/$triplet"
                    ln -sf "$folder"/*.so* "/usr/lib/$triplet/"
                done
                ln -sf /usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1 \
                    /usr/arm-linux-gnueabihf/lib/ld-linux-armhf.so.3 \
                    /usr/s390x-linux-gnu/lib/ld64.so.1 /usr/lib/
                ln -sf /usr/powerpc64le-linux-gnu/lib/ld64.so.2 /usr/lib64/'
            ;;
        windows32)
            # Parts of the standard library that -Zbuild-std does not build.
            # shellcheck disable=SC2016
            "$enter" bash -euo pipefail -c '
                library=/usr/lib/rustlib/i686-pc-windows-gnu/lib
                mkdir -p "$library"
                for object in rsbegin rsend; do
                    RUSTC_BOOTSTRAP=1 rustc --target i686-pc-windows-gnu --emit=obj \
                        -o "$library/$object.o" \
                        "/usr/lib/rustlib/src/rust/library/rtstartup/$object.rs"
                done'
            ;;
    esac
}

require platforms
export PATH=$PATH:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive
debian=$target/platforms/root
log=$target/platforms/root.log
mkdir -p "$debian"

# One at a time.
exec 9>"$target/platforms/root.lock"
flock 9

# logged COMMAND...: its output is shown only if it fails.
logged() {
    "$@" >>"$log" 2>&1 || { tail -n 30 "$log" >&2; return 1; }
}

mirror=http://deb.debian.org/debian
if [ ! -e "$debian/zignsec/system" ]; then
    step "a Debian system for tests of other platforms" "about 1 minute"
    rm -rf "$debian"
    : >"$log"
    logged debootstrap --variant=minbase --include=ca-certificates trixie "$debian" "$mirror"
    printf '%s trixie main\n' "deb $mirror" "deb-src $mirror" >"$debian/etc/apt/sources.list"
    # Installed faster, and without what nobody reads here.
    echo force-unsafe-io >"$debian/etc/dpkg/dpkg.cfg.d/zignsec"
    printf 'path-exclude=/usr/share/%s/*\n' doc man locale info \
        >>"$debian/etc/dpkg/dpkg.cfg.d/zignsec"
    mkdir "$debian/zignsec"
    touch "$debian/zignsec/system"
fi

for group in base "$@"; do
    list=$(packages "$group")
    [ "$(cat "$debian/zignsec/$group" 2>/dev/null)" != "$list" ] || continue
    read -ra names <<<"${list//$'\n'/ }"
    step "packages for tests of other platforms: $group" "about 2 minutes"
    started=$SECONDS
    case " ${names[*]}" in
        *:i386*) logged tests/platforms/enter.sh dpkg --add-architecture i386 ;;
    esac
    logged tests/platforms/enter.sh apt-get -qq update
    logged tests/platforms/enter.sh apt-get -qq install -y --no-install-recommends "${names[@]}"
    logged finish "$group"
    rm -rf "$debian"/var/cache/apt/archives/*.deb
    echo "$list" >"$debian/zignsec/$group"
    echo "$group: $((SECONDS - started)) seconds"
done
