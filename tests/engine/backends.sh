#!/bin/bash
# backends.sh - every backend with every cache mode: data come back, also in requests that are no whole blocks; writes are
# as stable as the mode says, and flushed as often; what a build or a kernel lacks is told in one line.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 180
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's"
target ext 16 || skip_all "$why"
file=$target
device=
target loop4096 16 && device=$target

# Backend, direct=, cache mode, what its writes are, whether syncs flush.
modes='
native   1 none         write yes
native   1 directsync   fua   yes
threads  1 none         write yes
threads  1 directsync   fua   yes
threads  0 writeback    write yes
threads  0 writethrough fua   yes
threads  0 unsafe       write no
io_uring 1 none         write yes
io_uring 1 directsync   fua   yes
io_uring 0 writeback    write yes
io_uring 0 writethrough fua   yes
io_uring 0 unsafe       write no
'
plan 44

uring=yes
fio_run probe --filename="$file" --size=64k --bs=4k --rw=read --qaio_aio=io_uring || :
[ "$rc" = 0 ] || uring=

build_helper stable-count -shared -ldl || skip_all 'no compiler for the helper'
stable=$helper
lines() {
    grep -cx "$1" "$T/stable" 2>/dev/null || true
}

while read -r aio direct cache write flush; do
    [ -n "$aio" ] || continue
    mode=(--direct="$direct" --qaio_aio="$aio" --qaio_cache="$cache")
    if [ "$aio" = io_uring ] && [ -z "$uring" ]; then
        skip "$aio direct=$direct $cache" 'no io_uring here' 3
        continue
    fi
    fio_run verify --filename="$file" --size=4m --bssplit=512/30:4k/30:12k/30:256k/10 --rw=randrw --iodepth=32 \
        --iodepth_batch=8 --verify=crc32c --verify_fatal=1 "${mode[@]}"
    is_clean && is_so '.jobs[0].read.io_bytes == (4 * 1048576)'
    ok "$aio direct=$direct $cache: verify"

    # fio is told the blocks are padded: that is no error.
    rm -f "$T/stats"
    fio_run unaligned --filename="${device:-$file}" --size=300k --offset=7k --bsrange=500-9k --bs_unaligned=1 \
        --rw=randwrite --iodepth=16 --verify=md5 --verify_fatal=1 --qaio_stats=stats "${mode[@]}"
    is_clean && { [ "$direct" = 0 ] || jq -e '.rmw_writes > 10 and .padded_reads > 10' "$T/stats" >/dev/null; }
    ok "$aio direct=$direct $cache: verify of requests of any size"

    rm -f "$T/stable" "$T/stats"
    fio_env=(STABLE_LOG="$T/stable")
    fio_preload=$stable fio_run stable --filename="$file" --size=4m --bs=4k --rw=randwrite --iodepth=4 --fdatasync=8 \
        --number_ios=64 --qaio_stats=stats "${mode[@]}"
    fio_env=()
    other=$([ "$write" = fua ] && echo write || echo fua)
    syncs=$(jq .requests.sync "$T/stats")
    note "$(sort "$T/stable" 2>/dev/null | uniq -c | tr -s '\n ' ' ') $syncs syncs"
    is_clean && [ "$(lines "$write")" = 64 ] && [ "$(lines "$other")" = 0 ] && [ "${syncs:-0}" -ge 7 ] &&
        [ "$(lines flush)" = "$([ "$flush" = yes ] && echo "$syncs" || echo 0)" ]
    ok "$aio direct=$direct $cache: writes are $write, flushes: $flush"
done <<<"$modes"

# --- What is not there

fio_output=normal
if build_helper no-io_uring -shared; then
    fio_preload=$helper fio_run refused --filename="$file" --size=64k --bs=4k --rw=read --qaio_aio=io_uring
    is_refused '^qaio: qaio_aio=io_uring: .*(io_uring)'
    ok 'a kernel that gives no io_uring'
else
    skip 'a kernel that gives no io_uring' 'no compiler for the helper'
fi
unset fio_output

# --- Deferred submission: the writes of read-modify-writes follow from completions

# calls_with DEFER AIO: io_submit calls of 512 such writes, or io_uring's.
calls_with() {
    rm -f "$T/stats"
    fio_run "defer-$1-$2" --filename="$device" --size=4m --bs=512 --direct=1 --rw=randwrite --iodepth=16 \
        --iodepth_batch=16 --iodepth_batch_complete_min=16 --number_ios=512 --qaio_aio="$2" --qaio_defer="$1" \
        --qaio_stats=stats
    is_clean && calls=$(jq .io_submit_calls "$T/stats")
}
for aio in native io_uring; do
    if [ -z "$device" ] || { [ $aio = io_uring ] && [ -z "$uring" ]; }; then
        skip "$aio: qaio_defer" 'needs a device of 4096-byte blocks, and io_uring'
        continue
    fi
    calls_with on $aio && on=$calls && calls_with off $aio && off=$calls && note "$on calls, without defer $off" &&
        [ "$off" -ge 512 ] && [ "$on" -lt "$off" ]
    ok "$aio: qaio_defer makes batches of what completions lead to"
done

# --- Workers

# workers OPTION...: the most threads that a job's process was seen with.
workers() {
    local job n
    fio_start workers --filename="$file" --size=8m --bs=4k --direct=0 --rw=randread --norandommap --iodepth=32 \
        --iodepth_batch=32 --time_based --runtime=2 --invalidate=0 "$@"
    most=0
    for ((i = 0; i < 15; i++)); do
        sleep 0.1
        job=$(pgrep -P "$(fio_child)" 2>/dev/null | head -n 1)
        n=$(ls "/proc/$job/task" 2>/dev/null | wc -l)
        most=$((n > most ? n : most))
    done
    fio_wait
    note "at most $most threads: $*"
    is_clean
}
workers --qaio_thread_pool_max=2 && [ "$most" -ge 2 ] && [ "$most" -le 3 ]
ok 'qaio_thread_pool_max=2: two workers beside the job'
workers --qaio_thread_pool_min=20 --iodepth=1 --iodepth_batch=1 --thinktime=1s --number_ios=2 && [ "$most" = 21 ]
ok 'qaio_thread_pool_min=20: twenty workers for a job without work'

# --- Trims

if [ -n "$device" ]; then
    for trim in discard zeroes; do
        dd if=/dev/urandom of="$device" bs=1M count=4 oflag=direct status=none
        fio_run trim-$trim --filename="$device" --size=4m --bs=64k --direct=1 --rw=trim --iodepth=8 --qaio_trim=$trim
        is_clean && cmp -n $((4 << 20)) "$device" /dev/zero
        ok "qaio_trim=$trim on a device: zeroes are read afterwards"
    done
else
    skip 'trims of a device' "$why" 2
fi
dd if=/dev/urandom of="$file" bs=1M count=4 conv=notrunc,fsync status=none
fio_run unaligned-zeroes --filename="$file" --size=1m --offset=1m --bs=5000 --direct=1 --rw=trim --iodepth=8 \
    --qaio_trim=zeroes --number_ios=100
is_clean && cmp -i $((1 << 20)):0 -n 500000 "$file" /dev/zero &&
    [ "$(dd if="$file" bs=1 skip=$(((1 << 20) + 500000)) count=12 status=none | tr -d '\0' | wc -c)" -gt 8 ] &&
    [ "$(dd if="$file" bs=1 skip=$(((1 << 20) - 12)) count=12 status=none | tr -d '\0' | wc -c)" -gt 8 ]
ok 'qaio_trim=zeroes of parts of blocks: zeroes there, and nowhere else'
finish
