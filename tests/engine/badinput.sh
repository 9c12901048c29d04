#!/bin/bash
# badinput.sh - what cannot work ends in one clear line and a non-zero exit status within seconds: no crash, no
# hang; and descriptors do not pile up over opens and closes.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 180
. "$(dirname "$0")/lib.sh"

plan 78
fio_limit=10
target ext 8 || skip_all "$why"
file=$target
base=(--filename="$file" --size=4m --bs=4k --rw=randread --iodepth=4)

# refused NAME PATTERN OPTION...
refused() {
    local name=$1 pattern=$2
    shift 2
    fio_output=normal fio_run refused "$@"
    is_refused "$pattern"
    ok "$name"
}

# --- Options

if is_qaio; then
    refused 'qaio_aio=bogus' 'bogus|qaio_aio' "${base[@]}" --direct=1 --qaio_aio=bogus
    refused 'qaio_coroutine=bogus' 'bogus|qaio_coroutine' "${base[@]}" --direct=1 --qaio_coroutine=bogus
    refused 'qaio_cache=bogus' 'bogus|qaio_cache' "${base[@]}" --direct=1 --qaio_cache=bogus
    refused 'qaio_max_events=0' 'max_events|min value' "${base[@]}" --direct=1 --qaio_max_events=0
    refused 'qaio_max_events=99999999' 'max_events|max value' "${base[@]}" --direct=1 --qaio_max_events=99999999
    refused 'qaio_max_batch=65537' 'max_batch|max value' "${base[@]}" --direct=1 --qaio_max_batch=65537
    refused 'qaio_defer with workers' '^qaio: qaio_defer needs' "${base[@]}" --direct=1 --qaio_aio=threads --qaio_defer=on
    refused 'qaio_max_batch=-1' 'max_batch|min value|max value' "${base[@]}" --direct=1 --qaio_max_batch=-1
    refused 'an unknown option' 'qaio_nonsense' "${base[@]}" --direct=1 --qaio_nonsense=1
    refused 'qaio_cache=none with direct=0' '^qaio: .*cache.*direct' "${base[@]}" --direct=0 --qaio_cache=none
    refused 'qaio_cache=directsync with direct=0' '^qaio: .*cache.*direct' "${base[@]}" --direct=0 --qaio_cache=directsync
    refused 'qaio_cache=writeback with direct=1' '^qaio: .*cache.*direct' "${base[@]}" --direct=1 --qaio_cache=writeback
    refused 'qaio_aio=native with direct=0' '^qaio: .*native.*direct' "${base[@]}" --direct=0 --qaio_aio=native
    refused 'qaio_driver=bogus' 'bogus|qaio_driver' "${base[@]}" --qaio_driver=bogus
    refused 'qaio_trim=bogus' 'bogus|qaio_trim' "${base[@]}" --qaio_trim=bogus
    refused 'qaio_driver=host_device on a file' '^qaio: .*host_device.*block device' "${base[@]}" \
        --qaio_driver=host_device
    null=(--qaio_driver=null-co --size=4m --bs=4k --rw=randwrite)
    refused 'null-co without a size' 'size=' --qaio_driver=null-co --bs=4k --rw=read
    refused 'null-co with verify' '^qaio: qaio_driver=null-co needs verify left out' "${null[@]}" --verify=md5
    refused 'null-aio with qaio_aio' '^qaio: qaio_driver=null-aio needs qaio_aio left out' "${null[@]}" \
        --qaio_driver=null-aio --qaio_aio=threads
    refused 'null-co with zones' '^qaio: .*zonemode|zone' "${null[@]}" --zonemode=zbd --zonesize=1m
    refused 'null-co with sync_file_range' '^qaio: .*sync_file_range' "${null[@]}" --sync_file_range=write:4
    refused 'null-co with pre_read' 'qaio: .*pre_read|pre_read' "${null[@]}" --pre_read=1 --rw=read
    refused 'qaio_latency_ns of a file' '^qaio: qaio_latency_ns needs qaio_driver' "${base[@]}" --qaio_latency_ns=5
    refused 'qaio_latency_ns=-1' '^qaio: qaio_latency_ns=-1 is out of range' "${null[@]}" --qaio_latency_ns=-1
    refused 'qaio_read_zeroes of a file' '^qaio: qaio_read_zeroes needs qaio_driver' "${base[@]}" --qaio_read_zeroes=1
    refused 'qaio_thread_pool_max=0' 'thread_pool_max.* min value|out of range' "${base[@]}" --qaio_thread_pool_max=0
    refused 'qaio_thread_pool_max=5000' 'thread_pool_max.*out of range' "${base[@]}" --qaio_thread_pool_max=5000
    refused 'qaio_thread_pool_min=-1' 'thread_pool_min=-1 is out of range' "${base[@]}" --qaio_thread_pool_min=-1
    refused 'more workers at least than at most' '^qaio: qaio_thread_pool_min=4, qaio_thread_pool_max=2' "${base[@]}" \
        --qaio_thread_pool_min=4 --qaio_thread_pool_max=2
    refused 'io_uring with more requests than it has room for' '^qaio: .*io_uring.*32768' "${base[@]}" \
        --qaio_aio=io_uring --qaio_max_events=32769
    refused 'a limit in all and one of reads' '^qaio: qaio_throttle_.*: iops limits.*contradict' "${base[@]}" \
        --qaio_throttle_iops=5 --qaio_throttle_iops_read=5
    refused 'a burst without a limit' '^qaio: qaio_throttle_.*max.*needs the limit' "${base[@]}" \
        --qaio_throttle_bps_write_max=5m
    refused 'a burst below the limit' '^qaio: qaio_throttle_.*max.*below' "${base[@]}" --qaio_throttle_bps=5m \
        --qaio_throttle_bps_max=4m
    refused 'a length without a burst' '^qaio: qaio_throttle_.*length' "${base[@]}" --qaio_throttle_iops=5 \
        --qaio_throttle_iops_length=2
    refused 'qaio_throttle_iops_max_length=0' 'max_length.*min value|at least 1 second' "${base[@]}" \
        --qaio_throttle_iops=5 --qaio_throttle_iops_max=9 --qaio_throttle_iops_max_length=0
    refused 'qaio_throttle_bps=-1' '^qaio: qaio_throttle_.*not be above' "${base[@]}" --qaio_throttle_bps=-1
    refused 'the size of operations without a limit of them' '^qaio: qaio_throttle_.*iops limit' "${base[@]}" \
        --qaio_throttle_bps=5m --qaio_throttle_iops_size=4k
    early=("${base[@]}" --direct=1 --qaio_loop=select --qaio_coroutine=none)
    for option in --qaio_aio=io_uring --qaio_driver=file --qaio_driver=null-co --qaio_trim=zeroes --qaio_thread_pool_min=1 \
        --qaio_throttle_iops=5; do
        refused "qaio_loop=select with $option" '^qaio: (qaio_loop=select needs|qaio_coroutine)' "${early[@]}" $option
    done
    virtio=("${base[@]}" --direct=1 --qaio_frontend=virtio)
    refused 'qaio_frontend=bogus' 'bogus|qaio_frontend' "${base[@]}" --qaio_frontend=bogus
    for option in --qaio_iothread=1 --qaio_queues=2 --qaio_queue_size=64 --qaio_merge=on --qaio_rerror=stop \
        --qaio_werror=report --qaio_resume_ms=5; do
        name=${option%=*}
        refused "$option without virtio" "^qaio: ${name#--} needs qaio_frontend=virtio" "${base[@]}" $option
    done
    refused 'qaio_queue_size=48' '^qaio: qaio_queue_size=48 is not a power of two' "${virtio[@]}" --qaio_queue_size=48
    refused 'qaio_queues=65' 'qaio_queues.*max value' "${virtio[@]}" --qaio_queues=65
    refused 'qaio_iothread=-1' 'qaio_iothread.*(min|max) value|out of range' "${virtio[@]}" --qaio_iothread=-1
    refused 'virtio on the loop before AioContext' '^qaio: qaio_frontend=virtio needs qaio_loop' "${virtio[@]}" \
        --qaio_loop=select --qaio_coroutine=none
    refused 'an IOThread and the main loop' '^qaio: qaio_frontend=virtio needs qaio_loop' "${virtio[@]}" --qaio_iothread=1 \
        --qaio_loop=main_loop
    refused 'virtio with fill_device' '^qaio: qaio_frontend=virtio needs fill_device left out' "${virtio[@]}" --rw=write \
        --fill_device=1
    refused 'virtio without whole sectors' '^qaio: .*block size 100 .*not a multiple of 512' "${virtio[@]}" --direct=0 \
        --bs=100
    refused 'virtio with a file that cannot have its size' '^qaio: .*cannot be made .* long' --direct=1 \
        --qaio_frontend=virtio --filename="$T/huge" --size=8000p --bs=4k --rw=write --fallocate=none
    # Told before the run, not after an hour of it.
    long=(--time_based --runtime=60)
    refused 'qaio_stats in a folder that is not there' '^qaio: .*no-such-folder' "${base[@]}" --direct=1 "${long[@]}" \
        --qaio_stats=/no-such-folder/stats
    refused 'qaio_stats on a folder' "^qaio: .*$T" "${base[@]}" --direct=1 "${long[@]}" --qaio_stats="$T"
else
    skip 'options' "only qaio's" 60
fi

# --- Files

mkdir "$T/folder"
refused 'a folder as the file' 'directory|folder|file:' --filename="$T/folder" --size=4m --direct=1 --rw=read
refused 'a path that is not there' 'no such file|file creation disallowed' --filename="$T/none/none" --size=4m \
    --direct=1 --rw=read --allow_file_create=0
: >"$T/plain"
refused 'a path through a plain file' 'not a directory|file:' --filename="$T/plain/x" --size=4m --direct=1 --rw=read

nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
    skip 'no permission' 'needs root and setpriv' 2
elif ! "${nobody[@]}" test -w "$T" || { is_qaio && ! "${nobody[@]}" test -r "$QAIO_SO"; }; then
    skip 'no permission' "nobody cannot get at $T or the engine" 2
else
    install -m 600 "$file" "$T/secret"
    fio_wrap=("${nobody[@]}")
    for rw in read write; do
        refused "no permission to $rw" 'permission denied' --filename="$T/secret" --size=4m --direct=1 --rw=$rw
    done
    fio_wrap=()
fi

# --- Devices

if target loop512 8; then
    blockdev --setro "$target"
    refused 'a read-only device written to' 'read-only|not permitted|permission' --filename="$target" --size=4m \
        --bs=4k --direct=1 --rw=randwrite
    fio_run ro-read --filename="$target" --size=4m --bs=4k --direct=1 --rw=randread
    is_clean
    ok 'a read-only device can be read'
    blockdev --setrw "$target"
else
    skip 'a read-only device' "$why" 2
fi
if ! is_qaio; then
    skip 'bs=512 on a device of 4096-byte blocks' "only qaio's" 3
elif target loop4096 8; then
    for rw in randread randwrite; do
        fio_output=normal fio_run unaligned --filename="$target" --size=4m --bs=512 --direct=1 --rw=$rw --number_ios=50
        [ "$rc" = 0 ] && no_crash &&
            [ "$(grep -c '^qaio: .*not whole blocks.*4096' "$T/unaligned.log")" = 1 ]
        ok "bs=512 direct=1 on a device of 4096-byte blocks ($rw): done, and told of in one line"
    done
    refused "the same on the loop before AioContext" '^qaio: .*block size 512.*4096' --filename="$target" --size=4m \
        --bs=512 --direct=1 --rw=randread --qaio_loop=select --qaio_coroutine=none
else
    skip 'bs=512 on a device of 4096-byte blocks' "$why" 3
fi

# --- fs.aio-max-nr: the helper takes just so much that 65536 events are not to be had: nobody else is disturbed.

build_helper aio-hog
coproc hog { exec "$helper" 65536; }
job_pids+=("$hog_PID")
if read -r -t 5 left <&"${hog[0]}"; then
    refused "io_setup refused: $left events are left of fs.aio-max-nr" 'aio-max-nr|resource temporarily unavailable' \
        "${base[@]}" --direct=1 $(is_qaio && echo --qaio_max_events=65536 || echo --iodepth=65536)
    ! is_qaio || grep -q '^qaio: .*aio-max-nr' "$T/refused.log"
    ok 'the line names the sysctl'
else
    skip 'fs.aio-max-nr' 'the helper cannot take enough' 2
fi
kill "$hog_PID"

# --- Files that go away

unlinked() {
    if [ "$rc" = 0 ]; then is_clean; else is_refused 'no such file|stale|file:'; fi
}
fio_run unlink --filename="$T/loops" --size=1m --bs=4k --direct=1 --rw=randwrite --iodepth=8 --loops=4 --unlink_each_loop=1
unlinked
ok 'unlink_each_loop'
for thread in 0 1; do
    fio_start removed --filename="$T/removed" --size=2m --bs=4k --direct=1 --rw=randwrite --iodepth=8 --time_based \
        --runtime=2 --thread=$thread --fsync_on_close=1
    for ((i = 0; i < 20; i++)); do rm -f "$T/removed"; sleep 0.1; done
    fio_wait
    unlinked
    ok "a file removed under the job (thread=$thread)"
done

# --- Descriptors. Files are opened and closed all the time; the number that is open must stay as it was.

fio_start reopened --directory="$T" --nrfiles=40 --openfiles=4 --filesize=16k --bs=4k --size=640k --direct=1 \
    --rw=randread --iodepth=8 --thread=1 --time_based --runtime=3 --file_service_type=roundrobin:1
counts=()
while [ ${#counts[@]} -lt 10 ] && sleep 0.25; do
    counts+=("$(ls "/proc/$(fio_child)/fd" 2>/dev/null | wc -l)")
done
fio_wait
is_clean && is_so '.jobs[0].read.total_ios > 1000' && {
    sorted=($(printf '%s\n' "${counts[@]:2:6}" | sort -n))
    [ "${sorted[0]}" -gt 3 ] && [ $((sorted[5] - sorted[0])) -le 8 ] || { note "open descriptors: ${counts[*]}"; false; }
}
ok 'the number of open descriptors does not grow'

fio_run loops --directory="$T" --nrfiles=4 --filesize=64k --bs=4k --direct=1 --rw=randread --iodepth=8 --thread=1 \
    --loops=100 --size=256k --numjobs=4 --stats=1
is_clean && is_so 'all(.jobs[]; .read.total_ios == 6400)'
ok 'a hundred loops over four files in four threads'
finish
