#!/usr/bin/env bash
# Builds and tests the library for other platforms, and prints a table: run.sh [ROW]..., Rust
# targets, or all of them. The table, and each skipped test with its reason, is also in
# platforms/table.txt of the target directory. With ZIGNSEC_TEST_PARTS, only these parts.
. "$(dirname "$0")/../common.sh"
tested=(x86_64-pc-windows-gnu i686-pc-windows-gnu x86_64-unknown-linux-musl
    aarch64-unknown-linux-musl i686-unknown-linux-gnu aarch64-unknown-linux-gnu
    armv7-unknown-linux-gnueabihf powerpc64le-unknown-linux-gnu s390x-unknown-linux-gnu
    x86_64-unknown-linux-gnu)
checked=(aarch64-apple-darwin x86_64-unknown-freebsd aarch64-linux-android x86_64-pc-windows-msvc)

rows=("$@")
[ $# -gt 0 ] || rows=("${tested[@]}" "${checked[@]}")
require platforms

folder=$target/platforms
mkdir -p "$folder"
table=$folder/table.txt
reasons=$folder/reasons.txt
result=0
format='%-30s %-16s %7s %7s %8s %9s\n'
# shellcheck disable=SC2059 # the format is a constant
{
    printf "$format" target built run failed skipped size >"$table"
}
: >"$reasons"

# parts_of ROW: the scripts that build and test something for it.
parts_of() {
    case $1 in
        x86_64-pc-windows-gnu) echo rust c windows_archive sandbox wheels python languages ;;
        i686-pc-windows-gnu) echo rust c windows_archive sandbox wheels ;;
        x86_64-unknown-linux-musl) echo rust c linux_archive sandbox wheels ;;
        # Debian has no compiler for it: only what Zig compiles.
        aarch64-unknown-linux-musl) echo linux_archive wheels ;;
        aarch64-*-gnu | i686-*-gnu) echo rust c linux_archive wheels ;;
        x86_64-unknown-linux-gnu) echo free_threaded ;;
        *) echo rust c linux_archive ;;
    esac
}

# part SCRIPT ROW: runs it, and adds what it reports to the row.
part() {
    local log=$folder/$1-$2.txt counts
    [ -z "${ZIGNSEC_TEST_PARTS:-}" ] || [[ " $ZIGNSEC_TEST_PARTS " == *" $1 "* ]] || return 0
    if ! "tests/platforms/$1.sh" "$2" 2>&1 | tee "$log"; then
        result=1
        failed_parts+=("$1")
    fi
    sed -n "s/^skipped: /$2, $1: /p" "$log" >>"$reasons"
    # The stripped shared library of the archive, in bytes.
    ! grep -q '^size: ' "$log" || size=$(sed -n 's/^size: //p' "$log")
    counts=$(grep -E "^$2: [0-9]+ run, [0-9]+ failed, [0-9]+ skipped\$" "$log" | tail -n 1) || true
    [ -n "$counts" ] || return 0
    local numbers
    read -ra numbers <<<"$(tr -cd '0-9 ' <<<"${counts#*:}")"
    built=yes run=$((run + numbers[0])) failed=$((failed + numbers[1]))
    skipped=$((skipped + numbers[2]))
}

for row in "${rows[@]}"; do
    built=no run=0 failed=0 skipped=0 size=-
    failed_parts=()
    if [[ " ${checked[*]} " == *" $row "* ]]; then
        if tests/platforms/check.sh "$row"; then built="yes, not run"; else result=1; fi
        run=- failed=- skipped=-
    else
        for each in $(parts_of "$row"); do part "$each" "$row"; done
        # A part may end before it can count.
        [ ${#failed_parts[@]} = 0 ] || failed="$failed (${failed_parts[*]})"
    fi
    # shellcheck disable=SC2059
    printf "$format" "$row" "$built" "$run" "$failed" "$skipped" "$size" >>"$table"
done

{ echo; sort -u "$reasons"; } >>"$table"
rm "$reasons"
step "other platforms"
cat "$table"
exit "$result"
