#!/usr/bin/env bash
# Builds and runs the C and C++ tests for another platform: c.sh ROW [TEST]..., a Rust target; all
# tests by default.
. "$(dirname "$0")/../common.sh"
row=${1:?c.sh ROW}
# Programs for Linux run next to a sandbox of this machine, also under QEMU.
if [ ! -e /zignsec/system ] && [[ $row != *-windows-* ]]; then
    cargo build -p zignsec-sandbox
fi
. "$(dirname "$0")/target.sh"
only=("${@:2}")
step "C and C++ tests: $row" "about 5 minutes"

folder=$target/platforms/c/$row
capture=$folder/captured
mkdir -p "$folder/panic" "$folder/static" "$capture" "$folder/include"

# A Windows program finds everything on drive Z.
drive=
exe=
libraries=(-pthread)
packages=(-p zignsec-c)
case $row in
    *-windows-*)
        drive=Z: exe=.exe
        libraries=(-static -lws2_32 -lpthread)
        packages+=(-p zignsec-sandbox)
        ;;
esac

# ---- the libraries ----

# take FOLDER: copies the library that was built, under the name by which programs load it.
take() {
    case $row in
        *-windows-*)
            cp "$output/zignsec.dll" "$1/zignsec-$soversion.dll"
            cp "$output/libzignsec.dll.a" "$1/"
            ;;
        *) cp "$output/libzignsec.so" "$1/libzignsec.so.$soversion" ;;
    esac
    cp "$output/libzignsec.a" "$1/"
}

# build [OPTION]...: the libraries and, for Windows, the sandbox. For musl, the flag that makes a
# shared library possible applies to everything that it is made of.
build() {
    cargo build "${cargo_flags[@]}" "${packages[@]}" "$@"
    [[ $row == *-musl ]] || return 0
    local flags=CARGO_TARGET_${name^^}_RUSTFLAGS
    env "$flags=-L $musl -C target-feature=-crt-static" \
        cargo rustc "${cargo_flags[@]}" -p zignsec-c --crate-type cdylib "$@"
}
started=$SECONDS
build --features zignsec-c/__panic
take "$folder/panic"
build
take "$folder"
echo "$row: built in $((SECONDS - started)) seconds"

# How programs are linked with the library, and run with it.
case $row in
    *-windows-*)
        link_shared=("-L$folder" -l:libzignsec.dll.a)
        # What rustc reports with --print native-static-libs.
        link_static=(-lbcrypt -ladvapi32 -lkernel32 -lntdll -luserenv -lws2_32 -ldbghelp)
        export ZIGNSEC_TEST_SANDBOX=$drive$output/zignsec-sandbox.exe
        ;;
    *-musl)
        link_shared=("$folder/libzignsec.so.$soversion")
        # Without the option, the unwinder finds nothing in a static program.
        link_static=(-static "-Wl,--eh-frame-hdr" "$musl/libzignsec_unwind.a")
        ;;
    *)
        link_shared=("$folder/libzignsec.so.$soversion")
        link_static=(-lm -ldl -lgcc_s)
        ;;
esac
export ZIGNSEC_TEST_VECTORS=$drive$root/tests/vectors ZIGNSEC_TEST_CAPTURE=$drive$capture
export RUST_BACKTRACE=0

# ---- the programs ----

ln -sfn "$(echo /usr/src/cjson-*/)" "$folder/include/cjson"
options=("${warnings[@]}" "${includes[@]}" "-isystem" "$folder/include")
"$compiler" -std=c99 -c /usr/src/cjson-*/cJSON.c -o "$folder/cJSON.o"
"$compiler" -std=c99 "${options[@]}" -c tests/c/sandbox.c -o "$folder/sandbox.o"

skipped=()
run=0 failed=0
# skip TEST WHY
skip() { skipped+=("$1: $2"); }
is_wanted() { [ ${#only[@]} = 0 ] || [[ " ${only[*]} " == *" $1 "* ]]; }

# execute NAME FOLDER COMMAND...: runs it with the library of that folder.
execute() {
    local test=$1 library=$2 log=$folder/${1//[^A-Za-z0-9_+]/-}.txt status=0
    local begin=$SECONDS
    shift 2
    run=$((run + 1))
    (
        case $row in
            *-windows-*) cd "$library" ;;
            *) export LD_LIBRARY_PATH=$library ;;
        esac
        timeout 900 "$@"
    ) >"$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        failed=$((failed + 1))
        tail -n 20 "$log"
        echo "FAILED  $test: exit status $status"
    else
        grep -v '^skipped: ' "$log" | tail -n 5 || true
        echo "passed  $test, $((SECONDS - begin)) s"
    fi
    while read -r line; do skip "$test, ${line%%: *}" "${line#*: }"; done < <(
        sed -n 's/^skipped: //p' "$log" | sort -u
    )
}

# build_c NAME PROGRAM LINK...
build_c() {
    "$compiler" -std=c99 "${options[@]}" "tests/c/$1.c" "$folder/sandbox.o" "$folder/cJSON.o" \
        -o "$2$exe" "${@:3}" "${libraries[@]}"
}

# c NAME: with the shared library.
c() {
    is_wanted "$1" || return 0
    if build_c "$1" "$folder/$1" "${link_shared[@]}"; then
        execute "tests/c/$1.c" "$folder" "${runner[@]}" "$folder/$1$exe"
    else
        run=$((run + 1)) failed=$((failed + 1))
        echo "FAILED  tests/c/$1.c: does not compile"
    fi
}

# cpp NAME: in both standards.
cpp() {
    is_wanted "cpp/$1" || return 0
    local standard
    for standard in c++17 c++20; do
        "$cxx" "-std=$standard" "${options[@]}" -Wconversion "tests/cpp/$1.cpp" \
            "$folder/sandbox.o" "$folder/cJSON.o" -o "$folder/cpp-$1$exe" "${link_shared[@]}" \
            "${libraries[@]}"
        execute "tests/cpp/$1.cpp, $standard" "$folder" "${runner[@]}" "$folder/cpp-$1$exe"
    done
}

# c_static NAME: with the static library.
c_static() {
    is_wanted "$1" || return 0
    build_c "$1" "$folder/static/$1" "$folder/libzignsec.a" "${link_static[@]}"
    execute "tests/c/$1.c, static" "$folder/static" "${runner[@]}" "$folder/static/$1$exe"
}

# ---- the headers, alone ----

headers() {
    local standard before
    printf '#include <windows.h>\n' >"$folder/before.h"
    for standard in c99 c11 c17 c23; do
        "$compiler" "-std=$standard" "${options[@]}" -fsyntax-only -Wc++-compat tests/c/header.c
        "$compiler" "-std=$standard" "${options[@]}" -fsyntax-only tests/c/layout.c
    done
    [ -n "$cxx" ] || return 0
    for standard in c++11 c++14 c++17 c++20; do
        "$cxx" "-std=$standard" "${options[@]}" -fsyntax-only -x c++ tests/c/header.c
    done
    for standard in c++17 c++20; do
        "$cxx" "-std=$standard" "${options[@]}" -fsyntax-only -Wconversion tests/cpp/header.cpp
    done
    # Programs include the header of Windows first, with all its macros, and may have another
    # calling convention as their default.
    [[ $row == *-windows-* ]] || return 0
    before=(-include "$folder/before.h" -fsyntax-only)
    # GCC's own C++ headers do not compile with another default.
    [[ $row != i686-* ]] ||
        "$compiler" -std=c99 "${options[@]}" "${before[@]}" -mrtd tests/c/header.c
    "$compiler" -std=c99 "${options[@]}" "${before[@]}" tests/c/header.c
    "$cxx" -std=c++17 "${options[@]}" "${before[@]}" tests/cpp/header.cpp
}
if is_wanted headers; then
    headers
    run=$((run + 1))
    echo "passed  the headers alone"
fi

# ---- the tests ----

for name in contract layout old_caller vectors typed faults interrupts waiting logging process \
    memory threads leaks; do
    c "$name"
done
for name in contract interrupts; do c_static "$name"; done

# Without the library: it is loaded.
if is_wanted loading; then
    dl=()
    [[ $row == *-windows-* ]] || dl=(-ldl)
    build_c loading "$folder/loading" "${dl[@]}"
    execute tests/c/loading.c "$folder" "${runner[@]}" "$folder/loading$exe"
fi

# A library that panics on demand.
if is_wanted panic; then
    build_c contract "$folder/panic/shared" "${link_shared[@]}"
    build_c contract "$folder/panic/static" "$folder/panic/libzignsec.a" "${link_static[@]}"
    for name in shared static; do
        ZIGNSEC_TEST_PANIC=1 execute "tests/c/contract.c, with a $name library that panics" \
            "$folder/panic" "${runner[@]}" "$folder/panic/$name$exe"
    done
fi

# posix NAME: a program that uses what Windows does not have.
posix() {
    case $row in
        *-windows-*) skip "tests/c/$1.c" "$2" ;;
        *) c "$1" ;;
    esac
}
posix forks "fork"
case $row in
    *-musl) skip tests/c/exit.c "__cxa_thread_atexit_impl, which musl does not have" ;;
    *) posix exit "fork and a replaced getaddrinfo" ;;
esac
posix thread_cancel "pthread_cancel of a thread in the library"
posix lookups "fork and a replaced getaddrinfo"
if [ -n "$emulator" ]; then
    skip tests/c/low_memory.c "the limit would be that of QEMU too"
else
    posix low_memory "RLIMIT_AS"
fi
posix exhausted "RLIMIT_NOFILE"
skip tests/c/privileged.c "set-user-ID programs; tested on this machine's platform"
skip tests/c/pid_namespace.c "PID namespaces; tested on this machine's platform"

if [ -n "$cxx" ]; then
    cpp contract
    cpp waiting
    case $row in
        *-windows-*) skip tests/cpp/exit.cpp "the order in which a process ends" ;;
        *) cpp exit ;;
    esac
else
    skip tests/cpp "no C++ compiler for musl in Debian"
fi

# ---- the examples and the README ----

# program README LANGUAGE: the first program of that language.
program() { sed -n "/^\`\`\`$2\$/,/^\`\`\`\$/p" "$1" | sed '1d; /^```$/,$d'; }

examples() {
    local ready
    coproc sandbox { "${sandbox_runner[@]}" "$ZIGNSEC_TEST_SANDBOX" --port 0 --json; }
    # shellcheck disable=SC2154 # set by coproc
    read -r ready <&"${sandbox[0]}"
    [[ $ready =~ '"url":"'([^\"]*) ]] && ZIGNSEC_BASE_URL=${BASH_REMATCH[1]}
    [[ $ready =~ '"api_key":"'([^\"]*) ]] && ZIGNSEC_API_KEY=${BASH_REMATCH[1]}
    export ZIGNSEC_BASE_URL ZIGNSEC_API_KEY
    program README.md c >"$folder/readme.c"
    for source in examples/c/*.c "$folder/readme.c"; do
        "$compiler" -std=c99 "${options[@]}" -Wconversion "$source" \
            -o "$folder/$(basename "$source" .c)$exe" "${link_shared[@]}" "${libraries[@]}"
    done
    # This number is accepted at once.
    for name in phone_2fa demo; do
        execute "examples/c/$name.c" "$folder" "${runner[@]}" "$folder/$name$exe" +46701740606
    done
    execute "the C program of README.md" "$folder" "${runner[@]}" "$folder/readme$exe"
    if [ -n "$cxx" ]; then
        program README.md cpp >"$folder/readme.cpp"
        for source in examples/cpp/*.cpp "$folder/readme.cpp"; do
            "$cxx" -std=c++17 "${options[@]}" -Wconversion "$source" \
                -o "$folder/cpp-$(basename "$source" .cpp)$exe" "${link_shared[@]}" "${libraries[@]}"
        done
        execute examples/cpp/phone_2fa.cpp "$folder" "${runner[@]}" "$folder/cpp-phone_2fa$exe" \
            +46701740606
        execute "the C++ program of README.md" "$folder" "${runner[@]}" "$folder/cpp-readme$exe"
    fi
    unset ZIGNSEC_BASE_URL ZIGNSEC_API_KEY
    # The sandbox ends at the end of its input.
    local input=${sandbox[1]}
    exec {input}>&-
    wait "${sandbox_PID:-}" || true
}
sandbox_runner=()
[[ $row != *-windows-* ]] || sandbox_runner=("${runner[@]}")
if is_wanted examples; then examples; fi

for each in "${skipped[@]}"; do echo "skipped: $each"; done
echo "$row: $run run, $failed failed, ${#skipped[@]} skipped"
[ "$failed" = 0 ]
