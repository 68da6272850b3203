#!/usr/bin/env bash
# Searches the logs that the tests of all languages left for API keys and phone numbers. With
# --clear, deletes the logs of earlier tests instead.
. "$(dirname "$0")/../common.sh"
if [ "${1:-}" = --clear ]; then
    rm -rf "$ZIGNSEC_TEST_CAPTURE"
    exit
fi
require python
step "secrets in logs"
python3 tests/python/captured.py "$ZIGNSEC_TEST_CAPTURE"
