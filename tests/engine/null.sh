#!/bin/bash
# null.sh - null-co and null-aio: no file is created, opened, written or removed, whatever the job says; other jobs of
# the same fio have theirs; a request takes its latency; nothing is allocated per request.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's"
plan 18
null=(--size=4m --bs=4k --rw=randrw --iodepth=16)

# A file that must stay what it is, and a name under which nothing must come into being.
printf keep >"$T/keep"
untouched() {
    [ "$(cat "$T/keep")" = keep ] && [ ! -e "$T/none" ] && [ ! -e "$T/new" ] &&
        ! ls "$T" | grep -E '\.[0-9]+\.[0-9]+$'
}
build_helper opened -shared -ldl || skip_all 'no compiler for the helper'
opened=$helper

# That the helper sees it when files are touched.
: >"$T/opened"
fio_env=(OPENED_LOG="$T/opened" OPENED_PART="$T/seen:null-test")
fio_preload=$opened fio_run null-test --filename="$T/seen" --size=64k --rw=write --unlink=1
fio_env=()
is_clean && [ "$(grep -c seen "$T/opened")" -ge 2 ] && [ ! -e "$T/seen" ]
ok 'a job with a file does touch it'

for driver in null-co null-aio; do
    for options in '' '--direct=1' '--thread=1' '--numjobs=2' '--nrfiles=3' '--end_fsync=1 --fsync=8 --rw=randwrite' \
        '--rw=randtrim' ; do
        : >"$T/opened"
        fio_env=(OPENED_LOG="$T/opened" OPENED_PART="$T/keep:$T/none:$T/new:null-test")
        fio_preload=$opened fio_run null-test "${null[@]}" --qaio_driver=$driver --qaio_stats=stats $options \
            --filename="$T/keep:$T/none/x:$T/new" --unlink=1 --invalidate=1 --create_serialize=0
        fio_env=()
        [ ! -s "$T/opened" ] || note "opened: $(sort -u "$T/opened" | tr '\n' ' ')"
        is_clean && untouched && [ ! -s "$T/opened" ] && is_so '[.jobs[] | .read, .write, .trim | .total_ios] | add > 500'
        status=$?
        [ $status = 0 ] || bad+=" $driver $options;"
    done
    [ -z "${bad-}" ]
    ok "$driver touches no file${bad:+ ($bad)}"
    bad=
    fio_run unnamed "${null[@]}" --qaio_driver=$driver
    is_clean && untouched
    ok "$driver without a filename"

    rm -f "$T/stats"
    fio_run allocations "${null[@]}" --qaio_driver=$driver --size=64m --iodepth=64 --qaio_stats=stats
    is_clean && jq -e '.allocations_after_warmup == 0 and .io_submit_calls == 0 and .requests.read > 8000' \
        "$T/stats" >/dev/null
    ok "$driver: nothing allocated after warm-up"

    # A latency that timers of the kernel's, which are about 50 us late, do not hide.
    fio_run latency "${null[@]}" --qaio_driver=$driver --qaio_latency_ns=5000000 --number_ios=400 --iodepth=4
    is_clean && is_so '.jobs[0].read.lat_ns | .min >= 5000000 and .mean < 25000000'
    ok "$driver: qaio_latency_ns=5000000"

    printf '[global]\nioengine=%s\nwrite_hint=short\nqaio_driver=%s\nsize=1m\nrw=write\n[a]\nfilename=%s/keep\n[b]\nnumjobs=2\n[c]\nnrfiles=3\n' \
        "$engine" $driver "$T" >"$T/global.fio"
    (cd "$T" && env ${QAIO_PRELOAD:+LD_PRELOAD=$QAIO_PRELOAD} "$FIO" --output-format=json --output=global.json global.fio >global.log 2>&1) &&
        untouched && jq -e 'all(.jobs[]; .error == 0 and .write.total_ios >= 255)' "$T/global.json" >/dev/null
    ok "$driver in [global]"

    fio_run filesize --qaio_driver=$driver --filesize=256k --nrfiles=3 --bs=4k --rw=write
    is_clean && is_so '.jobs[0].write.io_bytes == 786432'
    ok "$driver: filesize= in place of size="
done

# Two jobs of one fio: one has a file, the other has none.
fio_run beside "${null[@]}" --qaio_driver=null-co --filename=none --name=real --ioengine="$engine" --size=1m --bs=4k \
    --rw=write --filename="$T/real" --qaio_driver=auto --verify=crc32c
is_clean && [ "$(stat -c %s "$T/real")" = $((1 << 20)) ] && [ ! -e "$T/none" ]
ok 'beside a job that has a file'
fio_run behind --size=1m --bs=4k --rw=write --filename="$T/real2" --verify=crc32c --thread=1 --name=null \
    --ioengine="$engine" "${null[@]}" --thread=1 --filename=none --qaio_driver=null-aio
is_clean && [ "$(stat -c %s "$T/real2")" = $((1 << 20)) ] && [ ! -e "$T/none" ]
ok 'the other way round, as threads'

# The driver by force.
target ext 4 || skip_all "$why"
fio_run file --filename="$target" --size=4m --bs=4k --direct=1 --rw=randwrite --verify=crc32c --qaio_driver=file
is_clean
ok 'qaio_driver=file on a file'
if target loop512 8; then
    fio_run device --filename="$target" --size=4m --bs=4k --direct=1 --rw=randwrite --verify=crc32c \
        --qaio_driver=host_device
    is_clean
    ok 'qaio_driver=host_device on a device'
    fio_run refused --filename="$target" --size=4m --bs=4k --direct=1 --rw=randread --qaio_driver=file
    is_refused '^qaio: .*driver file is not for it'
    ok 'qaio_driver=file on a device'
else
    skip 'devices' "$why" 2
fi
finish
