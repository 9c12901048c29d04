#!/bin/bash
# Runs QEMU 7.2's own unit tests, unmodified, against aiocore; every case of each must pass.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 900
#
# To be run by `make check-qemu`. The source comes from scripts/fetch-qemu, into qemu-source/ of the build
# tree; where it cannot be had, all is skipped. Those with coroutines run with each of the backends.

set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
builddir=$(cd "${builddir:-.}" && pwd)
unset MAKEFLAGS MFLAGS MAKELEVEL
export LC_ALL=C
export TSAN_OPTIONS="${TSAN_OPTIONS-} suppressions=$srcdir/tests/qemu/tsan.supp"

source=$builddir/qemu-source
links=$builddir/tests/qemu/source
log=$(mktemp) || exit 99
trap 'rm -f "$log"' EXIT
number=0

# result STATUS NAME: one TAP line, followed by the end of the log if the status is not 0
result() {
    number=$((number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        tail -n 20 "$log" | sed 's/^/# /'
    fi
}

# build TEST: tests/qemu/TEST of the build tree; tells TAP only of a failure
build() {
    mkdir -p "$links"
    ln -sfn "$source/tests/unit/$1.c" "$links/$1.c"
    make -C "$builddir" "tests/qemu/$1" >"$log" 2>&1 && return
    result 1 "$1 builds"
    return 1
}

# run TEST [VARIABLE=VALUE]: its cases, numbered on; then whether it came to its end with all it had planned
run() {
    local test=$1 name status=0 first=$number planned
    shift
    name=$test${*:+ ($*)}
    env "$@" timeout --kill-after=5 120 "$builddir/tests/qemu/$test" --tap >"$log" 2>&1 </dev/null || status=$?
    if [ $status = 77 ]; then
        number=$((number + 1))
        echo "ok $number - $name # SKIP $(head -n 1 "$log")"
        return
    fi
    while read -r line; do
        [[ $line =~ ^(ok|not ok)\ [0-9]+\ (.*) ]] || continue
        number=$((number + 1))
        echo "${BASH_REMATCH[1]} $number - $name ${BASH_REMATCH[2]}"
    done <"$log"
    planned=$(sed -n 's/^1\.\.\([0-9][0-9]*\).*/\1/p' "$log")
    [ $status = 0 ] && [ "${planned:-0}" -gt 0 ] && [ $((number - first)) = "$planned" ]
    result $? "$name came to its end (exit status $status, ${planned:-no} cases planned, $((number - first)) run)"
}

if ! "$srcdir/scripts/fetch-qemu" "$source" 2>"$log" >&2; then
    echo "1..0 # SKIP no source of QEMU to be had: $(tail -n 1 "$log")"
    exit 0
fi

for test in test-iov test-fdmon-epoll test-thread-pool; do
    build $test && run $test
done
for test in test-coroutine test-aio; do
    build $test || continue
    for backend in asm ucontext; do
        run $test QAIO_COROUTINE=$backend
    done
done
echo "1..$number"
