#!/bin/bash
# manyfiles.sh - a thousand files in one job, and ten thousand times that a file is opened and closed: neither memory nor
# descriptors grow, and a request costs what it costs with one file.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 180
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's"
[ -z "$QAIO_PRELOAD" ] || skip_all 'a sanitizer has an allocator of its own'
plan 8
ulimit -n 4096 2>/dev/null || skip_all 'descriptors for a thousand files are not to be had'

# sample: what fio's process has now: KiB of memory of its own, and descriptors.
sample() {
    local pid
    pid=$(fio_child)
    awk '$1 == "RssAnon:" { print $2 }' "/proc/$pid/status" 2>/dev/null
    ls "/proc/$pid/fd" 2>/dev/null | wc -l
}

# steady KIB DESCRIPTORS: from shortly after the start to shortly before the end the job grew by no more.
steady() {
    local first last
    sleep 0.8
    first=($(sample))
    for ((i = 0; i < 8; i++)); do
        sleep 0.25
        [ -z "$(fio_child)" ] || last=($(sample))
        [ "${last[0]:-0}" != 0 ] || break
        now=(${last[@]})
    done
    note "memory ${first[0]-} to ${now[0]-} KiB, descriptors ${first[1]-} to ${now[1]-}"
    [ -n "${now[0]-}" ] && [ $((now[0] - first[0])) -le "$1" ] && [ $((now[1] - first[1])) -le "$2" ]
}

files=(--directory="$T" --filesize=8k --bs=4k --thread=1)
many=("${files[@]}" --nrfiles=1000 --openfiles=1000 --rw=randread --iodepth=32 --norandommap --time_based --runtime=3)
fio_run made "${files[@]}" --nrfiles=1000 --filename_format='many.$filenum' --rw=read --create_only=1
for backend in native threads io_uring; do
    direct=1
    [ $backend != threads ] || direct=0
    fio_start many-$backend "${many[@]}" --filename_format='many.$filenum' --direct=$direct --qaio_aio=$backend \
        --qaio_stats=stats
    steady 512 4
    status=$?
    fio_wait
    if [ $backend = io_uring ] && [ "$rc" != 0 ] && grep -q '^qaio: qaio_aio=io_uring' "$T/$run.log"; then
        skip "$backend: a thousand files" 'no io_uring here'
        continue
    fi
    is_clean && [ $status = 0 ] && jq -e '.allocations_after_warmup == 0' "$T/stats" >/dev/null
    ok "$backend: a thousand files, no growth, nothing allocated per request"
    rm -f "$T/stats"
done

# A file after the other is opened, read and closed, again and again.
for backend in native threads io_uring; do
    direct=1
    [ $backend != threads ] || direct=0
    fio_start reopened-$backend "${files[@]}" --filename_format='many.$filenum' --nrfiles=100 --openfiles=1 \
        --file_service_type=sequential --rw=read --iodepth=4 --loops=100000 --runtime=3 --direct=$direct --stats=1 \
        --qaio_aio=$backend
    steady 512 4
    status=$?
    fio_wait
    if [ $backend = io_uring ] && grep -q '^qaio: qaio_aio=io_uring' "$T/$run.log"; then
        skip "$backend: files come and go" 'no io_uring here'
        continue
    fi
    note "$(json '.jobs[0].read.total_ios / 2') opened and closed"
    is_clean && [ $status = 0 ] && is_so '.jobs[0].read.total_ios >= 20000'
    ok "$backend: ten thousand times opened and closed, no growth"
done

# The engine's instructions per request, of a thousand files and of one.
valgrind=${VALGRIND:-valgrind}
instructions() {
    local n=$1
    shift
    rm -f "$T"/callgrind.*
    (cd "$T" && timeout 100 "$valgrind" -q --tool=callgrind --callgrind-out-file="$T/callgrind.%p" --combine-dumps=yes \
        "$FIO" --name=counted --ioengine="$engine" --qaio_driver=null-co --bs=4k --rw=randread --norandommap \
        --randrepeat=1 --iodepth=32 --thread=1 --disk_util=0 --size=400m --io_size=100g --number_ios="$n" "$@" \
        >"$T/callgrind.log" 2>&1) || return 1
    awk '
        function object(s, i) {
            i = index(s, ")")
            if (length(s) > i) name[substr(s, 1, i)] = substr(s, i + 2)
            return name[substr(s, 1, i)]
        }
        /^c?ob=/ { o = object(substr($0, index($0, "=") + 1)); if (/^ob/) ours = o ~ /\/lib(qaio|glib)[^\/]*$/; next }
        /^calls=/ { getline; next }
        /^[-0-9+*]/ && ours { sum += $NF }
        END { print sum + 0 }' "$T"/callgrind.*[0-9]
}
per_request() {
    local few most
    few=$(instructions 4000 "$@") && most=$(instructions 12000 "$@") && echo $(((most - few) / 80))
}
if ! command -v "$valgrind" >/dev/null || [ "$valgrind" = no ]; then
    skip 'instructions' 'no valgrind' 2
else
    one=$(per_request --nrfiles=1) && all=$(per_request --nrfiles=1000)
    note "instructions per request, times 100: $one with one file, $all with a thousand"
    [ "${one:-0}" -gt 0 ]
    ok 'instructions per request are counted'
    [ "${all:-0}" -gt 0 ] && [ $((all * 10)) -le $((one * 11)) ]
    ok 'a request costs the same with a thousand files'
fi
finish
