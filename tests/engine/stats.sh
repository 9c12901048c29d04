#!/bin/bash
# stats.sh - qaio_stats: one line of JSON per job, whole also when jobs end together; its numbers agree with each other
# and with fio's; and nothing is allocated after warm-up.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's"
plan 23
target loop512 32 || target ext 32 || skip_all "$why"
device=$target
base=(--filename="$device" --direct=1 --size=16m --bs=4k --qaio_stats=stats.json)

counted() {
    rm -f "$T/stats.json"
    fio_run counted "${base[@]}" "$@"
    cp "$T/counted.json" "$T/fio.json"
}

# A jq expression over the array of all lines.
stats_say() {
    local said
    said=$(jq -s -c "$1" "$T/stats.json" 2>&1 | tail -n 1)
    [ "$said" = true ] || { note "not so: $1 ($said)" "$(head -c 900 "$T/stats.json" 2>&1)"; false; }
}

counted --rw=randread --iodepth=8
is_clean && [ "$(wc -l <"$T/stats.json")" = 1 ] && stats_say '.[0] | keys == (["job", "pid", "fio", "requests", "failed",
    "padded_reads", "rmw_writes", "accounts", "io_submit_calls", "batch_histogram", "completions", "completions_histogram", "ring_polls", "ring_polls_empty",
    "eventfd_waits", "eagain", "submit_errors", "coroutines_created", "coroutines_live_max", "allocations",
    "allocations_after_warmup"] | sort)'
ok 'one line with exactly the documented keys'

stats_say ".[0] | .job == \"counted\" and .fio == \"$("$FIO" --version)\" and .pid > 1"
ok 'job, fio, pid'

# Of a job of reads and writes: every request was submitted in some batch and completed in some run; nothing failed.
agrees='(.requests.read + .requests.write) as $n | $n > 0
    and .completions == $n and .failed == 0 and .submit_errors == 0
    and ([.batch_histogram[]] | add) == .io_submit_calls - .eagain
    and ([.batch_histogram | to_entries[] | .value * (.key | tonumber)] | add) >= $n
    and ([.completions_histogram | to_entries[] | .value * (.key | tonumber)] | add) >= $n
    and ([.batch_histogram[]] | add) <= $n
    and .ring_polls >= .ring_polls_empty'
n=0
for options in '--rw=randread --iodepth=1' '--rw=randwrite --iodepth=8' '--rw=randrw --iodepth=32 --iodepth_batch=16' \
    '--rw=randread --iodepth=128 --iodepth_batch=32 --iodepth_batch_complete_min=32' '--rw=randwrite --iodepth=1024' \
    '--rw=randread --iodepth=32 --thread=1' '--rw=randwrite --iodepth=2048 --qaio_max_events=100' \
    '--rw=randread --iodepth=64 --iodepth_batch=64 --qaio_coroutine=ucontext'; do
    counted $options
    is_clean && stats_say ".[0] | $agrees" &&
        stats_say ".[0].requests == {read: $(json '.jobs[0].read.total_ios'), write: $(json '.jobs[0].write.total_ios'), trim: 0, sync: 0}" &&
        stats_say '.[0].allocations_after_warmup == 0' &&
        stats_say ".[0].coroutines_live_max <= $(sed 's/.*--iodepth=\([0-9]*\).*/\1/' <<<"$options") + 1"
    ok "sums agree, nothing allocated after warm-up: $options"
done

counted --rw=randwrite --iodepth=32 --iodepth_batch=16 --iodepth_batch_complete_min=16 --io_size=1m
is_clean && stats_say '.[0] | .io_submit_calls <= 24 and .batch_histogram["16"] >= 8'
ok 'batches of 16 go to the kernel as batches of 16'

counted --rw=randread --iodepth=32 --iodepth_batch=32 --iodepth_batch_complete_min=32 --qaio_max_batch=4 --io_size=1m
is_clean && stats_say '.[0].batch_histogram | (keys - ["1", "2", "4"]) == [] and .["4"] >= 32'
ok 'qaio_max_batch=4 keeps batches to 4'

counted --rw=randread --iodepth=32 --time_based --runtime=2
is_clean && stats_say '.[0] | .allocations_after_warmup == 0 and .completions > 10000'
ok 'nothing allocated in two seconds'

# The accounts agree with what fio saw, and with themselves.
accounted='.accounts as $a | ($a | keys) == ["flush", "read", "unmap", "write"]
    and all($a[]; .invalid == 0 and .merged == 0 and .latency_min_ns <= .latency_avg_ns
        and .latency_avg_ns <= .latency_max_ns and ([.latency_histogram[]] | add // 0) == .operations + .failed
        and (.latency_max_ns as $max | all(.latency_histogram | keys[] | select(. != "more") | tonumber; . <= 2 * $max)))
    and $a.read.operations == .requests.read and $a.write.operations == .requests.write
    and $a.unmap.operations == .requests.trim and $a.flush.operations == .requests.sync'
counted --rw=randrw --iodepth=32
is_clean && stats_say ".[0] | $accounted and .accounts.read.bytes == $(json '.jobs[0].read.io_bytes')
        and .accounts.write.bytes == $(json '.jobs[0].write.io_bytes')
        and .accounts.read.latency_max_ns <= $(json '.jobs[0].read.lat_ns.max')
        and .accounts.read.latency_avg_ns <= $(json '.jobs[0].read.lat_ns.mean')
        and .accounts.read.latency_avg_ns >= $(json '.jobs[0].read.clat_ns.mean') * 0.3"
ok 'accounts of reads and writes'

# Two files: everything through one ring. Trims and syncs are counted apart.
target ext 8 || skip_all "$why"
counted --filename="$target" --size=8m --rw=randwrite --iodepth=8 --fsync=16
is_clean && stats_say ".[0].requests | .write == 2048 and .sync == $(json '.jobs[0].sync.total_ios')"
ok 'fsync is counted as sync'
counted --filename="$target" --size=8m --rw=randwrite --iodepth=8 --fdatasync=16 --number_ios=256
is_clean && stats_say '.[0].requests | .write == 256 and .sync >= 15 and .sync <= 17'
ok 'fdatasync is counted as sync'
counted --filename="$target" --size=8m --rw=trim --iodepth=8
is_clean && stats_say '.[0] | .requests.trim == 2048 and .requests.read == 0 and .completions == 0'
ok 'trims are counted'
counted --filename="$target" --size=8m --rw=randread --iodepth=8 --direct=0
is_clean && stats_say '.[0] | .requests.read == 2048 and .io_submit_calls == 0 and .completions == 0 and .failed == 0'
ok 'direct=0 goes through worker threads, not through io_submit'

for thread in 0 1; do
    counted --rw=randread --iodepth=16 --numjobs=4 --thread=$thread --size=4m
    is_clean && [ "$(wc -l <"$T/stats.json")" = 4 ] && stats_say 'length == 4 and all(.[]; .completions == 1024)' &&
        stats_say "([.[].pid] | unique | length) == $([ $thread = 1 ] && echo 1 || echo 4)" &&
        stats_say 'all(.[]; .allocations_after_warmup == 0)'
    ok "numjobs=4, thread=$thread: four whole lines"
done

target ext 8 || skip_all "$why"
counted --filename="$target" --size=8m --rw=randwrite --iodepth=8 --fsync=32 --number_ios=640
is_clean && stats_say ".[0] | $accounted and .accounts.flush.operations > 4" &&
    counted --filename="$target" --size=8m --rw=randtrimwrite --iodepth=8 --number_ios=640 &&
    is_clean && stats_say ".[0] | $accounted and .accounts.unmap.operations > 100"
ok 'accounts of trims and syncs'
counted --filename="$target" --size=4m --rw=randwrite --iodepth=8 --qaio_loop=select --qaio_coroutine=none
is_clean && stats_say ".[0] | $accounted"
ok 'accounts on the loop before AioContext'
counted --rw=randread --iodepth=8 --qaio_aio=io_uring --iodepth_batch=4
is_clean && stats_say ".[0] | $accounted and $agrees"
ok 'io_uring: sums and accounts agree'
finish
