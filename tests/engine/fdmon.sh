#!/bin/bash
# fdmon.sh - what is written comes back however the loop waits for descriptors, with completions from the ring's
# eventfd and from worker threads; a way that is not to be had is refused with one line.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "qaio_fdmon is qaio's alone"
plan 15
target ext 8 || skip_all "$why"
load=(--filename="$target" --size=4m --bs=4k --rw=randwrite --verify=crc32c --verify_fatal=1)

# verified NAME OPTION...
verified() {
    local name=$1
    shift
    fio_run "$name" "${load[@]}" "$@"
    # Written once, then read again to verify it.
    is_clean && is_so "([.jobs[].read.io_bytes] | add) == $((4 << 20))"
}

# Whether this build and kernel have qaio_fdmon=$1; the reason is in $why.
has_fdmon() {
    fio_output=normal fio_run "probe-$1" --filename="$target" --size=4k --rw=read --direct=1 --qaio_fdmon="$1"
    why=$(grep -m 1 "^qaio: qaio_fdmon=$1: " "$T/probe-$1.log")
    [ -z "$why" ]
}

for fdmon in auto poll epoll io_uring; do
    has_fdmon $fdmon || {
        is_refused "^qaio: qaio_fdmon=$fdmon: .*io_uring"
        ok "qaio_fdmon=$fdmon is refused with a reason"
        skip "qaio_fdmon=$fdmon" "$why" 2
        continue
    }
    verified $fdmon --direct=1 --iodepth=31 --qaio_fdmon=$fdmon
    ok "qaio_fdmon=$fdmon, depth 31"
    verified $fdmon-sleeps --direct=1 --iodepth=1 --thread=1 --qaio_fdmon=$fdmon
    ok "qaio_fdmon=$fdmon, depth 1, in a thread"
    verified $fdmon-threads --direct=0 --iodepth=8 --qaio_fdmon=$fdmon
    ok "qaio_fdmon=$fdmon, worker threads"
done

fio_output=normal fio_run bogus "${load[@]}" --direct=1 --qaio_fdmon=bogus
is_refused 'bogus|qaio_fdmon'
ok 'qaio_fdmon=bogus is refused'

build_helper no-io_uring -shared
fio_preload=$helper fio_output=normal fio_run forbidden "${load[@]}" --direct=1 --qaio_fdmon=io_uring
is_refused '^qaio: qaio_fdmon=io_uring: .*io_uring'
ok 'io_uring that is not permitted is refused in one line'
fio_preload=$helper verified poll-all-the-same --direct=1 --iodepth=8
ok 'without io_uring the default runs'
finish
