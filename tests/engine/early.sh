#!/bin/bash
# early.sh - qaio_loop=select with qaio_coroutine=none: a job runs on the loop before AioContext, each request by a
# system call of its own; what is written comes back, the counts agree, refusals and signals are dealt with, and options
# that mean nothing there are refused with one line.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 240
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "qaio_loop is qaio's alone"
plan 55
target loop512 16 || target ext 16 || skip_all "$why"
device=$target
target ext 8 || skip_all "$why"
file=$target
early=(--qaio_loop=select --qaio_coroutine=none --direct=1 --bs=4k)

# early_run NAME OPTION...
early_run() {
    local name=$1
    shift
    rm -f "$T/stats"
    fio_run "$name" "${early[@]}" --qaio_stats="$T/stats" "$@"
}

# stats_say EXPRESSION: true of the array of all jobs' statistics
stats_say() {
    local last
    last=$(jq -sc "$1" "$T/stats" 2>&1)
    [ "$last" = true ] || { note "not so in qaio_stats: $1 ($last)"; false; }
}

# Each request was one call that took one request, and nothing was allocated for it.
one_call_each() {
    stats_say 'all(.[]; (.requests.read + .requests.write) as $n | .io_submit_calls == $n and .completions == $n and
               .batch_histogram == {"1": $n} and .failed == 0 and .eagain == 0 and .eventfd_waits > 0 and
               .ring_polls == 0 and .coroutines_created == 0 and .allocations_after_warmup == 0)'
}

# --- What is written comes back

for where in "$device" "$file"; do
    for options in '--iodepth=1' '--iodepth=7' '--iodepth=32 --iodepth_batch=16' '--iodepth=1024' \
        '--iodepth=32 --thread=1' '--iodepth=64 --iodepth_batch_complete_min=0' \
        '--iodepth=64 --iodepth_batch_complete_min=16 --iodepth_batch_complete_max=64'; do
        early_run verify --filename="$where" --size=8m --rw=randwrite --verify=crc32c --verify_fatal=1 $options
        # Written once, then read again to verify it.
        is_clean && is_so ".jobs[0].read.io_bytes == $((8 << 20))" && one_call_each
        ok "verified on ${where##*/}: $options"
    done
done

early_run mixed --filename="$file" --size=8m --rw=randrw --bsrange=4k-64k --iodepth=32 --verify=md5
is_clean && one_call_each
ok 'reads and writes of 4k to 64k'

mkdir "$T/many"
early_run many --directory="$T/many" --nrfiles=64 --openfiles=8 --filesize=64k --size=4m --rw=randwrite --iodepth=32 \
    --verify=crc32c --loops=2
is_clean && one_call_each
ok 'sixty-four files, eight of them open'

for thread in 0 1; do
    early_run jobs --directory="$T/many" --numjobs=4 --thread=$thread --size=2m --rw=randwrite --iodepth=16 \
        --verify=crc32c
    is_clean && stats_say 'length == 4' && one_call_each
    ok "four jobs, thread=$thread: a loop of its own for each"
done

fio_run beside "${early[@]}" --filename="$file" --size=4m --rw=randread --iodepth=16 --thread=1 \
    --name=other --ioengine="$engine" --filename="$file" --size=4m --bs=4k --direct=1 --rw=randread --iodepth=16 --thread=1
is_clean && is_so '[.jobs[].read.total_ios] == [1024, 1024]'
ok 'beside a job on the default loop in the same process'

# --- Depth, and more than the kernel is asked to take

early_run deep --filename="$device" --size=16m --rw=randread --iodepth=128
is_clean && is_so '.jobs[0] | .read.total_ios == 4096 and .iodepth_level[">=64"] > 50' && one_call_each
ok 'the queue gets as deep as was asked for'

early_run beyond --filename="$device" --size=16m --rw=randread --iodepth=1024 --qaio_max_events=16
is_clean && is_so '.jobs[0].read | .total_ios == 4096 and .slat_ns.N == 4096 and .clat_ns.N == 4096' && one_call_each
ok 'depth 1024 with qaio_max_events=16: the rest waits'

# --- Accounting

for ddir in read write; do
    early_run "lat-$ddir" --filename="$device" --size=16m --rw=rand$ddir --iodepth=32
    is_clean && is_so ".jobs[0].$ddir | .slat_ns.N == .total_ios and .clat_ns.N == .total_ios and
        .lat_ns.N == .total_ios and .slat_ns.min > 0 and .clat_ns.min > 0" &&
        is_so ".jobs[0].$ddir | .lat_ns.mean as \$l | (.slat_ns.mean + .clat_ns.mean - \$l) |
               fabs <= ([10, \$l / 1000] | max)"
    ok "slat, clat and lat of ${ddir}s"
done

# Waiting for one's turn is waiting for submission, not for the device: with one in flight nearly all of the time.
early_run waits --filename="$device" --size=4m --rw=randread --iodepth=32 --qaio_max_events=1
is_clean && is_so '.jobs[0].read | .slat_ns.mean > 3 * .clat_ns.mean'
ok 'the time without room is slat'

did='[.jobs[] | {e: .error, r: .read.total_ios, rb: .read.io_bytes, w: .write.total_ios, wb: .write.io_bytes,
      t: .trim.total_ios, tb: .trim.io_bytes, s: .sync.total_ios}]'
same_as_libaio() {
    local name=$1 theirs ours
    shift
    fio_engine=libaio fio_run reference --direct=1 --bs=4k "$@"
    theirs=$(jq -c "$did" "$T/reference.json")
    early_run ours "$@"
    ours=$(jq -c "$did" "$T/ours.json")
    is_clean && [ "$ours" = "$theirs" ] || { note "libaio: $theirs" "ours:   $ours"; false; }
    ok "like libaio: $name"
}
same_as_libaio 'fsync=4' --filename="$file" --size=4m --rw=write --fsync=4 --iodepth=16
same_as_libaio 'fdatasync=8 in batches' --filename="$file" --size=4m --rw=randwrite --fdatasync=8 --iodepth=16 --iodepth_batch=8
same_as_libaio 'end_fsync=1' --filename="$file" --size=4m --rw=write --end_fsync=1 --iodepth=8
same_as_libaio 'sync_file_range' --filename="$file" --size=4m --rw=write --sync_file_range=write:8 --iodepth=8
case $device in
/dev/*)
    same_as_libaio 'trim' --filename="$device" --size=16m --bs=64k --rw=trim --iodepth=8
    same_as_libaio 'trimwrite' --filename="$device" --size=16m --bs=64k --rw=trimwrite --iodepth=8
    ;;
*) skip 'like libaio: trim and trimwrite' 'needs a loop device' 2 ;;
esac
early_run trimmed --filename="$file" --size=8m --rw=trim --iodepth=8
is_clean && stats_say '.[0] | .requests.trim == 2048 and .io_submit_calls == 0' && [ "$(du -k "$file" | cut -f 1)" -lt 64 ]
ok 'trims of a file make holes'

early_run stable --filename="$file" --size=1m --rw=write --iodepth=4 --qaio_cache=directsync --verify=crc32c
is_clean
ok 'qaio_cache=directsync'

# --- Refusals by the kernel

if build_helper io_submit-fault -shared; then
    fio_preload=$helper
    go_on='--continue_on_error=all --ignore_error=EINVAL,EINVAL'
    faulty() {
        rm -f "$T/fault.log"
        fio_env=($1 FAULT_LOG="$T/fault.log")
        shift
        early_run faulty --filename="$device" --size=16m --iodepth=32 "$@"
        fio_env=()
    }
    injected() {
        grep -cx "$1" "$T/fault.log" 2>/dev/null
    }
    for faults in FAULT_EAGAIN_EVERY=7 FAULT_EAGAIN_FIRST=20; do
        faulty $faults --rw=randwrite --verify=crc32c
        is_clean && [ "$(injected eagain)" -ge 20 ] && stats_say ".[0].eagain == $(injected eagain)" &&
            stats_say '.[0].completions == 8192'
        ok "$faults: only a delay"
    done
    faulty FAULT_EAGAIN_EVERY=2 --rw=randread --iodepth=1 --io_size=1m
    is_clean && [ "$(injected eagain)" -ge 200 ] && stats_say '.[0].completions == 256'
    ok 'FAULT_EAGAIN_EVERY=2 at depth 1: asked again with nothing in flight'
    faulty FAULT_EINVAL=100 --rw=randread
    no_crash && [ "$rc" != 0 ] && is_so '.jobs[0].error == 22' && [ "$(injected einval)" = 1 ]
    ok 'EINVAL for request 100 ends the job with error 22'
    for options in '' '--thread=1' '--qaio_max_events=4'; do
        faulty FAULT_EINVAL_EVERY=50 --rw=randread $go_on $options
        lost=$(injected einval)
        no_crash && [ "$lost" -ge 80 ] && is_so ".jobs[0] | .total_err == $lost and .first_error == 22" &&
            stats_say ".[0] | .submit_errors == $lost and .failed == $lost and .completions == 4096 - $lost"
        ok "EINVAL for each 50th: those fail, the others do not $options"
    done
    faulty FAULT_SHORT_READ=10 --rw=randread
    is_clean && is_so ".jobs[0].read.io_bytes == $((16 << 20))" && [ "$(injected short-read)" -gt 100 ]
    ok 'a short read succeeds'
    faulty FAULT_SHORT_WRITE=100 --rw=randwrite
    no_crash && [ "$rc" != 0 ] && is_so '.jobs[0].error == 22' && [ "$(injected short-write)" -ge 1 ]
    ok 'a short write is EINVAL'
    fio_preload=
else
    skip 'refusals by the kernel' 'no C compiler' 9
fi

# --- Signals

for options in '--rw=randread --iodepth=16' '--rw=randwrite --iodepth=128 --numjobs=2 --thread=1'; do
    fio_start interrupted "${early[@]}" --filename="$device" --size=16m --time_based --runtime=25 $options
    sleep 1.2
    before=$(date +%s%N)
    kill -INT "$(fio_child)"
    fio_wait
    took=$((($(date +%s%N) - before) / 1000000))
    no_crash && [ "$took" -le $((1000 * ${QAIO_TIMEOUT_FACTOR:-1})) ] &&
        is_so '[.jobs[] | .read.total_ios + .write.total_ios] | length > 0 and all(. > 0)' &&
        is_so 'all(.jobs[] | .read, .write; .total_ios == .clat_ns.N)' || { note "exit status $rc after $took ms"; false; }
    ok "SIGINT ends the job: $options"
done

# --- What cannot be

# refused NAME PATTERN OPTION...
refused() {
    local name=$1 pattern=$2
    shift 2
    fio_output=normal fio_run refused --filename="$file" --size=1m --bs=4k --rw=randread --direct=1 "$@"
    is_refused "$pattern"
    ok "$name"
}
refused 'qaio_loop=bogus' 'bogus|qaio_loop' --qaio_loop=bogus
refused 'qaio_loop=select alone' '^qaio: qaio_loop=select needs qaio_coroutine=none' --qaio_loop=select
refused 'qaio_loop=select with qaio_coroutine=asm' '^qaio: qaio_loop=select needs qaio_coroutine=none' \
    --qaio_loop=select --qaio_coroutine=asm
refused 'qaio_coroutine=none alone' '^qaio: qaio_coroutine=none needs qaio_loop=select' --qaio_coroutine=none
refused 'direct=0' '^qaio: qaio_loop=select needs direct=1' "${early[@]}" --direct=0
refused 'qaio_aio=threads' '^qaio: qaio_loop=select needs qaio_aio=native' "${early[@]}" --qaio_aio=threads
refused 'qaio_fdmon=epoll' '^qaio: .*qaio_fdmon' "${early[@]}" --qaio_fdmon=epoll
refused 'qaio_poll_max_ns=1000' '^qaio: .*qaio_poll_max_ns' "${early[@]}" --qaio_poll_max_ns=1000
refused 'qaio_defer=on' '^qaio: .*qaio_defer' "${early[@]}" --qaio_defer=on
refused 'qaio_max_batch=8' '^qaio: .*qaio_max_batch' "${early[@]}" --qaio_max_batch=8
refused 'qaio_cache=writeback' '^qaio: qaio_cache=writeback needs direct=0' "${early[@]}" --qaio_cache=writeback

# A descriptor that select() cannot watch: another job's files have those below. fio's own need them, so the limit is
# raised and not used up before.
mkdir "$T/crowd"
if ulimit -n 4096 2>/dev/null; then
    fio_output=normal fio_run crowded --directory="$T/crowd" --nrfiles=1100 --filesize=4k --bs=4k --direct=1 --rw=randread \
        --norandommap --io_size=1g --thread=1 --time_based --runtime=3 --name=late --ioengine="$engine" --startdelay=2 \
        --filename="$file" --size=1m --rw=randread --thread=1 "${early[@]}"
    is_refused '^qaio: .*select\(\) cannot watch descriptor [0-9]+'
    ok 'no descriptor below 1024 is left'
else
    skip 'no descriptor below 1024 is left' 'ulimit -n 4096 is not allowed'
fi
finish
