#!/bin/bash
# jobs-as-threads.sh - four jobs in one process get the data they wrote, whatever the path; and in a build with
# --enable-sanitizers=thread none of them touches what is another's.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120
#
# fio has no sanitizer in it, so TSan sees neither what fio does nor how fio orders its threads, and reports some of that as
# races. A report counts when both accesses are made by the engine.
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "what is asked here is qaio's alone"
plan 11
fio_env=(TSAN_OPTIONS="exitcode=0 die_after_fork=0 log_path=$T/tsan" G_SLICE=always-malloc)

# The engine's own races among the reports on stdin.
races_of_ours() {
    awk '
        function end() {
            if (ours[1] && ours[2])
                printf "%s", text
            text = ""
            n = in_access = 0
            delete ours
        }
        /^WARNING: ThreadSanitizer/ { end() }
        { text = text $0 "\n" }
        /^  [A-Z].* by (main thread|thread T)/ { n++; in_access = 1; next }
        /^$/ { in_access = 0 }
        in_access && /libqaio\.so/ { ours[n] = 1 }
        END { end() }'
}

# four NAME OPTION...: each job writes a file of its own and reads it back
four() {
    local name=$1
    shift
    fio_run "$name" --directory="$T" --thread=1 --numjobs=4 --size=1m --bs=4k --rw=randwrite --verify=crc32c \
        --verify_fatal=1 "$@"
    is_clean && is_so "([.jobs[].read.io_bytes] | add) == $((4 << 20))"
}

four native --direct=1 --iodepth=16 --qaio_stats="$T/stats"
ok 'Linux AIO'
four ucontext --direct=1 --iodepth=16 --iodepth_batch=4 --qaio_coroutine=ucontext
ok 'the ucontext backend'
four workers --direct=0 --iodepth=8
ok 'worker threads'
four polling --direct=1 --iodepth=4 --qaio_poll_max_ns=50000
ok 'adaptive polling'
four epoll --direct=1 --iodepth=4 --qaio_fdmon=epoll
ok 'epoll'
four early --direct=1 --iodepth=16 --qaio_loop=select --qaio_coroutine=none
ok 'the loop before AioContext'
four virtio --direct=1 --iodepth=16 --iodepth_batch=4 --qaio_frontend=virtio --qaio_iothread=2 --qaio_queues=2 --qaio_stats="$T/stats"
ok 'virtio-blk in two IOThreads that all share'
four inline --direct=1 --iodepth=16 --qaio_frontend=virtio --qaio_queues=2
ok "virtio-blk in each job's own thread"
fio_run shared --filename="$T/shared" --thread=1 --numjobs=4 --size=1m --bs=4k --rw=randrw --direct=1 --iodepth=8 \
    --fsync=16
is_clean && is_so '[.jobs[].read.total_ios, .jobs[].write.total_ios] | add == 1024'
ok 'one file for all'

cat >"$T/sample" <<'END'
WARNING: ThreadSanitizer: data race (pid=1)
  Write of size 8 at 0x1 by thread T1:
    #0 f f.c:1 (libqaio.so+0x1)

  Previous read of size 8 at 0x1 by thread T2:
    #0 g g.c:1 (libqaio.so+0x2)

WARNING: ThreadSanitizer: data race (pid=1)
  Write of size 8 at 0x2 by main thread:
    #0 h <null> (fio+0x1)

  Previous read of size 8 at 0x2 by thread T2:
    #0 g g.c:1 (libqaio.so+0x2)

END
[ "$(races_of_ours <"$T/sample" | grep -c 'data race')" = 1 ]
ok 'a report counts when both sides are the engine'

case $QAIO_PRELOAD in
*tsan*)
    races=$(cat "$T"/tsan.* 2>/dev/null | races_of_ours)
    note "reports of TSan, fio's own among them: $(cat "$T"/tsan.* 2>/dev/null | grep -c '^WARNING')"
    [ -z "$races" ] || { note "$races" | head -n 60; false; }
    ok 'no race'
    ;;
*) skip 'no race' 'a build without --enable-sanitizers=thread' ;;
esac
finish
