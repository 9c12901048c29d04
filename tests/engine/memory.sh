#!/bin/bash
# memory.sh - what a job's memory grows by with qaio in place of libaio: at most 1 MiB and 16 KiB per unit of iodepth,
# the depth being in use all the time.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

[ -z "$QAIO_PRELOAD" ] || skip_all 'a sanitizer has an allocator of its own'
is_qaio || skip_all "only qaio's: libaio is what it is compared with"
plan 4
target loop512 64 || target ext 64 || skip_all "$why"

# touched OPTION...: the anonymous memory, in KiB, that the job's process has touched while it runs.
touched() {
    local job
    fio_start touched --filename="$target" --direct=1 --size=64m --bs=4k --rw=randread --norandommap --disk_util=0 \
        --time_based --runtime=3 "$@"
    sleep 2
    job=$(pgrep -P "$(fio_child)" | head -n 1)
    kib=$(awk '$1 == "RssAnon:" { print $2 }' "/proc/$job/status" 2>/dev/null)
    fio_wait
    is_clean && [ -n "$kib" ]
}

# fits DEPTH OPTION...
fits() {
    local depth=$1 limit=$((1024 + 16 * $1)) ours theirs
    shift
    touched --iodepth="$depth" "$@" && ours=$kib || return
    fio_engine=libaio touched --iodepth="$depth" "$@" && theirs=$kib || return
    note "depth $depth $*: $ours KiB, $((ours - theirs)) more than libaio; the limit is $limit"
    [ $((ours - theirs)) -le $limit ]
}

for depth in 1 128 4096; do
    fits $depth --iodepth_batch=32
    ok "depth $depth"
done
fits 128 --iodepth_batch=32 --qaio_coroutine=ucontext
ok 'depth 128 with qaio_coroutine=ucontext'
finish
