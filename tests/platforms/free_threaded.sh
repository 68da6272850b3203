#!/usr/bin/env bash
# Builds a CPython without a GIL from Debian's source, once, and an extension for it, and runs the
# Python tests with them: free_threaded.sh x86_64-unknown-linux-gnu [PYTEST ARGUMENT]... The
# interpreter is kept in target/platforms.
#
# Debian has no package of that interpreter. The source is the first of $sources that the mirror
# has. PyO3 supports 3.14 and later; it knows the object layout of 3.13 but does not test with it.
. "$(dirname "$0")/../common.sh"
row=${1:?free_threaded.sh ROW}
require python
sources=(sid/python3.14 trixie/python3.13)
# The modules whose libraries have separate development packages.
pkg-config --exists openssl zlib libffi ||
    { echo "free_threaded.sh needs libssl-dev, zlib1g-dev and libffi-dev" >&2; exit 1; }
platforms=$target/platforms
mkdir -p "$platforms"

# fetch SUITE/PACKAGE FOLDER: downloads a source package with its own list of packages, as any user.
# apt verifies its signature.
fetch() {
    local state=$platforms/apt
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$2"
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "http://deb.debian.org/debian ${1%/*} main" >"$state/sources.list"
    cat >"$state/apt.conf" <<CONF
Dir::Etc::sourcelist "$state/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$state/lists";
Dir::Cache "$state/cache";
APT::Sandbox::User "";
CONF
    (
        export APT_CONFIG=$state/apt.conf
        cd "$2"
        apt-get -qq update && apt-get -qq source --download-only "${1#*/}" 2>fetch.log
    ) && ls "$2"/*.orig.tar.xz >/dev/null
}

# build: the interpreter, from the source that fetch found. Debian's own changes concern its packages.
build() {
    local source work=$platforms/python-source
    for source in "${sources[@]}"; do
        rm -rf "$work"
        if fetch "$source" "$work"; then break; fi
        echo "Debian's mirror has no source of $source."
        source=
    done
    [ -n "$source" ] || exit 1
    echo "Building a free-threaded ${source#*/}: about 3 minutes." >&2
    tar -xf "$work"/*.orig.tar.xz -C "$work" --strip-components 1
    (
        cd "$work"
        ./configure --quiet --prefix="$interpreter" --disable-gil --disable-test-modules \
            --with-ensurepip=install
        nice make -s -j"$(nproc)"
        make -s install DESTDIR="$work/installed"
    ) >"$platforms/python-build.log" 2>&1 ||
        { tail -n 20 "$platforms/python-build.log" >&2; exit 1; }
    "$work/installed$interpreter/bin/python3" -c 'import ctypes, ssl, zlib'
    mv "$work/installed$interpreter" "$interpreter"
    rm -rf "$work"
}

step "free-threaded Python" "about 3 minutes, and 5 more for the first build"
interpreter=$platforms/free-threaded
[ -x "$interpreter/bin/python3" ] || build
"$interpreter/bin/python3" -VV

own_venv=$platforms/free-threaded-venv
own=$own_venv/bin/python
version=$("$interpreter/bin/python3" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# These have no wheel for a free-threaded 3.13, and are not built from source here.
left_out=()
ignored=()
if [ "$version" = 3.13 ]; then
    # cryptography needs an exact PyO3, and cffi refuses this version.
    left_out=(trustme cryptography cffi pycparser hypothesis)
    ignored=(test_client_certificate.py test_proxy.py test_tls_roots.py)
    # Its check of the version; the layout of objects of 3.13 is still there.
    export UNSAFE_PYO3_SKIP_VERSION_CHECK=1
fi

# requirements: the locked packages without those that are left out.
requirements() {
    awk -v names=" ${left_out[*]} " '
        /^[a-z]/ { split($1, name, "=="); skip = index(names, " " name[1] " ") }
        !skip' tests/python/requirements-tests.txt
}

if [ ! "$own_venv/.ready" -nt tests/python/requirements-tests.txt ]; then
    "$interpreter/bin/python3" -m venv --clear "$own_venv"
    requirements >"$own_venv/requirements.txt"
    "$own" -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r "$own_venv/requirements.txt"
    touch "$own_venv/.ready"
fi

build_debug
tests/python/venv.sh
# The stable ABI does not exist for this interpreter, so PyO3 builds an extension for its version.
export PYO3_PYTHON=$interpreter/bin/python3 PYO3_BUILD_EXTENSION_MODULE=1
export ZIGNSEC_TEST_PANIC_EXTENSION=$platforms/free-threaded-panic.so
cargo build -p zignsec-py --features __panic
cp "$target/debug/lib_zignsec.so" "$ZIGNSEC_TEST_PANIC_EXTENSION"
rm -rf "$platforms/free-threaded-wheel"
"$venv/bin/maturin" build --locked --profile dev -m py/Cargo.toml -i "$PYO3_PYTHON" \
    --out "$platforms/free-threaded-wheel"
"$own" -m pip install --quiet --force-reinstall --no-index "$platforms"/free-threaded-wheel/*t-*.whl

# These do not depend on the interpreter, or need packages that do not support it.
independent=(examples frozen gateway test_readme.py hosts/test_{celery,eventlet,gevent,mod_wsgi,uwsgi}.py)
for file in "${ignored[@]}"; do
    echo "skipped: $file: trustme needs cryptography, which supports free threading from Python 3.14"
done
export ZIGNSEC_TEST_ROW=$row PATH=$target/debug:$PATH
cd tests/python
"$own" -m pytest -q -n 2 "${independent[@]/#/--ignore=}" "${ignored[@]/#/--ignore=}" "${@:2}"
