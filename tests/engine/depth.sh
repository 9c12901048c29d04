#!/bin/bash
# depth.sh - depths 1 to 4096 with every way of batching submissions and completions: each request is done
# exactly once and the queue really gets as deep as was asked for.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

# iodepth, then fio's options.
cases='
1
1    --iodepth_batch_complete_min=0
2    --iodepth_batch=2
31   --iodepth_batch=7
32   --iodepth_batch=32 --iodepth_batch_complete_min=32
32   --iodepth_batch=8 --iodepth_batch_complete_min=8 --iodepth_batch_complete_max=16
64   --iodepth_batch=16 --iodepth_batch_complete_min=0
64   --iodepth_batch=16 --iodepth_batch_complete_min=0 --iodepth_batch_complete_max=64
64   --iodepth_batch_submit=3 --iodepth_low=4
128
128  --iodepth_batch=200
128  --iodepth_batch_complete_max=128 --iodepth_low=64
1024 --iodepth_batch=64 --iodepth_batch_complete_min=1
1024 --iodepth_batch=1024 --iodepth_batch_complete_min=0
4096
4096 --iodepth_batch=512 --iodepth_batch_complete_max=512 --iodepth_low=2048
4096 --iodepth_batch=64 --iodepth_batch_complete_min=8 --thread=1
'
plan $((2 * $(grep -c . <<<"$cases") + 3))
target loop512 32 || target ext 32 || skip_all "$why"

# fio's histogram adds up to all samples, and more than half of them lie in the bucket of the depth. With
# iodepth_low or iodepth_batch_complete_* fio itself keeps the queue shorter at times: no second question then.
reaches() {
    local depth=$1 bucket=1
    is_so '.jobs[0].iodepth_level | add | . > 99 and . < 101' || return
    [[ $2 != *low=* && $2 != *complete_m* ]] || return 0
    while [ $((bucket * 2)) -le "$depth" ] && [ "$bucket" -lt 64 ]; do bucket=$((bucket * 2)); done
    [ "$bucket" -lt 64 ] || bucket='>=64'
    is_so ".jobs[0].iodepth_level[\"$bucket\"] > 50"
}

n=0
while read -r depth options; do
    [ -n "$depth" ] || continue
    for rw in randread randwrite; do
        n=$((n + 1))
        fio_run "case$n" --filename="$target" --direct=1 --size=32m --bs=4k --rw=$rw --iodepth="$depth" $options
        is_clean && is_so '.jobs[0] | [.read, .write] | map(.total_ios) | add == 8192' &&
            is_so '.jobs[0] | [.read, .write] | map(.io_bytes) | add == 33554432' &&
            reaches "$depth" "$options"
        ok "$rw at depth $depth $options"
    done
done <<<"$cases"

# Sizes that no batch divides: the rest goes out too.
fio_run rest --filename="$target" --direct=1 --bs=4k --number_ios=1003 --rw=randread --iodepth=64 \
    --iodepth_batch=64 --iodepth_batch_complete_min=64
is_clean && is_so '.jobs[0].read.total_ios == 1003'
ok '1003 requests in batches of 64'

fio_run few --filename="$target" --direct=1 --bs=4k --number_ios=5 --rw=randwrite --iodepth=4096 --iodepth_batch=4096
is_clean && is_so '.jobs[0].write.total_ios == 5'
ok '5 requests at depth 4096 in batches of 4096'

fio_run beyond --filename="$target" --direct=1 --bs=4k --size=32m --rw=randread --iodepth=4096 --qaio_max_events=64
is_clean && is_so '.jobs[0].read.total_ios == 8192'
ok 'depth 4096 with qaio_max_events=64'
finish
