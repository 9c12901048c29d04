#!/bin/bash
# The bench program: every operation runs, the JSON is JSON, what cannot be measured is said, bad arguments are told.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120

set -u
builddir=$(cd "${builddir:-.}" && pwd)
bench=$builddir/tests/bench/bench
quick=(--seconds 0.001 --repetitions 2)
command -v jq >/dev/null || { echo '1..0 # SKIP no jq (Debian: apt-get install jq)'; exit 0; }
T=$(mktemp -d "$builddir/qaio-test.XXXXXX") || exit 99
trap 'rm -rf "$T"' EXIT

tap_n=0
# ok NAME: one TAP line from the status of the command before it
ok() {
    local status=$? verdict=ok
    tap_n=$((tap_n + 1))
    [ $status = 0 ] || verdict='not ok'
    echo "$verdict $tap_n - $1"
}

# run OPTION...: into $T/out and $T/err, the exit status into $rc
run() {
    rc=0
    "$bench" "$@" >"$T/out" 2>"$T/err" || rc=$?
}

# is_true EXPRESSION: of the JSON of the last run
is_true() {
    [ "$(jq "$1" "$T/out" 2>&1)" = true ] || { echo "# not so: $1"; head -n 3 "$T/err" | sed 's/^/# /'; return 1; }
}

# is_refused WORD OPTION...: exit status 2, and one line that has the word in it
is_refused() {
    local word=$1
    shift
    run "$@"
    if [ $rc != 2 ] || [ -s "$T/out" ] || [ "$(wc -l <"$T/err")" != 1 ] || ! grep -q -- "$word" "$T/err"; then
        echo "# bench $*: exit status $rc, $(cat "$T/out" "$T/err")"
        return 1
    fi
}

echo 1..14

run --list
[ $rc = 0 ] && cut -d' ' -f1 "$T/out" | sort >"$T/names" && [ "$(wc -l <"$T/names")" -gt 40 ] &&
    [ -z "$(uniq -d "$T/names")" ]
ok '--list: names, each once'

run "${quick[@]}" --json
[ $rc = 0 ] && jq -r '.operations[].name' "$T/out" | sort | diff - "$T/names" | sed 's/^/# /' | { ! grep .; }
ok '--json has every operation'
is_true '.operations | all(.left_out or (.median_ns > 0 and .samples == 2 and .getpids > 0))'
ok 'each has a time, or a reason'
is_true '.operations | map(.left_out // empty) | all(test("io_uring|asm backend|ThreadSanitizer"))'
ok 'only what a kernel, a build or a processor can lack is left out'
is_true '.operations | all(.left_out or (.min_ns <= .q1_ns and .q1_ns <= .median_ns and .median_ns <= .q3_ns and
    .q3_ns <= .max_ns))'
ok 'the times are in order'
is_true '(.ratios | length >= 1 and all(.ratio > 0 and .goal >= 1)) and (.environment | all(type == "string"))'
ok 'ratios that have a goal, and what the build is'

run "${quick[@]}" --only 'coroutine.nest-10*'
[ $rc = 0 ] && grep -q '^coroutine.nest-1000.ucontext  *[0-9.]* ' "$T/out" && grep -q '^yardstick.getpid ' "$T/out" &&
    ! grep -q '^bh' "$T/out" && grep -qE '^nesting .*goal: at most 2|ThreadSanitizer' "$T/out"
ok '--only, and the table'

(ulimit -n 200 && run "${quick[@]}" --json --only aio_poll.epoll && [ $rc = 0 ] &&
    is_true '.operations | map(select(.left_out) | .name) |
        . == ["aio_poll.epoll.idle-1000.none", "aio_poll.epoll.idle-1000.ready"]')
ok 'what needs more descriptors than the limit is left out, the rest is not'

run --json "${quick[@]}" --only notifier
is_true '.operations | length == 2 and .[0].name == "yardstick.getpid"' && [ ! -s "$T/err" ]
ok 'the yardstick is always measured'

if [ -n "${QAIO_PRELOAD-}" ]; then
    echo "ok $((tap_n += 1)) - a crash is told # SKIP sanitizers need the memory that is limited"
else
    (ulimit -c 0 && ulimit -v 400000 && run "${quick[@]}" --json --only nest && [ $rc = 1 ] &&
        grep -q '^bench: coroutine.nest-10000.ucontext died of signal 6' "$T/err" &&
        is_true '.operations[] | select(.name == "coroutine.nest-100.ucontext") | .median_ns > 0')
    ok 'a crash is told, and the others are measured'
fi

run --help
[ $rc = 0 ] && for o in json list only repetitions seconds; do grep -q -- "--$o" "$T/out" || exit 1; done
ok '--help'

is_refused "'nonesuch'" --only nonesuch && is_refused "'stray'" stray && is_refused 'wrong' --wrong
ok 'arguments that mean nothing are refused'
is_refused repetitions --repetitions=0 && is_refused repetitions --repetitions=10001 &&
    is_refused seconds --seconds=0 && is_refused seconds --seconds=nan && is_refused seconds --seconds=x && is_refused 'icount' --icount
ok 'values out of range are refused'

"$bench" --list >/dev/full 2>"$T/err"
[ $? = 1 ] && grep -q '^bench: cannot write' "$T/err"
ok 'output that cannot be written is told'
