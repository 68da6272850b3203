#!/usr/bin/env bash
# Creates the virtual environment of the freezers: venv.sh [nuitka]. The wheel of the library is
# installed in it too.
. "$(dirname "$0")/../../common.sh"

folder=$target/freezers
install=("$folder/bin/pip" install --quiet --disable-pip-version-check)
here=tests/python/frozen
if [ ! "$folder/.ready" -nt $here/requirements.txt ]; then
    echo "Installing the freezers into $folder: about 30 seconds." >&2
    "$(freezing_python)" -m venv --clear "$folder"
    "${install[@]}" --require-hashes -r $here/requirements.txt
    touch "$folder/.ready"
fi
if [ "${1:-}" = nuitka ]; then
    # It is published as source code only, and is built with the setuptools that is locked above.
    "${install[@]}" --no-build-isolation --require-hashes -r $here/nuitka/requirements.txt
fi
"${install[@]}" --force-reinstall --no-index "$target"/wheels/zignsec-[0-9]*.whl
