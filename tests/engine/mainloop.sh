#!/bin/bash
# mainloop.sh - qaio_loop=main_loop: what holds for the default loop holds for the main loop (the other tests of the
# engine, run once more); jobs in threads of one process have main loops of their own, and leave nothing behind; what has
# no meaning there is refused.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "qaio_loop is qaio's alone"
suites='verify accounting ddir depth faults malloc signals'
[ -z "${QAIO_BRIEF-}" ] || suites=verify
plan $(($(wc -w <<<"$suites") + 13))
target loop512 32 || target ext 32 || skip_all "$why"
device=$target
base=(--filename="$device" --direct=1 --bs=4k --disk_util=0)

# --- The other tests

for suite in $suites; do
    QAIO_OPTIONS=--qaio_loop=main_loop bash "$(dirname "$0")/$suite.sh" >"$T/$suite.tap" 2>&1 &&
        ! grep -q '^not ok' "$T/$suite.tap" && grep -q '^ok' "$T/$suite.tap" || {
        grep -A 4 '^not ok' "$T/$suite.tap" | sed 's/^/# /'
        false
    }
    ok "$suite.sh with qaio_loop=main_loop"
done

# --- Is it a main loop?

# It has an eventfd for each of its two contexts, and one of GLib's.
if ! command -v strace >/dev/null; then
    skip 'the job sleeps in a main loop' 'needs strace' 2
else
    for loop in main_loop aio_poll; do
        fio_wrap=(strace -f -qq -e trace=ppoll,eventfd2 -o calls)
        fio_run "loop-$loop" "${base[@]}" --size=1m --rw=randread --iodepth=4 --thread=1 --qaio_loop=$loop --qaio_aio=threads
        fio_wrap=()
        is_clean && eventfds=$(grep -c eventfd2 "$T/calls") && note "$loop: $eventfds eventfds, $(grep -c ppoll "$T/calls") sleeps" &&
            case $loop in main_loop) [ "$eventfds" -ge 3 ] ;; *) [ "$eventfds" -eq 1 ] ;; esac
        ok "qaio_loop=$loop makes the loop that it names"
    done
fi

# --- Jobs in one process

load=(--rw=randwrite --verify=crc32c --verify_fatal=1 --size=2m --offset_increment=2m --thread=1 --iodepth=16)
fio_run together "${base[@]}" "${load[@]}" --numjobs=8 --qaio_loop=main_loop
is_clean && is_so '([.jobs[].read.io_bytes] | add) == 16777216'
ok 'eight jobs in threads'

fio_run mixed "${base[@]}" "${load[@]}" --offset=0 --qaio_loop=main_loop \
    --name=second "${base[@]}" --ioengine="$engine" "${load[@]}" --offset=4m --qaio_loop=aio_poll \
    --name=third "${base[@]}" --ioengine="$engine" "${load[@]}" --offset=8m --direct=1 --qaio_aio=threads --qaio_loop=main_loop
is_clean && is_so '([.jobs[].read.io_bytes] | add) == 6291456'
ok 'with a job on aio_poll and one on worker threads'

# The most descriptors that a process has had which runs $1 jobs in threads, one after the other. A job has less than
# eight of its own.
descriptors() {
    local jobs=$1 i now args=() pid
    local job=(--ioengine="$engine" "${base[@]}" --size=64k --rw=read --thread=1 --qaio_loop=main_loop)
    for ((i = 1; i < jobs; i++)); do
        args+=(--name="job$i" --stonewall "${job[@]}")
    done
    fio_start first "${job[@]:1}" "${args[@]}" --name=last --stonewall "${job[@]}" --time_based --runtime=2 --rate_iops=100
    fds=0
    while kill -0 "$fio_pid" 2>/dev/null; do
        pid=$(fio_child)
        now=$(ls "/proc/${pid:-none}/fd" 2>/dev/null | wc -l)
        [ "$now" -le "$fds" ] || fds=$now
        sleep 0.1
    done
    fio_wait
    is_clean
}
descriptors 2 && few=$fds && descriptors 40 && many=$fds && note "at most $few descriptors with 2 jobs, $many with 40" &&
    [ "$few" -gt 8 ] && [ "$many" -lt $((few + 8)) ]
ok 'descriptors do not pile up from job to job'

if ! command -v valgrind >/dev/null || [ -n "$QAIO_PRELOAD" ]; then
    skip 'no memory is left behind' 'needs valgrind, and no sanitizer'
else
    fio_wrap=(valgrind -q --leak-check=full --show-leak-kinds=definite,indirect --num-callers=40 --log-file="$T/leaks")
    fio_limit=90 fio_run leaks "${base[@]}" --size=256k --rw=randread --thread=1 --iodepth=4 --qaio_loop=main_loop
    fio_wrap=()
    is_clean && [ -e "$T/leaks" ] && ! grep -E 'main_loop|g_main_context|aio_context_new|g_source_new' "$T/leaks"
    ok 'no memory is left behind'
fi

# --- What is refused

refused() {
    fio_output=normal fio_run refused "${base[@]}" --size=1m --rw=randread "${@:2}"
    is_refused "$1"
    ok "${*:2}"
}
refused 'bogus|qaio_loop' --qaio_loop=bogus
refused '^qaio: qaio_loop=main_loop needs qaio_fdmon=poll' --qaio_loop=main_loop --qaio_fdmon=epoll
refused '^qaio: qaio_loop=main_loop needs qaio_fdmon=poll' --qaio_loop=main_loop --qaio_fdmon=io_uring
refused '^qaio: qaio_loop=main_loop needs qaio_poll_max_ns' --qaio_loop=main_loop --qaio_poll_max_ns=1000
refused '^qaio: qaio_loop=main_loop needs qaio_poll_max_ns' --qaio_loop=main_loop --qaio_poll_shrink=2
for fdmon in auto poll; do
    fio_run "fdmon-$fdmon" "${base[@]}" --size=1m --rw=randread --qaio_loop=main_loop --qaio_fdmon=$fdmon
    is_clean
    ok "qaio_fdmon=$fdmon goes with it"
done
finish
