#!/usr/bin/env bash
# Builds LLVM's unwinder for musl, from the source that Zig contains: musl_unwinder.sh ROW FOLDER,
# into FOLDER/libzignsec_unwind.a. The unwinder of a GCC that was made for glibc does not work with
# musl. Also writes FOLDER/zig-cc and FOLDER/zig-ar, compilers for this row. Needs Zig: the program
# that ZIG names, or the one in the virtual environment of the Python tests.
. "$(dirname "$0")/../../tests/common.sh"
row=$1 folder=$2
case $row in
    x86_64-unknown-linux-musl | aarch64-unknown-linux-musl) zig_target=${row%%-*}-linux-musl ;;
    *) echo "musl_unwinder.sh: no such platform: $row" >&2; exit 2 ;;
esac
[ -n "${ZIG:-}" ] || ZIG=$(echo "$venv"/lib/python3*/site-packages/ziglang/zig)
source=$(dirname "$ZIG")/lib/libunwind
if [ ! -x "$ZIG" ] || [ ! -d "$source" ]; then
    echo "musl_unwinder.sh: there is no Zig at $ZIG" >&2
    exit 1
fi
rm -rf "$folder"
mkdir -p "$folder/objects"

# Cargo's packages and rustc name the target as Rust does, which Zig does not know.
cat >"$folder/zig-cc" <<EOF
#!/usr/bin/env bash
for argument; do
    shift
    [[ \$argument == --target=* ]] || set -- "\$@" "\$argument"
done
exec "$ZIG" cc -target $zig_target "\$@"
EOF
printf '#!/bin/sh\nexec "%s" ar "$@"\n' "$ZIG" >"$folder/zig-ar"
chmod +x "$folder/zig-cc" "$folder/zig-ar"

flags=(-target "$zig_target" -c -O2 -g0 -fPIC -fvisibility=hidden -funwind-tables
    -fno-sanitize=all -fno-stack-protector -DNDEBUG -D_GNU_SOURCE -D_LIBUNWIND_IS_NATIVE_ONLY
    -w -I "$source/include")
cd "$source/src"
"$ZIG" c++ "${flags[@]}" -std=c++17 -fno-exceptions -fno-rtti \
    -o "$folder/objects/libunwind.o" libunwind.cpp
for file in UnwindLevel1.c UnwindLevel1-gcc-ext.c UnwindRegistersRestore.S UnwindRegistersSave.S; do
    "$ZIG" cc "${flags[@]}" -fexceptions -o "$folder/objects/${file%.*}.o" "$file"
done
cd "$folder/objects"
"$ZIG" ar Drcs ../libzignsec_unwind.a ./*.o
install -m 644 "$source/LICENSE.TXT" "$folder/LICENSE"
