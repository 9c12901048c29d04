#!/bin/bash
# install.sh - make install puts the engine, its manual page and the job files where they belong, and what is installed
# works; fio --enghelp shows every option with a help text, and the manual page has each of them.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's"
plan 35
options='qaio_loop qaio_coroutine qaio_max_events qaio_max_batch qaio_defer qaio_aio qaio_cache qaio_poll_max_ns qaio_poll_grow qaio_poll_shrink qaio_fdmon
    qaio_stats qaio_driver qaio_latency_ns qaio_read_zeroes qaio_trim qaio_thread_pool_min qaio_thread_pool_max
    qaio_throttle_iops_size qaio_throttle_group qaio_frontend qaio_iothread qaio_queues qaio_queue_size qaio_merge
    qaio_rerror qaio_werror qaio_resume_ms'
# Each of these has a _max and a _max_length.
limits='qaio_throttle_iops qaio_throttle_iops_read qaio_throttle_iops_write qaio_throttle_bps qaio_throttle_bps_read
    qaio_throttle_bps_write'

timeout 20 env ${QAIO_PRELOAD:+LD_PRELOAD=$QAIO_PRELOAD} "$FIO" --enghelp="$QAIO_SO" >"$T/help.log" 2>&1
rc=$? run=help
[ "$rc" = 0 ]
ok 'fio --enghelp=libqaio.so'
for option in $options; do
    grep -qE "^$option +: +[^ ].{10}" "$T/help.log"
    ok "--enghelp has a help text for $option"
done
missing=
for option in $limits; do
    for suffix in '' _max _max_length; do
        grep -qE "^$option$suffix *: +[^ ].{10}" "$T/help.log" || missing+=" $option$suffix"
    done
done
[ -z "$missing" ] || { note "not in --enghelp:$missing"; false; }
ok '--enghelp has the limits, with bursts and their length'
[ "$(grep -cE '^qaio_' "$T/help.log")" = $(($(wc -w <<<"$options") + 3 * $(wc -w <<<"$limits"))) ]
ok 'and has no other option'

missing=
for option in $options $limits; do grep -q "${option//_/\\\\*_}" "$top/docs/libqaio.1" 2>/dev/null || missing+=" $option"; done
[ -z "$missing" ] || { note "not in docs/libqaio.1:$missing"; false; }
ok 'the manual page has every option'

run=
if [ ! -f "$builddir/Makefile" ]; then
    skip 'make install' "$builddir is no build tree" 3
else
    # Not a part of the make that may be running this test.
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$builddir" install DESTDIR="$T/root" >"$T/install.log" 2>&1
    installed=$(cd "$T/root" 2>/dev/null && find . -type f | sort)
    grep -q '/libqaio\.so$' <<<"$installed" && grep -q '/man1/libqaio\.1' <<<"$installed" &&
        grep -q '/randread\.fio$' <<<"$installed" && ! grep -q '\.la$' <<<"$installed" ||
        { note "installed:" $installed; tail -n 3 "$T/install.log" | sed 's/^/# /'; false; }
    ok 'make install: the engine, its manual page, the job files'
    engine=external:$(find "$T/root" -name libqaio.so)
    fio_run installed --filename="$T/file" --size=1m --rw=write --direct=1 --bs=4k --iodepth=4
    is_clean
    ok 'what is installed works'
    run=
    if [ -x "$builddir/qaio-compare" ]; then
        compare=$(find "$T/root" -name qaio-compare -type f)
        version=$(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' "$builddir/config.h")
        [ "$("$compare" --version)" = "qaio-compare $version" ] &&
            grep -q '/man1/qaio-compare\.1' <<<"$installed" && grep -q '/qaio-compare\.schema\.json$' <<<"$installed"
        ok 'and qaio-compare with its manual page'
    else
        skip 'and qaio-compare' 'it is not built'
    fi
fi
finish
