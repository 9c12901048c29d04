#!/bin/bash
# polling.sh - qaio_poll_max_ns: what is written comes back; sleeps become fewer when the loop looks for a while before
# it sleeps; a busy loop makes no system call for a ring found empty; bad values are refused.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's"
plan 17
fio_limit=20
target loop512 32 || target ext 32 || skip_all "$why"
device=$target

# --- Values

base=(--filename="$device" --size=1m --bs=4k --rw=randread --direct=1)
for bad in max_ns=-1 max_ns=1000000001 max_ns=4000000000 grow=-1 grow=1000001 shrink=-1 shrink=1000001; do
    fio_output=normal fio_run refused "${base[@]}" --qaio_poll_$bad
    is_refused "poll_${bad%=*}|min value|max value"
    ok "qaio_poll_$bad is refused"
done
fio_run largest "${base[@]}" --qaio_poll_max_ns=1000000000 --qaio_poll_grow=1000000 --qaio_poll_shrink=1000000
is_clean && is_so '.jobs[0].read.total_ios == 256'
ok 'the largest values'

# --- Data

for options in '--iodepth=1' '--iodepth=32' '--iodepth=32 --iodepth_batch_complete_min=0 --thread=1' \
    '--iodepth=8 --qaio_aio=threads' '--iodepth=4 --qaio_poll_grow=3 --qaio_poll_shrink=2'; do
    fio_run verify --filename="$device" --size=4m --bsrange=4k-64k --rw=randwrite --direct=1 --verify=crc32c \
        --qaio_poll_max_ns=32768 $options
    is_clean && is_so '.jobs[0].read.io_bytes == 4194304'
    ok "verify $options"
done

# --- Sleeps

# waits OPTION...: how many of 4096 reads the loop had to be woken for, in $waits
waits() {
    rm -f "$T/stats.json"
    fio_run waits --filename="$device" --size=16m --bs=4k --rw=randread --direct=1 --iodepth=1 \
        --qaio_stats=stats.json "$@"
    waits=$(jq .eventfd_waits "$T/stats.json")
    is_clean
}

waits --qaio_poll_max_ns=0
without=$waits
waits --qaio_poll_max_ns=1000000
with=$waits
note "woken for $without of 4096 reads without polling, $with with it"
if [ "$without" -lt 1000 ]; then
    skip 'polling saves sleeps' 'this device completes inside io_submit'
    skip 'polling that is too short saves none' 'this device completes inside io_submit'
else
    [ "$with" -lt $((without / 2)) ]
    ok 'polling saves sleeps'
    waits --qaio_poll_max_ns=1
    [ "$waits" -gt $((without / 2)) ]
    ok 'polling that is too short saves none'
fi

# --- System calls. A busy loop: the completions that it finds need no read(2) of the eventfd.

if ! command -v strace >/dev/null; then
    skip 'a busy loop does not read the eventfd' 'needs strace' 2
else
    fio_wrap=(strace -f -qq -e trace=read,ppoll,io_submit -o calls)
    fio_limit=60
    for options in '--iodepth_batch_complete_min=0 --iodepth=8' '--qaio_poll_max_ns=100000000 --qaio_poll_grow=100000 --iodepth=1'; do
        fio_run busy --filename="$device" --size=8m --bs=4k --rw=randread --direct=1 $options
        reads=$(grep -c 'read(.*= 8$' "$T/calls")
        note "$reads reads of 8 bytes, $(grep -c io_submit "$T/calls") calls of io_submit"
        is_clean && [ "$(grep -c io_submit "$T/calls")" -ge 256 ] && [ "$reads" -le 150 ]
        ok "a busy loop does not read the eventfd: $options"
    done
fi
finish
