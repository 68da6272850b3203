# shellcheck shell=bash
# Sourced by every script of the Makefile: where the files are, which tools are installed, and how a
# step is announced. Each script also runs alone, without make.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# Cargo's target directory, as cargo itself reports it: CARGO_TARGET_DIR, CARGO_BUILD_TARGET_DIR and
# build.target-dir in a configuration file are all respected. Everything that is built or written
# goes below it. Exported as an absolute path for the programs that the scripts start.
target=$(cargo metadata --format-version 1 --no-deps |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
[ -n "$target" ] || { echo "cargo metadata reports no target directory" >&2; exit 1; }
export CARGO_TARGET_DIR=$target

# Where Cargo places what it builds: one level deeper if it builds for another target.
# shellcheck disable=SC2034 # used by scripts that source this file
built=$target${CARGO_BUILD_TARGET:+/$CARGO_BUILD_TARGET}

venv=$target/venv
# shellcheck disable=SC2034 # used by scripts that source this file
python=$venv/bin/python
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# The version in the name of the shared library: while the major version is 0, each minor version
# may change the ABI. ffi-c/build.rs uses the same rule.
soversion=${version%.*}
# Not exported: if CC appears or changes, cargo builds the C code of its packages again.
: "${CC:=cc}" "${CXX:=c++}"

export ZIGNSEC_TEST_SANDBOX=$target/debug/zignsec-sandbox
export ZIGNSEC_TEST_VECTORS=$root/tests/vectors
export ZIGNSEC_TEST_CAPTURE=$target/captured
export ZIGNSEC_TEST_PANIC_EXTENSION=$target/panic/debug/lib_zignsec.so
# The caller's own settings must not reach a test.
unset ZIGNSEC_API_KEY ZIGNSEC_SECONDARY_API_KEY ZIGNSEC_BASE_URL ZIGNSEC_ENVIRONMENT

# For all release builds: what is shipped does not contain the path of the builder's Cargo home.
# shellcheck disable=SC2034
release_flags=(--config
    "build.rustflags=[\"--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo\"]")

# shellcheck disable=SC2034
warnings=(-Wall -Wextra -Wpedantic -Werror)
# shellcheck disable=SC2034
includes=("-I$root/include" "-I$root/tests/c")

# step NAME [DURATION]: announces a step and how long it usually takes.
step() {
    printf '\n== %s%s\n' "$1" "${2:+ ($2)}"
}

# Every group of tests that needs more than Cargo, in the order in which `make test` runs them.
# shellcheck disable=SC2034
groups=(gcc clang doxygen c cxx memory python browser freezing packaging platforms counts)

# describe GROUP: what is skipped without its tools, and which tools it needs.
describe() {
    case $1 in
        gcc) echo "the headers with GCC (gcc and g++)" ;;
        clang) echo "the headers with Clang (clang and clang++)" ;;
        doxygen) echo "the documentation of the headers (doxygen)" ;;
        c) echo "C (a C compiler, pkg-config and cJSON)" ;;
        cxx) echo "C++ (a C++ compiler, pkg-config and cJSON)" ;;
        memory) echo "memory checks (C, Valgrind and the sanitizers of GCC)" ;;
        python) echo "Python and the examples (Python 3.10 or later with venv)" ;;
        browser) echo "the gateway in a browser (Python 3.10 or later with venv, and Chromium)" ;;
        freezing) echo "frozen programs (Python 3.11 or later with venv and its shared library)" ;;
        packaging) echo "packaging (Python 3.10 or later with venv, C++, CMake, abidiff and dpkg-dev)" ;;
        platforms) echo "other platforms (to be root, debootstrap and unshare)" ;;
        counts) echo "the cost of a call (Python 3.10 or later with venv, C, Valgrind, strace)" ;;
    esac
}

has_libraries() { pkg-config --exists libcjson; }

# Prints the path of a Python that can freeze programs. PyInstaller needs the shared library of the
# interpreter, which Debian has in a separate package.
freezing_python() {
    local candidate usable
    usable='import ctypes, ensurepip, sys, sysconfig, venv
ctypes.CDLL(sysconfig.get_config_var("INSTSONAME"))
sys.exit(sys.version_info < (3, 11))'
    for candidate in python3 /usr/bin/python3 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3; do
        if "$candidate" -c "$usable" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

probe() {
    case $1 in
        gcc) gcc --version && g++ --version ;;
        clang) clang --version && clang++ --version ;;
        doxygen) doxygen --version ;;
        c) "$CC" --version && has_libraries ;;
        cxx) "$CXX" --version && has_libraries ;;
        memory)
            probe c && valgrind --version &&
                gcc -fsanitize=address,undefined -xc /dev/null -c -o /dev/null
            ;;
        python) python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' ;;
        browser) probe python && chromium --version ;;
        freezing) freezing_python ;;
        packaging)
            probe python && probe cxx && cmake --version && abidiff --version &&
                dpkg-shlibdeps --version
            ;;
        platforms)
            [ "$(id -u)" = 0 ] && command -v unshare &&
                PATH=$PATH:/usr/sbin:/sbin command -v debootstrap
            ;;
        counts) probe python && probe c && valgrind --version && strace --version ;;
    esac
}

# has GROUP: whether its tools are installed.
has() {
    (probe "$1") >/dev/null 2>&1
}

# skip GROUP: prints that it is skipped; an error if ZIGNSEC_TEST_ALL says that nothing may be.
skip() {
    echo "skipped: $(describe "$1")"
    [ -z "${ZIGNSEC_TEST_ALL:-}" ]
}

# require GROUP: ends the script if the tools are missing.
require() {
    if ! has "$1"; then
        skip "$1" || exit 1
        exit 0
    fi
}

# build_debug: the libraries, the sandbox and the program that runs a demo, as the tests use them.
# Cargo prints its progress, because the first build takes minutes.
build_debug() {
    [ -e "$ZIGNSEC_TEST_SANDBOX" ] ||
        echo "Building the C library and the sandbox: the first build takes about 2 minutes." >&2
    cargo build -p zignsec-c -p zignsec-sandbox
    cargo build -p zignsec-sandbox --example demo
    mkdir -p "$target/c" "$target/cpp" "$ZIGNSEC_TEST_CAPTURE"
    link_soname debug
}

# link_soname FOLDER: programs that are linked with -lzignsec load the library by this name.
link_soname() {
    ln -sf libzignsec.so "$target/$1/libzignsec.so.$soversion"
}

# Arguments that link a program with the library of a plain `cargo build`.
# shellcheck disable=SC2034
link_debug=("-L$target/debug" -lzignsec "-Wl,-rpath,$target/debug")
# shellcheck disable=SC2034
test_libraries=(-lcjson -pthread)
