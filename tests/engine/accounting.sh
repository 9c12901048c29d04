#!/bin/bash
# accounting.sh - fio's numbers mean what they mean with its libaio engine: every request has one submission
# latency, one completion latency and one total, lat is slat + clat, and size-bound jobs do the same requests,
# bytes, syncs and trims as libaio does.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

plan 28
target loop512 32 || target ext 32 || skip_all "$why"
device=$target
target ext 8 || skip_all "$why"
file=$target
base=(--direct=1 --bs=4k --randseed=42 --random_generator=tausworthe64)

# Each latency counts each request; the means add up (to a thousandth or 10 ns); no time is zero or negative.
adds_up() {
    is_so ".jobs[0].$1 | .slat_ns.N == .total_ios and .clat_ns.N == .total_ios and .lat_ns.N == .total_ios" &&
        is_so ".jobs[0].$1 | .lat_ns.mean as \$l | (.slat_ns.mean + .clat_ns.mean - \$l) |
               fabs <= ([10, \$l / 1000] | max)" &&
        is_so ".jobs[0].$1 | .slat_ns.min > 0 and .clat_ns.min > 0 and .slat_ns.max < 5e9"
}

for options in '--iodepth=1' '--iodepth=32' '--iodepth=32 --iodepth_batch=16' '--iodepth=128 --thread=1'; do
    for ddir in read write; do
        fio_run "lat-$ddir" "${base[@]}" --filename="$device" --size=32m --rw=rand$ddir $options
        is_clean && adds_up $ddir
        ok "slat, clat and lat of ${ddir}s: $options"
    done
done

fio_run lat-mixed "${base[@]}" --filename="$device" --size=32m --rw=randrw --iodepth=32
is_clean && adds_up read && adds_up write
ok 'slat, clat and lat of mixed reads and writes'

# A request that waits until its batch of 32 goes out has been waiting for its submission, not for the device.
mean_slat() {
    fio_run "batch$1" "${base[@]}" --filename="$device" --size=32m --rw=randread --iodepth=32 --iodepth_batch="$1" \
        --iodepth_batch_complete_min="$1" --iodepth_batch_complete_max="$1" && is_clean && json '.jobs[0].read.slat_ns.mean'
}
one=$(mean_slat 1)
many=$(mean_slat 32)
jq -n "${many:-0} > 3 * ${one:-1}" | grep -qx true || { note "mean slat: $one ns alone, $many ns in batches of 32"; false; }
ok 'time in a batch that is not out yet counts as slat'

# What a job did, for comparison: requests and bytes per direction, syncs, errors.
did='[.jobs[] | {e: .error, r: .read.total_ios, rb: .read.io_bytes, w: .write.total_ios, wb: .write.io_bytes,
      t: .trim.total_ios, tb: .trim.io_bytes, s: .sync.total_ios}]'

# same_as_libaio NAME OPTION...: both engines do the same job.
same_as_libaio() {
    local name=$1 theirs ours
    shift
    fio_engine=libaio fio_run reference "${base[@]}" "$@"
    is_clean || { ok "$name (libaio's own run failed)"; return; }
    theirs=$(jq -c "$did" "$T/reference.json")
    fio_run ours "${base[@]}" "$@"
    ours=$(jq -c "$did" "$T/ours.json")
    is_clean && [ "$ours" = "$theirs" ] || { note "libaio: $theirs" "ours:   $ours"; false; }
    ok "like libaio: $name"
}

on_file=(--filename="$file" --size=4m)
on_device=(--filename="$device" --size=8m)
same_as_libaio 'randread' "${on_device[@]}" --rw=randread --iodepth=32
same_as_libaio 'randwrite' "${on_device[@]}" --rw=randwrite --iodepth=32
same_as_libaio 'randrw with a fixed seed' "${on_device[@]}" --rw=randrw --rwmixread=70 --iodepth=16
same_as_libaio 'mixed block sizes' "${on_device[@]}" --rw=randwrite --bssplit=512/50:4k/30:64k/20 --iodepth=16
same_as_libaio 'io_size beyond size' "${on_device[@]}" --rw=read --size=1m --io_size=5m --iodepth=4
same_as_libaio 'loops=3' "${on_device[@]}" --rw=write --size=1m --loops=3 --iodepth=4
same_as_libaio 'fsync=4' "${on_file[@]}" --rw=write --fsync=4 --iodepth=16
same_as_libaio 'fsync=1 at depth 1' "${on_file[@]}" --rw=write --size=512k --fsync=1 --iodepth=1
same_as_libaio 'fdatasync=8' "${on_file[@]}" --rw=randwrite --fdatasync=8 --iodepth=16
same_as_libaio 'fsync=4 and fdatasync=3' "${on_file[@]}" --rw=randwrite --size=1m --fsync=4 --fdatasync=3 --iodepth=8
same_as_libaio 'fsync=4 in batches of 8' "${on_file[@]}" --rw=randwrite --fsync=4 --iodepth=16 --iodepth_batch=8
same_as_libaio 'end_fsync=1' "${on_file[@]}" --rw=write --end_fsync=1 --iodepth=8
same_as_libaio 'fsync_on_close=1' "${on_file[@]}" --rw=write --fsync_on_close=1 --iodepth=8
same_as_libaio 'sync_file_range' "${on_file[@]}" --rw=write --sync_file_range=write:8 --iodepth=8
same_as_libaio 'buffered writes with fsync=16' "${on_file[@]}" --direct=0 --rw=randwrite --fsync=16 --iodepth=8
same_as_libaio 'numjobs=4' "${on_device[@]}" --rw=randwrite --numjobs=4 --iodepth=8
case $device in
/dev/*)
    same_as_libaio 'trim' "${on_device[@]}" --bs=64k --rw=trim --iodepth=8
    same_as_libaio 'trimwrite' "${on_device[@]}" --bs=64k --rw=trimwrite --iodepth=8
    ;;
*) skip 'like libaio: trim and trimwrite' 'needs a loop device' 2 ;;
esac
finish
