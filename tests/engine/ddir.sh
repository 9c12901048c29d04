#!/bin/bash
# ddir.sh - every direction and way of working that fio has: trims (also on regular files), syncs, rates, time
# limits, replay of a log, many files, many jobs, offloaded submission, group reports, client and server.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 240
. "$(dirname "$0")/lib.sh"

plan 38
target ext 64 || skip_all "$why"
file=$target
target loop512 64 && device=$target || { device=$file; device_why=$why; }
on_device=(--filename="$device" --direct=1 --bs=4k --size=16m --iodepth=16)
on_file=(--filename="$file" --direct=1 --bs=4k --size=8m --iodepth=16)

# --- Trim

# The first SIZE bytes of FILE are zeros.
zeroed() {
    cmp -s -n "$2" "$1" /dev/zero || { note "$1 is not zero"; false; }
}

if [ "$device" != "$file" ]; then
    for rw in trim randtrim; do
        dd if=/dev/urandom of="$device" bs=1M count=16 oflag=direct status=none
        fio_run $rw "${on_device[@]}" --bs=64k --rw=$rw
        is_clean && is_so '.jobs[0].trim | .total_ios == 256 and .io_bytes == 16777216' && zeroed "$device" 16777216
        ok "$rw on a loop device"
    done
    fio_run trimwrite "${on_device[@]}" --bs=64k --rw=trimwrite --verify=crc32c
    is_clean && is_so '.jobs[0] | .trim.total_ios == .write.total_ios and .write.total_ios > 0'
    ok 'trimwrite on a loop device, verified: no write is overtaken by the trim before it'
else
    skip 'trims on a loop device' "$device_why" 3
fi

if is_qaio; then
    for rw in trim randtrim; do
        dd if=/dev/urandom of="$file" bs=1M count=8 conv=notrunc,fsync status=none
        fio_run $rw-file "${on_file[@]}" --bs=64k --rw=$rw
        is_clean && is_so '.jobs[0].trim | .total_ios == 128 and .io_bytes == 8388608' && zeroed "$file" 8388608
        ok "$rw on a regular file"
    done
    fio_run trimwrite-file "${on_file[@]}" --bs=64k --rw=trimwrite --direct=0
    is_clean && is_so '.jobs[0] | .trim.total_ios == .write.total_ios and .write.total_ios > 0'
    ok 'trimwrite on a regular file, buffered'
else
    skip 'trims on a regular file' "only qaio's" 3
fi

# --- Syncs. Of those fio 3.33 counts only fsync; accounting.sh compares the counts with libaio's.

for options in --fsync=4 --fdatasync=4 --sync_file_range=write:4; do
    fio_run sync "${on_file[@]}" --rw=randwrite --number_ios=256 $options
    is_clean && is_so '.jobs[0].write.total_ios == 256' &&
        { [ $options != --fsync=4 ] || is_so '.jobs[0].sync.total_ios | . >= 60 and . <= 66'; }
    ok "randwrite $options"
done
fio_run sync-verify "${on_file[@]}" --rw=randwrite --fsync=8 --fdatasync=5 --verify=crc32c --iodepth_batch=4
is_clean
ok 'fsync and fdatasync between batches, verified'

# --- Mixes

for mix in 'rw --rwmixread=10' 'randrw --rwmixwrite=30' 'rw --rw_sequencer=identical' 'randrw --norandommap'; do
    fio_run mix "${on_device[@]}" --rw=$mix
    is_clean && is_so '.jobs[0] | .read.total_ios + .write.total_ios == 4096 and .read.total_ios > 0'
    ok "rw=$mix"
done

# --- Rates and times. fio itself keeps rates within a few percent over two seconds.

fio_run rate "${on_device[@]}" --rw=randread --time_based --runtime=2 --rate=8m --iodepth=4
is_clean && is_so '.jobs[0].read.bw_bytes | . > 0.9 * 8388608 and . < 1.1 * 8388608'
ok 'rate=8m'
fio_run rate-iops "${on_device[@]}" --rw=randwrite --time_based --runtime=2 --rate_iops=1500 --iodepth=32
is_clean && is_so '.jobs[0].write.iops | . > 1350 and . < 1650'
ok 'rate_iops=1500'
fio_run rate-both "${on_device[@]}" --rw=randrw --time_based --runtime=2 --rate_iops=800,400 --iodepth=8
is_clean && is_so '.jobs[0] | .read.iops > 720 and .read.iops < 880 and .write.iops > 360 and .write.iops < 440'
ok 'rate_iops=800,400'
fio_run rate-poisson "${on_device[@]}" --rw=randread --time_based --runtime=2 --rate_iops=2000 --rate_process=poisson --iodepth=8
is_clean && is_so '.jobs[0].read.iops | . > 1700 and . < 2300'
ok 'rate_iops=2000 with rate_process=poisson'
fio_run time "${on_device[@]}" --rw=randread --time_based --runtime=1
is_clean && is_so '.jobs[0].read.runtime | . >= 950 and . < 1500'
ok 'time_based, runtime=1'
fio_run ramp "${on_device[@]}" --rw=randwrite --time_based --runtime=1 --ramp_time=1
is_clean && is_so '.jobs[0].write | .runtime >= 950 and .runtime < 1500 and (.clat_ns.N - .total_ios | fabs) <= 16'
ok 'ramp_time=1'
fio_run think "${on_device[@]}" --rw=randread --number_ios=200 --thinktime=2000 --thinktime_blocks=10
is_clean && is_so '.jobs[0].read | .total_ios == 200 and .runtime >= 30'
ok 'thinktime'
# fio 3.33 sleeps for hours when it has spun for longer than thinktime, having been preempted: hence the distance.
fio_run think-spin "${on_device[@]}" --rw=randread --number_ios=200 --thinktime=200000 --thinktime_spin=1000 --thinktime_blocks=50 --thread=1
is_clean && is_so '.jobs[0].read.total_ios == 200'
ok 'thinktime_spin in a thread'

# --- Replay

fio_run record "${on_device[@]}" --rw=randrw --size=2m --write_iolog=io.log
is_clean && [ -s "$T/io.log" ]
ok 'write_iolog'
did='.jobs[0] | [.read.total_ios, .write.total_ios] | @csv'
recorded=$(json "$did")
fio_run replay --direct=1 --iodepth=16 --read_iolog=io.log --replay_no_stall=1
is_clean && [ "$(json "$did")" = "$recorded" ]
ok 'read_iolog does the same requests'

# --- Many files

many=(--directory="$T" --direct=1 --bs=4k --size=4m --nrfiles=200 --iodepth=16 --filesize=20k)
for options in '--openfiles=20' '--openfiles=20 --file_service_type=random' '--file_service_type=sequential' \
    '--openfiles=7 --file_service_type=zipf --thread=1'; do
    fio_run many "${many[@]}" --rw=randwrite $options
    is_clean && is_so '.jobs[0].write.total_ios == 1000'
    ok "nrfiles=200 $options"
done
fio_run many-verify "${many[@]}" --rw=write --openfiles=20 --verify=crc32c
is_clean && is_so '.jobs[0].read.total_ios == 1000'
ok 'nrfiles=200, openfiles=20, verified'
rm -f "$T"/many.* "$T"/many-verify.*

# --- Many jobs

eight=("${on_device[@]}" --rw=randwrite --size=2m --numjobs=8 --offset_increment=2m --verify=crc32c)
fio_run eight "${eight[@]}"
is_clean && is_so '(.jobs | length) == 8 and all(.jobs[]; .write.total_ios == 512 and .read.total_ios == 512)'
ok 'eight forked jobs, verified'
fio_run eight-threads "${eight[@]}" --thread=1
is_clean && is_so '(.jobs | length) == 8 and all(.jobs[]; .write.total_ios == 512 and .read.total_ios == 512)'
ok 'eight threads, verified'
fio_run group "${eight[@]}" --group_reporting=1
is_clean && is_so '(.jobs | length) == 1 and .jobs[0].write.total_ios == 4096'
ok 'group_reporting'
cat >"$T/two.fio" <<END
[global]
ioengine=$engine
filename=$device
direct=1
bs=4k
size=4m
iodepth=8
[write]
rw=randwrite
verify=crc32c
[read]
stonewall
rw=randread
thread=1
END
(cd "$T" && timeout $((30 * ${QAIO_TIMEOUT_FACTOR:-1})) ${QAIO_PRELOAD:+env LD_PRELOAD="$QAIO_PRELOAD"} "$FIO" --output-format=json --output=two.out two.fio) >"$T/two.log" 2>&1
rc=$? run=two
sed -n '/^{/,/^}/p' "$T/two.out" >"$T/two.json"
is_clean && is_so '[.jobs[].read.total_ios] == [1024, 1024]'
ok 'a job file with two jobs, a process and a thread'

# --- Offload: works, or is refused in one line. With verify fio's own libaio engine hangs here.

for options in '--rw=randread' '--rw=randwrite --verify=crc32c' '--rw=randrw --thread=1'; do
    is_qaio || [[ $options != *verify* ]] || { skip "offload $options" 'libaio hangs'; continue; }
    fio_limit=20 fio_run offload "${on_device[@]}" --size=4m $options --io_submit_mode=offload
    if [ "$rc" = 0 ]; then
        is_clean && is_so '.jobs[0] | .read.total_ios + .write.total_ios >= 1024'
    else
        is_refused 'offload'
    fi
    ok "io_submit_mode=offload $options (works, or one line)"
done

# --- Client and server

# fio cannot be asked for a free port: a taken one shows in the server's early end, and the next is tried.
serve() {
    local try port
    for try in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 20000))
        (cd "$T" && trap - INT TERM && exec timeout 30 env QAIO_TEST_FOLDER="$T" ${QAIO_PRELOAD:+LD_PRELOAD=$QAIO_PRELOAD} "$FIO" \
            --server=ip:127.0.0.1,$port >"$T/server.log" 2>&1) &
        server=$!
        job_pids+=("$server")
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            sleep 0.2
            kill -0 $server 2>/dev/null || continue 2
            (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && { address=ip:127.0.0.1,$port; return; }
        done
    done
    false
}
sed 's/^\[read\]/[r2]/' "$T/two.fio" >"$T/served.fio"
if serve; then
    run=client
    (cd "$T" && timeout 30 "$FIO" --client="$address" --output-format=json --output=client.out served.fio) \
        >"$T/client.log" 2>&1
    rc=$?
    sed -n '/^{/,/^}/p' "$T/client.out" >"$T/client.json"
    [ "$rc" = 0 ] && is_so '[.client_stats[] | select(.jobname != "All clients")] |
        length == 2 and all(.[]; .error == 0 and .read.total_ios == 1024)'
    ok 'client and server on the loopback'
    kill -0 $server 2>/dev/null && ! grep -q 'got signal' "$T/server.log"
    ok 'the server is alive after the job'
    kill "$server" 2>/dev/null
else
    skip 'client and server' 'the server takes no connections here' 2
fi
run=
finish
