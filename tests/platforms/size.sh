#!/usr/bin/env bash
# Prints the size of the stripped shared library for another platform: size.sh ROW, a Rust target.
# It is that of the release archive if tests made one, and otherwise of a build.
. "$(dirname "$0")/../common.sh"
row=${1:?size.sh ROW}
for folder in "$target/platforms/dist" "$target/dist"; do
    for library in "$folder/libzignsec-$version-$row"/bin/zignsec-*.dll \
        "$folder/libzignsec-$version-${row%%-*}-linux-musl/lib/libzignsec.so.$version"; do
        if [[ -e $library && ($library == *.dll || $row == *-musl) ]]; then
            stat -c %s "$library"
            exit
        fi
    done
done
. "$(dirname "$0")/target.sh"
[[ $row != *-musl ]] || { echo -; exit; }
cargo rustc --quiet --release "${cargo_flags[@]}" -p zignsec-c --crate-type cdylib >&2
for library in "$build/$row"/release/{libzignsec.so,zignsec.dll}; do
    [ -e "$library" ] || continue
    "${prefix}strip" -o "$build/stripped" "$library"
    stat -c %s "$build/stripped"
done
