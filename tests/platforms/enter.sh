#!/usr/bin/env bash
# Runs a command in the Debian system of root.sh: enter.sh COMMAND... Inside, everything has the
# path that it has outside, also the current folder, and Cargo uses the registry and the
# certificates of this machine. The mounts end with the command. Inside the system, it only runs the
# command.
#
# enter.sh --emulate NAME COMMAND...: programs for another processor, by QEMU's name for it, can be
# started as others can, also by each other. That needs a user namespace, because the kernel's list
# of emulators would be that of the whole machine otherwise. Linux has such lists since 6.7; without
# them, and outside the command, nothing is changed.
here=$PWD
emulate=
if [ "${1:-}" = --emulate ]; then emulate=$2; shift 2; fi
[ ! -e /zignsec/system ] || exec "$@"
. "$(dirname "$0")/../common.sh"

export debian=$target/platforms/root here
[ -e "$debian/zignsec/system" ] || { echo "run tests/platforms/root.sh first" >&2; exit 1; }
cargo_home=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$cargo_home/registry"
shared=(/tmp)
for path in "$root" "$target" "$cargo_home/registry" /etc/ssl /usr/share/ca-certificates \
    /usr/local/share/ca-certificates; do
    [ ! -e "$path" ] || { mkdir -p "$debian$path" && shared+=("$path"); }
done
[ ! -e "$cargo_home/config.toml" ] || cp "$cargo_home/config.toml" "$debian$cargo_home/"
cp /etc/resolv.conf /etc/hosts "$debian/etc/"

namespaces=(--mount)
list=/proc/sys/fs/binfmt_misc
if [ -n "$emulate" ]; then
    if unshare --user --map-root-user --mount mount -t binfmt_misc none "$list" 2>/dev/null; then
        namespaces+=(--user --map-root-user)
    else
        emulate=
    fi
fi

export CARGO_HOME=$cargo_home ZIGNSEC_EMULATE=$emulate
# shellcheck disable=SC2016 # expanded in the new namespace
exec unshare "${namespaces[@]}" bash -euo pipefail -c '
    while [ "$1" != -- ]; do mount --rbind "$1" "$debian$1"; shift; done
    shift
    mount --rbind /proc "$debian/proc"
    mount --rbind /dev "$debian/dev"
    if [ -n "$ZIGNSEC_EMULATE" ]; then
        list=$debian/proc/sys/fs/binfmt_misc
        mount -t binfmt_misc none "$list"
        chroot "$debian" bash -c \
            "cat /usr/lib/binfmt.d/qemu-$ZIGNSEC_EMULATE.conf >/proc/sys/fs/binfmt_misc/register"
    fi
    unset SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE RUSTUP_TOOLCHAIN
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin
    exec chroot "$debian" bash -c "cd \"\$here\" && exec \"\$@\"" enter "$@"
' enter "${shared[@]}" -- "$@"
