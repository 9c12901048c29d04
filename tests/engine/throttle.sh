#!/bin/bash
# throttle.sh - limits hold: the rate is within 2 % of them, for reads and writes together and apart, bytes and requests,
# and all files of a job; bursts are as large and as fast as they may be; members of a group get equal shares; a sync
# waits for no limit.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's"
plan 17
seconds=5

# All at the same time, on no device, at rates that a busy machine can do: each job is alone with its limits.
jobs=()
job() {
    local name=$1
    shift
    jobs+=(--name="$name" --ioengine="$engine" --qaio_driver=null-co --size=1g --bs=4k --iodepth=16 --time_based
        --runtime=$seconds --qaio_"$@")
}
job iops throttle_iops=500 --rw=randrw
job bps throttle_bps=4m --rw=randwrite --bs=64k
job bps-read throttle_bps_read=2m --rw=randread
job op-size throttle_iops=400 --qaio_throttle_iops_size=4k --rw=randread --bs=8k
job files throttle_iops=300 --rw=randread --nrfiles=4
job null-aio throttle_iops=300 --rw=randwrite --qaio_driver=null-aio --qaio_latency_ns=1000000
for rw in read write; do
    job $rw throttle_iops_read=300 --qaio_throttle_iops_write=100 --qaio_throttle_group=apart --thread=1 --rw=rand$rw
done
job deep throttle_iops=400 --qaio_throttle_group=fair --thread=1 --rw=randread --iodepth=32
job shallow throttle_iops=400 --qaio_throttle_group=fair --thread=1 --rw=randread --iodepth=4
job silent throttle_group=fair --thread=1 --rw=randread --startdelay=100ms
for n in 1 2; do
    job forked$n throttle_iops=200 --qaio_throttle_group=processes --rw=randread
done
job burst throttle_iops=100 --qaio_throttle_iops_max=1000 --rw=randread
job burst-length throttle_iops=100 --qaio_throttle_iops_max=500 --qaio_throttle_iops_length=2 --rw=randread
job burst-begins throttle_iops=100 --qaio_throttle_iops_max=500 --qaio_throttle_iops_max_length=2 --rw=randread \
    --runtime=1
fio_start together --qaio_driver=null-co --size=1m --rw=read "${jobs[@]}"
fio_wait
is_clean
ok 'all limited jobs run'

# rate JOB WHAT LOW HIGH: what the job did a second, in requests or bytes, lies there.
rate() {
    is_so "first(.jobs[] | select(.jobname == \"$1\")) | [.read, .write]
        | (map($2) | add) / (map(.runtime) | max) * 1000 | . >= $3 and . <= $4"
    local status=$?
    [ $status = 0 ] || note "$1: $(json "first(.jobs[] | select(.jobname == \"$1\")) | [.read, .write]
        | (map($2) | add) / (map(.runtime) | max) * 1000")"
    return $status
}
within_2() {
    rate "$1" "$2" "$(($3 * 98 / 100))" "$(($3 * 102 / 100))"
}
# Requests in all. A burst is as large as it may be, plus what leaked until the end.
total() {
    is_so "first(.jobs[] | select(.jobname == \"$1\")) | .read.total_ios | . >= $2 * 0.97 and . <= $2 * 1.03" || {
        note "$1: $(json "first(.jobs[] | select(.jobname == \"$1\")) | .read | {total_ios, runtime}")"
        false
    }
}

within_2 iops .total_ios 500
ok 'iops'
within_2 bps .io_bytes $((4 << 20))
ok 'bps'
within_2 bps-read .io_bytes $((2 << 20))
ok 'bps_read'
within_2 op-size .total_ios 200
ok 'iops_size: a request of two operations counts twice'
within_2 files .total_ios 300
ok 'the files of a job share its limits'
within_2 null-aio .total_ios 300
ok 'null-aio'
within_2 read .total_ios 300 && within_2 write .total_ios 100
ok 'reads and writes apart, in a group of two jobs'
rate deep .total_ios 127 141 && rate shallow .total_ios 127 141 && rate silent .total_ios 125 141
ok 'three jobs of a group get equal shares, whatever their depth, and one of them names no limits'
within_2 forked1 .total_ios 200 && within_2 forked2 .total_ios 200
ok 'a group does not reach into another process'
total burst 1500
ok 'a burst of a second'
total burst-length 1500
ok 'a burst of two seconds, at twice the length'
total burst-begins 550
ok 'it is no faster than it may be'

# On a real file: linux-aio with the queue plugged. Waiting is latency to completion, not to submission.
target ext 8 || skip_all "$why"
fio_run file --filename="$target" --direct=1 --size=8m --bs=4k --rw=randread --iodepth=16 --iodepth_batch=8 --time_based \
    --runtime=3 --qaio_throttle_iops=400
is_clean && within_2 file .total_ios 400 && is_so '.jobs[0].read | .slat_ns.mean < .clat_ns.mean / 10'
ok 'a file with direct=1'

# Each sync finds requests that wait for limits, and lets them go: it does not take the second and a half that they
# would. What went counts nevertheless: the rate holds.
fio_run drained --filename="$target" --direct=1 --size=8m --bs=4k --rw=randwrite --iodepth=32 --fsync=16 \
    --number_ios=48 --qaio_throttle_iops=10
is_clean && is_so '.jobs[0] | .write.total_ios == 48 and .write.runtime > 3000
    and (.sync | .total_ios >= 2 and .lat_ns.max < 700000000)'
ok 'a sync drains, and does not wait for limits'

fio_run closed --directory="$T" --nrfiles=20 --openfiles=1 --file_service_type=sequential --filesize=64k --bs=4k --direct=1 \
    --rw=write --iodepth=8 --qaio_throttle_iops=1000
is_clean && is_so '.jobs[0].write | .total_ios == 320 and .runtime > 250'
ok 'the limits outlive the files that come and go'

fio_output=normal fio_run refused --qaio_driver=null-co --size=1m --rw=randread --thread=1 --time_based --runtime=2 \
    --qaio_throttle_iops=100 --qaio_throttle_group=g --name=other --ioengine="$engine" --qaio_driver=null-co --size=1m \
    --rw=randread --thread=1 --startdelay=1 --qaio_throttle_iops=200 --qaio_throttle_group=g
is_refused '^qaio: qaio_throttle_group=g has other limits in another job'
ok 'a group has one set of limits'
finish
