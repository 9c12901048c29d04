#!/bin/bash
# verify.sh - what is written comes back: crc32c over sequential, random and mixed loads, block sizes from
# 512 bytes to 1 MiB, depths 1 to 1024, forked and threaded jobs, on a file, tmpfs, loop devices and zram;
# and fio does see it when a block was altered behind the engine's back.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 180
. "$(dirname "$0")/lib.sh"

# The target, the sum of the jobs' sizes in MiB, fio's options (a later one wins over an earlier). Not the full
# product, but every value of each dimension at least twice.
cases='
ext      16 --rw=write     --bssplit=512/20:4k/40:64k/30:1M/10 --iodepth=31
ext      8  --rw=randrw    --bsrange=512-128k --iodepth=1 --thread=1
ext      8  --rw=randwrite --bsrange=512-64k  --iodepth=31 --direct=0
ext      8  --rw=randwrite --bs=4k            --iodepth=1024 --iodepth_batch=64
tmpfs    16 --rw=randwrite --bsrange=512-1M   --iodepth=128
tmpfs    8  --rw=write     --bs=4k            --iodepth=1024 --thread=1
tmpfs    2  --rw=randrw    --bs=512           --iodepth=2
loop512  16 --rw=randwrite --bsrange=512-64k  --iodepth=1024
loop512  16 --rw=randrw    --bs=4k            --iodepth=2 --thread=1 --numjobs=2 --size=8m --offset_increment=8m
loop512  32 --rw=write     --bs=1M            --iodepth=128 --thread=1
loop512  16 --rw=randrw    --bssplit=512/50:8k/30:1M/20 --iodepth=31 --iodepth_batch=8 --iodepth_batch_complete_max=8
loop4096 16 --rw=randrw    --bsrange=4k-1M    --iodepth=31
loop4096 16 --rw=randwrite --bs=4k            --iodepth=1024 --thread=1
loop4096 8  --rw=write     --bs=4k            --iodepth=1 --numjobs=2 --size=4m --offset_increment=4m
zram     16 --rw=randwrite --bsrange=4k-64k   --iodepth=128
zram     8  --rw=randrw    --bs=4k            --iodepth=2 --thread=1
'
count=$(grep -c . <<<"$cases")
plan $((count + 4))

declare -A made
n=0
while read -r kind total options; do
    [ -n "$kind" ] || continue
    n=$((n + 1))
    name="$kind $options"
    if [ -z "${made[$kind]-}" ]; then
        target "$kind" 32 && made[$kind]=$target || made[$kind]="none: $why"
    fi
    target=${made[$kind]}
    [ -e "$target" ] || { skip "$name" "${target#none: }"; continue; }
    [[ $options != *512* ]] || takes_direct "$target" 512 || {
        skip "$name" "$target takes no direct I/O of 512 bytes"
        continue
    }
    fio_run "case$n" --filename="$target" --direct=1 --size="${total}m" --verify=crc32c --verify_fatal=1 $options
    # Each byte is written once or, in mixed loads, read; what was written is read again to verify it.
    is_clean && is_so "([.jobs[].read.io_bytes] | add) == $((total << 20))"
    ok "$name"
done <<<"$cases"

# The control: one altered sector must be found.
negative() {
    local kind=$1 target=${made[$1]}
    [ -e "$target" ] || { skip "altered $kind" "${target#none: }" 2; return; }
    local load=(--filename="$target" --direct=1 --size=4m --bs=4k --rw=randwrite --iodepth=31 --verify=crc32c)
    fio_run "write-$kind" "${load[@]}" --do_verify=0 && is_clean
    ok "$kind: written"
    dd if=/dev/urandom of="$target" bs=4096 seek=500 count=1 oflag=direct conv=notrunc status=none
    fio_run "altered-$kind" "${load[@]}" --verify_only=1
    [ "$rc" != 0 ] && grep -q '^verify: bad' "$T/altered-$kind.log" && is_so '.jobs[0].error == 84' && no_crash
    ok "$kind: an altered block is found"
}
negative tmpfs
negative loop512
finish
