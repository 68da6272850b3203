#!/usr/bin/env bash
# Checks all shell scripts with shellcheck, if it is installed.
. "$(dirname "$0")/../common.sh"
command -v shellcheck >/dev/null || exit 0
step "shell scripts"
git ls-files '*.sh' .ci/run | xargs shellcheck
