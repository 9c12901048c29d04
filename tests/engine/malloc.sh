#!/bin/bash
# malloc.sh - no memory is asked for per I/O: a long run makes as many calls of malloc and its kin as a short run of the
# same job, in the whole process. fio's own libaio engine, counted the same way, is the yardstick.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

[ -z "$QAIO_PRELOAD" ] || skip_all 'a sanitizer has an allocator of its own'
plan 8
build_helper malloc-count -shared || skip_all 'no C compiler'
fio_preload=$helper
target loop512 32 || target ext 32 || skip_all "$why"
device=$target

# calls IOS OPTION...: the number of calls for memory in a run of IOS requests.
calls() {
    local ios=$1
    shift
    rm -f "$T/calls"
    fio_env=(MALLOC_COUNT="$T/calls")
    fio_run counted --filename="$device" --direct=1 --size=32m --bs=4k --norandommap --thread=1 --disk_util=0 \
        --number_ios="$ios" --io_size=100g --time_based=0 "$@"
    fio_env=()
    is_clean && is_so "[.jobs[] | .read.total_ios + .write.total_ios] | add == $ios" && counted=$(cat "$T/calls")
}

# One call per a thousand requests would be too much.
flat() {
    local short long
    calls 2000 "$@" && short=$counted && calls 42000 "$@" && long=$counted || return
    note "$short calls for 2000 requests, $long for 42000: $*"
    [ $((long - short)) -le 40 ]
}

flat --rw=randread --iodepth=1
ok 'depth 1'
flat --rw=randread --iodepth=32
ok 'depth 32'
flat --rw=randwrite --iodepth=128 --iodepth_batch=32
ok 'depth 128 in batches of 32'
flat --rw=randrw --iodepth=512
ok 'depth 512'
if is_qaio; then
    flat --rw=randread --iodepth=1024 --qaio_max_events=64
    ok 'depth 1024 with 64 in flight'
    flat --rw=randread --iodepth=32 --qaio_coroutine=ucontext
    ok 'depth 32 with qaio_coroutine=ucontext'
    flat --rw=randread --iodepth=32 --qaio_loop=select --qaio_coroutine=none
    ok 'depth 32 with qaio_loop=select'
else
    skip 'options' "only qaio's" 3
fi
fio_engine=libaio flat --rw=randread --iodepth=32
ok "yardstick: fio's libaio engine at depth 32"
finish
