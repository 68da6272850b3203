#!/usr/bin/env bash
# Runs the C tests that use threads with ThreadSanitizer, on a library whose standard library is
# built for it too: without that, ThreadSanitizer does not see the locks and reports false races.
#
# This needs the source of the standard library and unstable options of the compiler. Debian has
# both in one version, so they are installed in a separate root, which is kept in the target
# directory. Needs debootstrap, and to be root for chroot and mounts, which end with the script.
. "$(dirname "$0")/../common.sh"
step "ThreadSanitizer" "about 2 minutes, and 5 more for the first run"
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "skipped: ThreadSanitizer (to be root, and debootstrap)"
    [ -z "${ZIGNSEC_TEST_ALL:-}" ]
    exit
fi

debian=$target/tsan/root
if [ ! -e "$debian/complete" ]; then
    rm -rf "$debian"
    mkdir -p "$debian"
    debootstrap --variant=minbase --include=ca-certificates,rustc-web,cargo-web,rust-web-src,gcc,\
libc6-dev,pkg-config,libcjson-dev,libcurl4-openssl-dev \
        trixie "$debian" http://deb.debian.org/debian >"$target/tsan/debootstrap.log"
    rm -rf "$debian"/var/cache/apt/archives/*.deb
    touch "$debian/complete"
fi
cargo build -p zignsec-sandbox

# Inside, everything has the path that it has outside. Cargo uses the registry and the certificates
# of this machine.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$cargo_home/registry" "$target/c" "$ZIGNSEC_TEST_CAPTURE"
for folder in "$root" "$target" "$cargo_home/registry" /etc/ssl /usr/share/ca-certificates \
    /usr/local/share/ca-certificates; do
    [ ! -e "$folder" ] || { mkdir -p "$debian$folder" && shared+=("$folder"); }
done
cp /etc/resolv.conf /etc/hosts "$debian/etc/"

export debian cargo_home
unshare --mount bash -euo pipefail -s "${shared[@]}" <<'END'
for folder; do mount --bind "$folder" "$debian$folder"; done
mount -t proc proc "$debian/proc"
mount --rbind /dev "$debian/dev"
unset SSL_CERT_FILE SSL_CERT_DIR
export PATH=/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME=$cargo_home
exec chroot "$debian" bash -euo pipefail "$PWD/tests/c/tsan_inside.sh"
END
