#!/usr/bin/env bash
# Builds the C library as it is shipped: build.sh shared|static|size
. "$(dirname "$0")/../../tests/common.sh"

shared() {
    [ -e "$built/release/libzignsec.so" ] ||
        echo "Building the release library: the first build takes about 3 minutes." >&2
    cargo rustc --release -p zignsec-c --crate-type cdylib "${release_flags[@]}"
}

case $1 in
    shared) shared ;;
    static)
        # Link-time optimization would keep it from linking beside another Rust library.
        [ -e "$built/release-static/libzignsec.a" ] ||
            echo "Building the static library: the first build takes about 2 minutes." >&2
        cargo rustc --profile release-static -p zignsec-c --crate-type staticlib \
            "${release_flags[@]}" -- \
            "--print=native-static-libs=$built/release-static/native-static-libs"
        ;;
    size)
        shared
        "$("$CC" -print-prog-name=strip)" --strip-unneeded \
            -o "$built/release/stripped" "$built/release/libzignsec.so"
        echo "$built/release/libzignsec.so," \
            "stripped: $(stat -c %s "$built/release/stripped") bytes"
        ;;
    *) echo "usage: $0 shared|static|size" >&2; exit 2 ;;
esac
