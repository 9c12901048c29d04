#!/bin/bash
# signals.sh - SIGINT and SIGTERM end a running job within a second, as with fio's libaio engine: same exit status, the
# results printed, each request accounted for.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

plan 13
target loop512 16 || target ext 16 || skip_all "$why"
base=(--filename="$target" --direct=1 --size=16m --bs=4k --time_based --runtime=25)

# interrupted SIGNAL OPTION...: gives rc and $took, in milliseconds.
interrupted() {
    local signal=$1 before
    shift
    fio_start interrupted "${base[@]}" "$@"
    sleep 1.2
    before=$(date +%s%N)
    kill -"$signal" "$(fio_child)"
    fio_wait
    took=$((($(date +%s%N) - before) / 1000000))
}

for signal in INT TERM; do
    fio_engine=libaio interrupted $signal --rw=randread --iodepth=16
    theirs=$rc
    for options in '--rw=randread --iodepth=16' '--rw=randwrite --iodepth=128 --numjobs=4' \
        '--rw=randrw --iodepth=32 --thread=1' '--rw=randread --iodepth=1024 --iodepth_batch=64 --thread=1 --numjobs=2' \
        '--rw=randread --iodepth=4 --rate_iops=10' "--rw=randread --iodepth=4 $(is_qaio && echo --qaio_stats=stats)"; do
        interrupted $signal $options
        no_crash && [ "$rc" = "$theirs" ] && [ "$took" -le $((1000 * ${QAIO_TIMEOUT_FACTOR:-1})) ] &&
            is_so '[.jobs[] | .read.total_ios + .write.total_ios] | length > 0 and all(. > 0)' &&
            is_so 'all(.jobs[] | .read, .write; .total_ios == .clat_ns.N)' &&
            is_so 'all(.jobs[]; .error == 0)' || { note "exit status $rc, libaio's $theirs, after $took ms"; false; }
        ok "SIG$signal: $options"
    done
done

! pgrep -f "name=interrupted .*$target" >/dev/null
ok 'no process is left'
finish
