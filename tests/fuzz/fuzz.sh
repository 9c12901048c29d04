#!/bin/bash
# Fuzzes the targets, all at the same time, for some seconds with libFuzzer, starting from their corpora; speaks TAP.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: fuzz.sh BUILD SECONDS [TARGET...]
#
# BUILD was configured for it:
#   ../configure CC=clang --disable-lto CFLAGS='-g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
# A target is tests/fuzz/fuzz-NAME, made of fuzz-NAME.c; its corpus is tests/fuzz/corpus/NAME, which ./check
# replays. What makes it fail is left in BUILD: mend what is wrong, and put it into the corpus. What was found
# on the way is in BUILD/fuzz-NAME.found; this takes over what is worth keeping of it:
#   BUILD/tests/fuzz/fuzz-NAME -merge=1 tests/fuzz/corpus/NAME BUILD/fuzz-NAME.found

set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
[ $# -ge 2 ] || { echo "usage: $0 BUILD SECONDS [TARGET...]" >&2; exit 2; }
cd "$1" || exit 2
seconds=$2
shift 2
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(make -s print-tests | sed -n 's,^tests/fuzz/fuzz-,,p')

# The long way in for libFuzzer, which cannot guess words.
dictionary() {
    [ ! -f "$top/tests/fuzz/$1.dict" ] || echo "-dict=$top/tests/fuzz/$1.dict"
}

fuzz() {
    local name=$1 found=$PWD/fuzz-$1.found
    mkdir -p "$found" || return 1
    # shellcheck disable=SC2046 # no word or one
    G_SLICE=always-malloc "tests/fuzz/fuzz-$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 \
        -max_len=65536 -print_final_stats=1 $(dictionary "$name") -artifact_prefix="fuzz-$name-" \
        "$found" "$top/tests/fuzz/corpus/$name" >"fuzz-$name.log" 2>&1
}

if ! make -s -j"$(nproc)" FUZZ_MAIN=-fsanitize=fuzzer "${targets[@]/#/tests/fuzz/fuzz-}" >fuzz-make.log 2>&1; then
    tail -n 30 fuzz-make.log
    echo "Bail out! the targets do not build"
    exit 1
fi
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM HUP
pids=()
for name in "${targets[@]}"; do
    fuzz "$name" &
    pids+=($!)
done

echo "1..${#targets[@]}"
failed=0
for i in "${!targets[@]}"; do
    name=${targets[i]}
    if wait "${pids[i]}"; then
        echo "ok $((i + 1)) fuzz-$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "fuzz-$name.log") inputs"
    else
        tail -n 30 "fuzz-$name.log" | sed 's/^/# /'
        echo "not ok $((i + 1)) fuzz-$name"
        failed=1
    fi
done
exit $failed
