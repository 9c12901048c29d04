#!/bin/bash
# Proves that the module exports what fio looks up and nothing else, and that it stays loaded.
# SPDX-License-Identifier: GPL-2.0-or-later

set -u
so=${QAIO_SO:?the libqaio.so to look at}
number=0
check() {
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number - $1"
    else
        printf 'not ok %d - %s\n# expected: %s\n# found: %s\n' "$number" "$1" "$2" "${3//$'\n'/ }"
    fi
}

echo 1..3
if [ ! -r "$so" ]; then
    echo "Bail out! $so is not there"
    exit 1
fi
# A sanitizer puts symbols of its own beside ours.
check "get_ioengine is the only exported symbol" get_ioengine \
    "$(nm -D --defined-only "$so" | awk '{ print $NF }' | grep -vE '^__(asan|ubsan|tsan|odr_asan)')"
check "the module is never unloaded (NODELETE)" yes \
    "$(readelf -dW "$so" | grep -q NODELETE && echo yes)"
check "functions are bound when they are first called" "" \
    "$(readelf -dW "$so" | grep -E 'BIND_NOW|FLAGS_1.*NOW')"
