#!/bin/bash
# faults.sh - io_submit() that refuses, takes part of a batch, or is followed by short transfers: nothing is lost,
# nothing is done twice, nothing hangs, no request pays for another, and fio is told the right error.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 240
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's: libaio's engine gives a job up at the first refusal"
plan 35
build_helper io_submit-fault -shared || skip_all 'no C compiler'
fio_preload=$helper
fio_limit=20
target loop512 16 || target ext 16 || skip_all "$why"
base=(--filename="$target" --direct=1 --size=16m --bs=4k --iodepth=32)
requests=4096

# faulty FAULTS OPTION...: one run with FAULTS (VAR=VALUE ...), its counts in a new log.
faulty() {
    rm -f "$T/fault.log" "$T/stats"
    fio_env=($1 FAULT_LOG="$T/fault.log")
    shift
    fio_run faulty "${base[@]}" --qaio_stats="$T/stats" "$@"
    fio_env=()
}

# How often the shim did $1.
injected() {
    local n
    n=$(grep -cx "$1" "$T/fault.log" 2>/dev/null)
    echo "${n:-0}"
}

happened() {
    [ "$(injected "$1")" -gt 0 ] || { note "$1 was never injected"; false; }
}

# stat_is KEY VALUE in the engine's own statistics, over all jobs.
stat_is() {
    local sum
    sum=$(jq -s "map(.$1) | add" "$T/stats" 2>/dev/null)
    [ "$sum" = "$2" ] || { note "qaio_stats: $1 is $sum, not $2"; false; }
}

# --- EAGAIN and parts of a batch: only a delay

batch='--iodepth_batch=16 --iodepth_batch_complete_min=8'
while read -r word faults options; do
    [ -n "$word" ] || continue
    for mode in '--rw=randwrite --verify=crc32c' '--rw=randread' '--rw=randrw --thread=1 --verify=crc32c'; do
        faulty "${faults//,/ }" $mode $options
        is_clean && is_so ".jobs[0] | .read.io_bytes + .write.io_bytes >= $(json '.jobs[0]."job options".io_size == "2m" | if . then 2097152 else 16777216 end')" && happened "$word" &&
            { [ "$word" != eagain ] || stat_is eagain "$(injected eagain)"; }
        ok "$faults $options $mode"
    done
done <<END
eagain  FAULT_EAGAIN_EVERY=7
eagain  FAULT_EAGAIN_EVERY=2    $batch
eagain  FAULT_EAGAIN_EVERY=3    --iodepth=1 --io_size=2m
eagain  FAULT_EAGAIN_FIRST=20   $batch
partial FAULT_ACCEPT=3          $batch
partial FAULT_ACCEPT_RANDOM=1   $batch
partial FAULT_ACCEPT_RANDOM=1,FAULT_EAGAIN_EVERY=5 $batch
END

# The same number of requests, exactly: none is lost, none is done twice.
faulty 'FAULT_ACCEPT_RANDOM=1 FAULT_EAGAIN_EVERY=3' --rw=randread $batch --iodepth=128
is_clean && is_so ".jobs[0].read | .total_ios == $requests and .clat_ns.N == $requests" &&
    stat_is completions $requests && stat_is requests.read $requests && stat_is failed 0
ok 'each request is submitted, completed and counted once'

# --- EINVAL: the one request fails. fio counts a request that failed in total_ios, but gives it no latency.

go_on='--continue_on_error=all --ignore_error=EINVAL,EINVAL:ENOSPC'

for options in '--iodepth=1' "$batch" '--thread=1'; do
    faulty FAULT_EINVAL=100 --rw=randread $options
    no_crash && [ "$rc" != 0 ] && is_so '.jobs[0].error == 22' && [ "$(injected einval)" = 1 ]
    ok "EINVAL for request 100 ends the job with error 22: $options"
done

for options in '--rw=randread' "--rw=randwrite $batch" "--rw=randread --thread=1 $batch"; do
    faulty FAULT_EINVAL_EVERY=50 $options $go_on
    lost=$(injected einval)
    no_crash && [ "$lost" -ge 80 ] && is_so ".jobs[0] | .total_err == $lost and .first_error == 22" &&
        is_so ".jobs[0] | .read.clat_ns.N + .write.clat_ns.N == $requests - $lost" &&
        stat_is submit_errors "$lost" && stat_is failed "$lost" && stat_is completions $((requests - lost))
    ok "EINVAL for each 50th request: those fail, the others do not: $options"
done

faulty 'FAULT_EINVAL_EVERY=1' --rw=randread $batch $go_on --io_size=1m
no_crash && is_so '.jobs[0].read.clat_ns.N == 0' && happened einval
ok 'EINVAL for every request: all fail, nothing hangs'

faulty 'FAULT_EINVAL_EVERY=40 FAULT_EAGAIN_EVERY=3 FAULT_ACCEPT_RANDOM=1' --rw=randwrite $batch $go_on
no_crash && is_so ".jobs[0].total_err == $(injected einval)" && happened einval
ok 'EINVAL, EAGAIN and parts of batches together'

# --- Short transfers

faulty FAULT_SHORT_READ=10 --rw=randread $batch
is_clean && is_so ".jobs[0].read.io_bytes == $((requests * 4096))" && happened short-read
ok 'a short read succeeds, its rest is zeroes as in QEMU'

# What is written is not zero anywhere, so the verification of a short read finds zeroes.
fio_preload='' fio_run written "${base[@]}" --rw=write --verify=pattern --verify_pattern=0xa5a5a5a5 --do_verify=0
faulty FAULT_SHORT_READ=10 --rw=write --verify=pattern --verify_pattern=0xa5a5a5a5 --verify_only=1
no_crash && [ "$rc" != 0 ] && happened short-read && is_so '.jobs[0].error == 84'
ok 'verification sees the zeroes'
fio_preload='' fio_run intact "${base[@]}" --rw=write --verify=pattern --verify_pattern=0xa5a5a5a5 --verify_only=1
is_clean
ok 'the data themselves are intact'

faulty FAULT_SHORT_WRITE=100 --rw=randwrite $batch
no_crash && [ "$rc" != 0 ] && happened short-write && is_so '.jobs[0].error == 28'
ok 'a short write fails with ENOSPC'

faulty FAULT_SHORT_WRITE=100 --rw=randwrite $batch $go_on
lost=$(injected short-write)
no_crash && [ "$lost" -gt 20 ] && is_so ".jobs[0] | .total_err == $lost and .first_error == 28 and
    .write.clat_ns.N == $requests - $lost"
ok 'of many short writes each fails, the others do not'
run=
finish
