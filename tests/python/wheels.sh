#!/usr/bin/env bash
# Builds the wheels: wheels.sh zignsec|sandbox|all; or wheels.sh installed, which builds the wheel
# of the library and a debug wheel of the sandbox and installs both for the tests.
. "$(dirname "$0")/../common.sh"
tests/python/venv.sh
maturin=("$venv/bin/maturin" build --locked)
wheels=$target/wheels

# For systems as old as Rust's standard library allows: Zig links it against glibc 2.17.
#
# The extension must unwind the stack with the libgcc_s of the system: pthread_exit does, and calls
# the code for unwinding in Rust's functions, which crashes if it uses another unwinder. maturin and
# Zig replace -lgcc_s by a static copy of LLVM's unwinder, but leave the path of the library,
# which comes before the copy. The functions that Rust uses have been in libgcc_s since GCC 4.2. A wheel for
# musl needs the copy: there, pthread_exit does not unwind the stack.
zignsec() {
    local libgcc_s
    libgcc_s=$("$CC" -print-file-name=libgcc_s.so.1)
    rm -f "$wheels"/zignsec-*.whl
    echo "Building the wheel: the first build takes about 3 minutes." >&2
    PATH=$venv/bin:$PATH "${maturin[@]}" --release "${release_flags[@]}" --zig \
        --compatibility manylinux2014 -m py/Cargo.toml --interpreter "$python" \
        --compression-level 9 --out "$wheels" -- -C "link-arg=$libgcc_s"
}

sandbox() {
    rm -f "$wheels"/zignsec_sandbox-*.whl
    "${maturin[@]}" --release "${release_flags[@]}" -m tests/sandbox/Cargo.toml --out "$wheels"
}

# The tests find the sandbox as a user does: as a program of the virtual environment.
installed() {
    zignsec
    rm -rf "$target/wheels-dev"
    "${maturin[@]}" --profile dev -m tests/sandbox/Cargo.toml --out "$target/wheels-dev"
    "$python" -m pip install --quiet --force-reinstall --no-index \
        "$wheels"/zignsec-[0-9]*.whl "$target"/wheels-dev/zignsec_sandbox-*.whl
}

case $1 in
    zignsec | sandbox | installed) "$1" ;;
    all) zignsec; sandbox ;;
    *) echo "usage: $0 zignsec|sandbox|all|installed" >&2; exit 2 ;;
esac
