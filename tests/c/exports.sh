#!/usr/bin/env bash
# Compares the functions that the library exports with those of the header, and requires that
# contract.c passes NULL to each of them.
. "$(dirname "$0")/../common.sh"

mkdir -p "$target/c"
exported=$target/c/exported
nm -D --defined-only "$target/debug/libzignsec.so" | sed 's/.* //' | sort >"$exported"
grep -o 'zs_[a-z0-9_]*(' include/zignsec.h | tr -d '(' | sort -u | diff "$exported" -

# These take no pointer.
grep -vE '^zs_(version|version_number|result_name|status_name)$' "$exported" |
    while read -r function; do
        grep -qE "$function\\(.*NULL" tests/c/contract.c || {
            echo "tests/c/contract.c passes no NULL to $function" >&2
            exit 1
        }
    done
