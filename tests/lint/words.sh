#!/usr/bin/env bash
# Searches all files for phrases that the vocabulary of the project excludes, see CONTRIBUTING.md.
. "$(dirname "$0")/../common.sh"
require python
step "vocabulary" "a few seconds"
python3 tests/lint/words.py
