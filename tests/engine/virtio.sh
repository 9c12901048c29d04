#!/bin/bash
# virtio.sh - the front end of virtio-blk: what is written comes back for every number of IOThreads and queues, with and
# without merging; kicks, interrupts and merges are as few as they ought to be; a device that stops goes on, or ends the
# job; nothing hangs, and nothing is left over.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 180
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's"
plan 64
target loop512 16 || target ext 16 || skip_all "$why"
device=$target
virtio=(--qaio_frontend=virtio --qaio_stats="$T/stats")
base=(--filename="$device" --direct=1 --size=4m --bs=4k --iodepth=32 "${virtio[@]}")

trap 'umount "$T/small" 2>/dev/null; cleanup' EXIT

# virtio NAME OPTION...: a run with new statistics.
virtio() {
    rm -f "$T/stats"
    fio_run "$@"
}

# A jq expression over the array of all lines of statistics.
stats_say() {
    local said
    said=$(jq -s -c "$1" "$T/stats" 2>&1 | tail -n 1)
    [ "$said" = true ] || { note "not so: $1 ($said)" "$(jq -c '[.virtio, .completions, .requests]' "$T/stats" 2>&1 | head -n 3)"; false; }
}

# file_run RUN: the job file of stdin, without the beginning of its [global], which is the same for all.
file_run() {
    run=$1 rc=0
    {
        printf '%s\n' '[global]' "ioengine=$engine" "filename=$device" size=1m direct=1 qaio_frontend=virtio
        cat
    } >"$T/$run.fio"
    rm -f "$T/stats"
    (cd "$T" && timeout -k 5 $((40 * ${QAIO_TIMEOUT_FACTOR:-1})) env ${QAIO_PRELOAD:+LD_PRELOAD=$QAIO_PRELOAD} "$FIO" \
        --output-format=json --output="$run.out" "$run.fio" >"$run.log" 2>&1) || rc=$?
    sed -n '/^{/,/^}/p' "$T/$run.out" >"$T/$run.json" 2>/dev/null
}

# --- What is written comes back. Each line is a job of one run, on a part of the device of its own.

# The jobs of stdin, "NAME OPTION...", at the same time; a test point for each.
jobs_at_once() {
    local name options names=() n=0
    cat >"$T/$1.jobs" <<END
bs=4k
iodepth=32
rw=randwrite
verify=crc32c
verify_fatal=1
qaio_stats=$T/stats
END
    while read -r name options; do
        printf '[job%s]\noffset=%sm\n%s\n' $n $n "${options// /$'\n'}"
        names+=("${name//_/ }: $options")
        n=$((n + 1))
    done >>"$T/$1.jobs"
    file_run "$1" <"$T/$1.jobs"
    n=0
    for name in "${names[@]}"; do
        no_crash && is_so ".jobs[$n] | .error == 0 and .read.io_bytes == 1048576" && stats_say "map(select(.job == \"job$n\"))
            | length == 1 and .[0].failed == 0 and .[0].allocations_after_warmup == 0"
        ok "$name"
        n=$((n + 1))
    done
}

loads=('iodepth_batch=8' 'rw=randrw bsrange=512-64k' 'rw=write iodepth_batch=32 iodepth_batch_complete_min=16'
    'thread=1 iodepth=1')
n=0
for iothread in 0 1 2; do
    for queues in 1 4; do
        for merge in on off; do
            echo "verify qaio_iothread=$iothread qaio_queues=$queues qaio_merge=$merge ${loads[n++ % 4]}"
        done
    done
done >"$T/matrix"
jobs_at_once matrix <"$T/matrix"

# --- And whatever else fio and the engine can do

jobs_at_once more <<END
a_depth_beyond_the_ring iodepth=64 qaio_queue_size=2
a_depth_beyond_the_ring iodepth=256 qaio_queue_size=16 qaio_iothread=1 qaio_queues=3 iodepth_batch=20
more_queues_than_IOThreads qaio_iothread=3 qaio_queues=8
the_main_loop qaio_loop=main_loop
workers direct=0 qaio_iothread=1
io_uring qaio_aio=io_uring qaio_iothread=2 qaio_queues=2
ucontext qaio_coroutine=ucontext qaio_iothread=1
epoll qaio_fdmon=epoll qaio_iothread=1
polling qaio_iothread=1 qaio_poll_max_ns=100000
no_polling qaio_iothread=1 qaio_poll_max_ns=0
limits qaio_iothread=1 qaio_throttle_iops=2000
write-through qaio_cache=directsync qaio_iothread=1
END

for options in --qaio_iothread=0 '--qaio_iothread=2 --qaio_queues=2'; do
    virtio files --directory="$T" --nrfiles=60 --openfiles=20 --filesize=64k --size=3840k --direct=1 --bs=4k --iodepth=64 \
        --rw=randwrite --verify=crc32c "${virtio[@]}" $options
    is_clean && is_so '.jobs[0].read.total_ios == 960' && stats_say 'all(.[]; .failed == 0)'
    ok "sixty files, twenty at a time: $options"
    rm -f "$T"/files.*

    virtio syncs --filename="$T/synced" --size=2m --direct=1 --bs=4k --iodepth=16 --rw=randtrimwrite "${virtio[@]}" $options
    is_clean && stats_say 'all(.[]; .requests.trim == 512 and .requests.write == 512 and .failed == 0)'
    ok "trims among writes: $options"
    virtio syncs --filename="$T/synced" --size=2m --direct=1 --bs=4k --iodepth=16 --rw=randrw --fsync=64 "${virtio[@]}" $options
    is_clean && stats_say 'all(.[]; .requests.sync > 2 and .accounts.flush.operations == .requests.sync and .failed == 0)'
    ok "syncs among writes: $options"
    virtio trims --filename="$T/synced" --size=2m --direct=1 --bs=4k --iodepth=16 --rw=trim --qaio_trim=zeroes "${virtio[@]}" \
        $options
    is_clean && stats_say 'all(.[]; .requests.trim == 512 and .failed == 0)' &&
        cmp -s "$T/synced" <(head -c 2m /dev/zero)
    ok "trims that write zeroes: $options"

    virtio grown --filename="$T/grown" --size=2m --direct=1 --bs=4k --iodepth=16 --rw=randwrite --fallocate=none --verify=md5 \
        "${virtio[@]}" $options
    is_clean && [ "$(stat -c %s "$T/grown")" = $((2 << 20)) ]
    ok "a file that the job makes: $options"
    rm -f "$T/grown"

    virtio null --size=8m --bs=4k --iodepth=32 --rw=randread --qaio_driver=null-co "${virtio[@]}" $options
    is_clean && is_so '.jobs[0].read.total_ios == 2048'
    ok "null-co: $options"
done

# --- Jobs and their IOThreads

for thread in 0 1; do
    rm -f "$T/stats"
    fio_start jobs --directory="$T" --numjobs=4 --thread=$thread --size=1m --direct=1 --bs=4k --iodepth=16 --rw=randwrite \
        --verify=crc32c --verify_fatal=1 --time_based --runtime=1 "${virtio[@]}" --qaio_iothread=2 --qaio_queues=2
    sleep 0.8
    # A process of fio's is not the job's when jobs are forked: look at all that are of this test.
    iothreads=$(for pid in $(grep -lsxz "QAIO_TEST_FOLDER=$T" /proc/[0-9]*/environ | cut -d/ -f3); do
        cat "/proc/$pid/task/"*/comm 2>/dev/null
    done | grep -c '^IO qaio-[01]$')
    fio_wait
    is_clean && [ "$iothreads" = $((thread ? 2 : 8)) ] || { note "$iothreads IOThreads"; false; } &&
        stats_say 'length == 4 and all(.[]; .virtio.iothreads | length == 2 and all(.[]; .cpu_ns > 0))'
    ok "four jobs with two IOThreads, thread=$thread"
    rm -f "$T"/jobs.*
done
file_run unlike <<END
rw=randread
thread=1
time_based
runtime=1
qaio_iothread=1
[one]
[other]
qaio_poll_max_ns=7
END
is_refused '^qaio: qaio_iothread=1: another job .* the same options'
ok 'jobs that want different things of one IOThread'

# --- How often

for iothread in 0 1; do
    virtio merged "${base[@]}" --rw=read --iodepth_batch=32 --iodepth_batch_complete_min=32 --qaio_iothread=$iothread
    is_clean && stats_say '.[0] | .completions <= .requests.read / 8 and .accounts.read.merged >= .requests.read * 0.8'
    ok "thirty-two reads side by side are one: iothread=$iothread"
    virtio unmerged "${base[@]}" --rw=read --iodepth_batch=32 --iodepth_batch_complete_min=32 --qaio_iothread=$iothread \
        --qaio_merge=off
    is_clean && stats_say '.[0] | .completions == .requests.read and .accounts.read.merged == 0'
    ok "qaio_merge=off: iothread=$iothread"
done
virtio inline "${base[@]}" --rw=randread --iodepth_batch=16 --iodepth_batch_complete_min=16
is_clean && stats_say '.[0] | .virtio.kicks <= .requests.read / 4 and .virtio.interrupts == 0 and .virtio.iothreads == []
    and .virtio.cpu_ns > 0'
ok 'without IOThread: a kick for a batch, no interrupt'
virtio often "${base[@]}" --rw=randread --iodepth=64 --iodepth_batch=16 --iodepth_batch_complete_min=1 --size=16m --qaio_iothread=1
is_clean && stats_say '.[0] | .virtio.kicks <= .requests.read and .virtio.interrupts <= .requests.read
    and .virtio.kicks + .virtio.interrupts > 0'
ok 'with IOThread: no more kicks and interrupts than requests'
virtio spread "${base[@]}" --rw=randread --iodepth=8 --size=16m --qaio_iothread=2 --qaio_queues=2
is_clean && stats_say '.[0].virtio.iothreads | map(.cpu_ns) | length == 2 and min > (add / 5)'
ok 'two queues keep two IOThreads busy'

# --- Requests that fail

if build_helper io_submit-fault -shared; then
    for iothread in 0 1; do
        # One submission that fails is one request: neighbours by chance are not joined.
        faulty() {
            virtio faulty "${base[@]}" --qaio_iothread=$iothread --qaio_merge=off "$@"
        }
        fio_preload=$helper
        fio_env=(FAULT_EINVAL=100)
        faulty --rw=randread
        [ "$rc" = 1 ] && no_crash && is_so '.jobs[0].error == 5' && stats_say '.[0].failed == 1'
        ok "report: iothread=$iothread"
        faulty --rw=randread --qaio_rerror=ignore
        is_clean && is_so '.jobs[0].read.total_ios == 1024'
        ok "ignore: iothread=$iothread"
        fio_output=normal faulty --rw=randwrite --qaio_werror=stop
        is_refused '^qaio: .*the device stopped, for a write failed \(Invalid argument\)'
        ok "stop: iothread=$iothread"
        fio_output=normal faulty --rw=randwrite --qaio_werror=stop --continue_on_error=all
        is_refused '^qaio: .*the device stopped, for a write failed \(Invalid argument\)'
        ok "stop, and fio would go on: iothread=$iothread"
        faulty --rw=randwrite --verify=crc32c --qaio_werror=stop --qaio_resume_ms=20
        is_clean && is_so '.jobs[0].read.total_ios == 1024' && stats_say '.[0] | .virtio.stops == 1 and .failed == 0'
        ok "stop, and go on: iothread=$iothread"
        faulty --rw=randread --qaio_werror=stop
        [ "$rc" = 1 ] && is_so '.jobs[0].error == 5' && stats_say '.[0].virtio.stops == 0'
        ok "a policy for writes is none for reads: iothread=$iothread"
    done
    fio_preload=''
    fio_env=()
else
    skip 'requests that fail' 'no C compiler' 12
fi

# A full disk: the device stops, somebody makes room, it goes on.
if [ "$(id -u)" = 0 ] && mkdir "$T/small" && mount -t tmpfs -o size=4m qaio-test "$T/small" 2>/dev/null; then
    head -c 3m /dev/zero >"$T/small/in-the-way"
    rm -f "$T/stats"
    fio_start full --filename="$T/small/disk" --size=2m --bs=4k --direct=0 --iodepth=8 --rw=write --fallocate=none \
        --verify=crc32c "${virtio[@]}" --qaio_iothread=1 --qaio_resume_ms=100
    for ((i = 0; i < 50; i++)); do
        sleep 0.1
        [ "$(df --output=avail "$T/small" | tail -n 1)" -gt 64 ] || break
    done
    sleep 0.3
    rm "$T/small/in-the-way"
    fio_wait
    is_clean && stats_say '.[0] | .virtio.stops > 0 and .failed == 0'
    ok 'a full disk stops the device until there is room'
    rm -f "$T/small/disk"
    head -c 3m /dev/zero >"$T/small/in-the-way"
    fio_output=normal fio_run full --filename="$T/small/disk" --size=2m --bs=4k --direct=0 --iodepth=8 --rw=write \
        --fallocate=none "${virtio[@]}"
    is_refused '^qaio: .*the device stopped, for a write failed \(No space left'
    ok 'or ends the job'
    umount "$T/small"
else
    skip 'a full disk' 'needs root and tmpfs' 2
fi

# --- Signals

for options in --qaio_iothread=0 '--qaio_iothread=2 --qaio_queues=2' '--qaio_iothread=1 --thread=1'; do
    fio_start interrupted "${base[@]}" --rw=randread --time_based --runtime=25 $options
    sleep 1
    before=$(date +%s%N)
    kill -INT "$(fio_child)"
    fio_wait
    took=$((($(date +%s%N) - before) / 1000000))
    no_crash && [ "$took" -le $((1500 * ${QAIO_TIMEOUT_FACTOR:-1})) ] && is_so 'all(.jobs[]; .error == 0)' ||
        { note "after $took ms"; false; }
    ok "SIGINT: $options"
done
if [ -n "${helper-}" ]; then
    fio_preload=$helper
    fio_env=(FAULT_EINVAL=100)
    fio_output=normal fio_start stopped "${base[@]}" --rw=randread --qaio_iothread=1 --qaio_rerror=stop --qaio_resume_ms=60000
    sleep 1
    before=$(date +%s%N)
    kill -INT "$(fio_child)"
    fio_wait
    took=$((($(date +%s%N) - before) / 1000000))
    [ "$rc" = 129 ] && [ "$took" -le $((1500 * ${QAIO_TIMEOUT_FACTOR:-1})) ] &&
        grep -q '^qaio: .*the device stopped' "$T/stopped.log" || { note "exit status $rc after $took ms"; false; }
    ok 'SIGINT while the device has stopped'
else
    skip 'SIGINT while the device has stopped' 'no C compiler'
fi
finish
