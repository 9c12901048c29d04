# lib.sh - what the tests of printed reports begin with: the program that prints them, and a folder of the test's own,
# which goes when the test does.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash

set -u
print_report=${builddir:?make check sets it}/tests/results/print-report

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}

[ -x "$print_report" ] || skip "qaio-compare is not built here"

dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
