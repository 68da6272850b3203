#!/usr/bin/env bash
# Creates the virtual environment of the Python tests, or updates it if their requirements changed.
. "$(dirname "$0")/../common.sh"

ready=$venv/.ready
requirements=tests/python/requirements.txt
[ "$ready" -nt "$requirements" ] && [ "$ready" -nt tests/python/requirements-tests.txt ] && exit
echo "Installing the Python tools into $venv: about 1 minute." >&2
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
touch "$ready"
