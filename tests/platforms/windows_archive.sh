#!/usr/bin/env bash
# shellcheck disable=SC2154 # target.sh sets compiler, prefix and runner
# Tests the release archive for Windows: windows_archive.sh ROW, a Rust target. The archive is unpacked into
# an empty folder, and programs are built with what is in it and run with the DLL beside them.
. "$(dirname "$0")/../common.sh"
row=${1:?windows_archive.sh ROW}
[ -e /zignsec/system ] || cargo build -p zignsec-sandbox --example demo
. "$(dirname "$0")/target.sh"
case $row in *-windows-gnu) ;; *) echo "$row: 0 run, 0 failed, 0 skipped"; exit ;; esac
step "release archive: $row"

work=$target/platforms/archive/$row
rm -rf "$work"
mkdir -p "$work"
dll=zignsec-$soversion.dll
release=libzignsec-$version-$row
# Its path contains a space.
unpacked="$work/an empty folder/$release"

# DLLs that are part of each supported Windows.
system=(kernel32 ntdll advapi32 crypt32 bcrypt bcryptprimitives ws2_32 secur32 msvcrt
    api-ms-win-core-synch-l1-2-0)

run=0 failed=0
# check NAME: runs the function of this name in a separate folder, and reports it.
check() {
    local folder=$work/$1
    mkdir -p "$folder"
    run=$((run + 1))
    # Not as a condition: bash would then not end the function at its first error.
    set +e
    (set -e; cd "$folder"; "$1") >"$folder/log" 2>&1
    local status=$?
    set -e
    if [ "$status" = 0 ]; then
        echo "ok: ${1//_/ }"
    else
        failed=$((failed + 1))
        echo "FAILED: ${1//_/ }"
        tail -n 30 "$folder/log"
    fi
}

# none COMMAND...: it fails, or finds nothing.
none() { if "$@"; then return 1; fi; }
headers_of() { "${prefix}objdump" --private-headers "$1"; }
imports_of() { headers_of "$1" | sed -n 's/^\tDLL Name: //p'; }
functions() { grep -o '\bzs_[a-z0-9_]*(' "$root/include/zignsec.cdef" | tr -d '(' | LC_ALL=C sort -u; }
# The programs find the DLL in their own folder.
with_dll() { cp "$unpacked/bin/$dll" .; }
demo() { "$CARGO_TARGET_DIR/debug/examples/demo" "$@"; }

the_same_commit_gives_the_same_bytes() {
    "$root/ffi-c/packaging/windows.sh" "$row" "$PWD/again"
    cmp "$work/$release.zip" "$PWD/again/$release.zip"
    (cd again && sha256sum --check "$release.zip.sha256")
}

the_files_of_the_archive() {
    (cd "$unpacked" && find . -type f | LC_ALL=C sort) | diff - <(sed 's|^|./|' <<END
CHANGELOG.md
LICENSE-APACHE
LICENSE-MIT
LICENSE-THIRD-PARTY
README.md
bin/$dll
bin/$dll.debug
include/zignsec.cdef
include/zignsec.h
include/zignsec.hpp
lib/cmake/zignsec/zignsec-config-version.cmake
lib/cmake/zignsec/zignsec-config.cmake
lib/libzignsec.a
lib/libzignsec.dll.a
lib/pkgconfig/zignsec.pc
lib/zignsec-$soversion.def
lib/zignsec.lib
END
    )
}

no_file_contains_a_path_of_this_machine() {
    none grep -rlF -e "$root" -e "$target" -e "$CARGO_HOME" "$unpacked"
}

the_dll_exports_the_functions_of_the_header() {
    headers_of "$unpacked/bin/$dll" >headers
    grep -E "^Name\s+[0-9a-f]+ $dll$" headers
    awk '/^\[Ordinal/ { names = 1 } /^$/ { names = 0 } names && /^\t\[/ { print $NF }' headers |
        LC_ALL=C sort >exported
    functions | diff exported -
}

the_dll_needs_only_what_is_part_of_windows() {
    imports_of "$unpacked/bin/$dll" | tr '[:upper:]' '[:lower:]' | sed 's/\.dll$//' >imported
    cat imported
    [ -s imported ]
    none grep -vxF "$(printf '%s\n' "${system[@]}")" imported
}

the_dll_is_hardened() {
    headers_of "$unpacked/bin/$dll" >headers
    grep NX_COMPAT headers
    grep DYNAMIC_BASE headers
    [ "$row" = i686-pc-windows-gnu ] || grep HIGH_ENTROPY_VA headers
}

the_dll_has_a_version() {
    cat >version.c <<END
#include <stdio.h>
#include <string.h>
#include <windows.h>
int main(void) {
    static char block[4096];
    VS_FIXEDFILEINFO *fixed;
    char *text;
    UINT length;
    if (!GetFileVersionInfoA("$dll", 0, sizeof(block), block) ||
        !VerQueryValueA(block, "\\\\", (void **)&fixed, &length)) {
        return 1;
    }
    printf("%u.%u.%u\n", (unsigned)HIWORD(fixed->dwFileVersionMS),
           (unsigned)LOWORD(fixed->dwFileVersionMS), (unsigned)HIWORD(fixed->dwFileVersionLS));
    const char *names[] = {"ProductName", "FileVersion", "OriginalFilename", "LegalCopyright"};
    for (int i = 0; i < 4; i++) {
        char path[64] = "\\\\StringFileInfo\\\\040904b0\\\\";
        if (!VerQueryValueA(block, strcat(path, names[i]), (void **)&text, &length)) {
            return 2;
        }
        printf("%s\n", text);
    }
    return 0;
}
END
    "$compiler" version.c -o version.exe -lversion
    with_dll
    "${runner[@]}" ./version.exe | tr -d '\r' >printed
    diff printed - <<END
$version
zignsec
$version
$dll
Copyright (c) 2026 The zignsec contributors. MIT OR Apache-2.0.
END
}

# readme LANGUAGE: the first program of the README in this language.
readme() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$unpacked/README.md" | sed '1d; /^```$/,$d'; }
first() { demo "${runner[@]}" ./first.exe | tee printed && grep '^pending, verified: 0' printed; }

the_c_program_of_the_readme() {
    readme c >first.c
    "$compiler" "${warnings[@]}" -std=c99 first.c -o first.exe -I"$unpacked/include" \
        -L"$unpacked/lib" -lzignsec
    imports_of first.exe | grep -xF "$dll"
    with_dll
    first
}

the_c_program_of_the_readme_with_the_library_for_microsofts_linker() {
    readme c >first.c
    "$compiler" -std=c99 first.c -o first.exe -I"$unpacked/include" "$unpacked/lib/zignsec.lib"
    imports_of first.exe | grep -xF "$dll"
    with_dll
    first
}

a_program_of_microsofts_kind_of_linker() {
    local lld options=(/machine:x64)
    lld=$(compgen -c lld-link | sort -V | tail -n 1)
    [ "$row" != i686-pc-windows-gnu ] || options=(/machine:x86 /safeseh:no)
    cat >start.c <<'END'
#include <zignsec.h>
int start(void) {
    zs_phone_2fa_request request;
    zs_phone_2fa_request_init(&request, sizeof request);
    return zs_version_number() == ZS_VERSION_NUMBER && request.struct_size == sizeof request ? 42 : 1;
}
END
    "$compiler" -O2 -c start.c -o start.obj -I"$unpacked/include"
    "$lld" "${options[@]}" /entry:start /subsystem:console /nodefaultlib start.obj \
        "$unpacked/lib/zignsec.lib" /out:start.exe
    with_dll
    local status=0
    "${runner[@]}" ./start.exe || status=$?
    [ "$status" = 42 ]
}

# -mrtd makes stdcall the default, as /Gz does for Microsoft's compiler. ZS_CALL decides, so the code
# is the same.
another_default_calling_convention_changes_nothing() {
    local options=(-std=c99 -S '-Dmain=ZS_CALL main' -I"$unpacked/include")
    "$compiler" "${options[@]}" "$root/examples/c/phone_2fa.c" -o cdecl.s
    "$compiler" "${options[@]}" "$root/examples/c/phone_2fa.c" -o stdcall.s -mrtd
    grep zs_wait_for_session cdecl.s
    cmp cdecl.s stdcall.s
}

the_cpp_program_of_the_readme() {
    readme cpp >first.cpp
    "$cxx" "${warnings[@]}" -std=c++17 first.cpp -o first.exe -static -I"$unpacked/include" \
        "$unpacked/lib/libzignsec.dll.a"
    imports_of first.exe | grep -xF "$dll"
    with_dll
    first
}

# with_pkg_config OPTION...
with_pkg_config() {
    export PKG_CONFIG_LIBDIR=$unpacked/lib/pkgconfig
    readme c >first.c
    eval "'$compiler' -std=c99 first.c -o first.exe $(pkg-config --cflags --libs "$@" zignsec)"
}

pkg_config_shared() {
    with_pkg_config
    imports_of first.exe | grep -xF "$dll"
    with_dll
    first
}

pkg_config_static() {
    readme c >first.c
    compiler+="' '-static"
    with_pkg_config --static
    imports_of first.exe >imported
    none grep zignsec imported
    first
}

# project LANGUAGE LINKAGE EXAMPLE [OPTION...]
project() {
    cp "$root/tests/packaging/project/CMakeLists.txt" "$root/examples/$3" .
    cmake -S . -B build "-DCMAKE_SYSTEM_NAME=Windows" "-DCMAKE_SYSTEM_PROCESSOR=${row%%-*}" \
        "-DCMAKE_C_COMPILER=$compiler" "-DCMAKE_CXX_COMPILER=$cxx" \
        "-DCMAKE_PREFIX_PATH=$unpacked" "-DWANTED=$soversion" "-DLANGUAGE=$1" "-DLINKAGE=$2" "${@:4}"
    cmake --build build
    cd build
    if [ "$2" = shared ]; then
        imports_of phone_2fa.exe | grep -xF "$dll"
        with_dll
    else
        imports_of phone_2fa.exe >imported
        none grep zignsec imported
    fi
    demo "${runner[@]}" ./phone_2fa.exe +46703339954 | tee printed
    grep 'is verified' printed
}
static_runtime=-DCMAKE_EXE_LINKER_FLAGS=-static

cmake_c_shared() { project C shared c/phone_2fa.c; }
cmake_c_static() { project C static c/phone_2fa.c "$static_runtime"; }
cmake_cpp_shared() { project CXX shared cpp/phone_2fa.cpp "$static_runtime"; }
cmake_cpp_static() { project CXX static cpp/phone_2fa.cpp "$static_runtime"; }

other=x86_64-w64-mingw32-gcc-posix
[ "$row" = i686-pc-windows-gnu ] || other=i686-w64-mingw32-gcc-posix
cmake_refuses_the_other_width() {
    cp "$root/tests/packaging/project/CMakeLists.txt" "$root/examples/c/phone_2fa.c" .
    # Either compiler serves: what counts is the size of a pointer.
    none cmake -S . -B build -DCMAKE_SYSTEM_NAME=Windows \
        "-DCMAKE_C_COMPILER=$other" "-DCMAKE_PREFIX_PATH=$unpacked" \
        "-DWANTED=$soversion" -DLANGUAGE=C -DLINKAGE=shared >printed 2>&1
    grep 'were considered but not accepted' printed
}

debuggers_find_the_functions_in_the_symbol_file() {
    "${prefix}objdump" --section=.gnu_debuglink --full-contents "$unpacked/bin/$dll" | grep -F zignsec
    "${prefix}nm" "$unpacked/bin/$dll.debug" | grep -E ' T _?zs_client_new$'
    "${prefix}objdump" --headers "$unpacked/bin/$dll.debug" | grep -F .debug_line
}

"$root/ffi-c/packaging/windows.sh" "$row" "$work"
mkdir "$work/an empty folder"
unzip -q "$work/$release.zip" -d "$work/an empty folder"
export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}

for name in the_same_commit_gives_the_same_bytes the_files_of_the_archive \
    no_file_contains_a_path_of_this_machine the_dll_exports_the_functions_of_the_header \
    the_dll_needs_only_what_is_part_of_windows the_dll_is_hardened the_dll_has_a_version \
    the_c_program_of_the_readme the_c_program_of_the_readme_with_the_library_for_microsofts_linker \
    a_program_of_microsofts_kind_of_linker the_cpp_program_of_the_readme pkg_config_shared \
    pkg_config_static cmake_c_shared cmake_c_static cmake_cpp_shared cmake_cpp_static \
    debuggers_find_the_functions_in_the_symbol_file; do
    check "$name"
done
# On 64-bit systems there is one convention.
[ "$row" != i686-pc-windows-gnu ] ||
    check another_default_calling_convention_changes_nothing
skipped=0
if command -v "$other" >/dev/null; then
    check cmake_refuses_the_other_width
else
    skipped=1
    echo "skipped: cmake_refuses_the_other_width: $other is not installed"
fi
echo "size: $(stat -c %s "$unpacked/bin/$dll")"
echo "$row: $run run, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
