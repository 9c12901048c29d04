#!/bin/bash
# guard.sh - an engine built for one fio and loaded by another says so in one line, and how to mend it; the job fails,
# nothing crashes. Tried with a small host that calls itself another fio, and with a real fio of another Debian
# suite, built here.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
. "$(dirname "$0")/lib.sh"

is_qaio || skip_all "only qaio's"
plan 14

# --- A host that only says it is another fio

build_helper fake-fio -rdynamic -ldl
LD_PRELOAD=$QAIO_PRELOAD "$helper" "$QAIO_SO" >"$T/fake.log" 2>&1
fake=$?
[ $fake = 0 ] || { note "exit status $fake" "$(head -n 5 "$T/fake.log")"; false; }
ok 'another fio gets no engine'
[ "$(grep -c . "$T/fake.log")" = 1 ] && grep -q '^qaio: ' "$T/fake.log"
ok 'it gets one line'
for part in "$("$FIO" --version)" fio-0.0-elsewhere --with-fio=; do
    grep -qF -e "$part" "$T/fake.log"
    ok "the line names $part"
done

# --- A real one

# Gives $other, the fio binary of another version; or fails with $why. QAIO_OTHER_FIO=FILE names one that is there;
# else it is built, and kept in the build tree.
other_fio() {
    local cache=$builddir/fio-other log=$T/other.log suite
    other=${QAIO_OTHER_FIO:-$cache/fio}
    [ ! -x "$other" ] || return 0
    [ -x "$top/scripts/fetch-fio" ] || { why='no scripts/fetch-fio'; return 1; }
    # By another name until it is whole: an interrupted build is not taken for one.
    rm -rf "$cache" "$cache.part"
    for suite in trixie sid; do
        timeout 120 "$top/scripts/fetch-fio" --version-of $suite --dest "$cache.part" >"$log" 2>&1 </dev/null && break
    done
    [ -f "$cache.part/fio.h" ] || { why="no source of another fio: $(tail -n 1 "$log")"; return 1; }
    (cd "$cache.part" && env -u MAKEFLAGS -u MFLAGS -u LD_PRELOAD sh -c './configure --disable-native && make -j2 fio') \
        >"$log" 2>&1 </dev/null || { why="another fio does not build: $(tail -n 1 "$log")"; return 1; }
    mkdir "$cache" && mv "$cache.part" "$cache/src" && ln "$cache/src/fio" "$cache/fio"
}

# Builds the engine for the other fio, in the build tree; gives it in $other_so, or fails with $why.
other_engine() {
    local build=$builddir/fio-other/build log=$T/engine.log
    other_so=$build/libqaio.so
    [ -d "$builddir/fio-other/src" ] || { why="the source of $other is not here"; return 1; }
    [ -x "$top/configure" ] || { why='no configure script'; return 1; }
    mkdir -p "$build"
    (cd "$build" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u LD_PRELOAD sh -c \
        '"$1/configure" --enable-werror --with-fio=../src FIO="$2" && make -j2' sh "$top" "$other") >"$log" 2>&1 </dev/null ||
        { why="it does not build: $(tail -n 1 "$log")"; return 1; }
}

if ! other_fio; then
    skip 'a real fio of another version' "$why" 9
elif [ "$("$other" --version)" = "$("$FIO" --version)" ]; then
    skip 'a real fio of another version' "$other is of this version" 9
else
    version=$("$other" --version)
    own_fio=$FIO FIO=$other
    for options in '' '--thread=1 --numjobs=2'; do
        fio_output=normal fio_run guarded --filename="$T/file" --size=1m --rw=write --direct=1 $options
        is_refused "^qaio: .*$version.*--with-fio" && ! grep -q 'Run status' "$T/guarded.log"
        ok "$version: refused in one line${options:+ ($options)}"
    done
    [ "$(grep -c '^qaio: ' "$T/guarded.log")" = 1 ]
    ok 'and that line once'
    timeout 10 env ${QAIO_PRELOAD:+LD_PRELOAD=$QAIO_PRELOAD} "$other" --enghelp="$QAIO_SO" >"$T/guarded.log" 2>&1
    rc=$?
    no_crash && grep -q "^qaio: .*$version" "$T/guarded.log"
    ok "$version --enghelp: the line, and no crash"
    fio_engine=libaio fio_run its-own --filename="$T/file" --size=1m --rw=write --direct=1 --iodepth=4
    is_clean
    ok "$version works with its own engine"

    # Built for it, the engine is as good there: also where that fio differs, in how it takes asynchronous syncs.
    other_engine || note "$why"
    [ -f "$other_so" ]
    ok "an engine for $version builds"
    job=(--filename="$T/file" --size=4m --rw=randwrite --direct=1 --iodepth=16 --fsync=4 --verify=crc32c)
    fio_engine=external:$other_so fio_run ours "${job[@]}" --bs=4k
    is_clean && is_so '.jobs[0] | .write.total_ios == 1024 and .read.total_ios == 1024'
    ok "it writes and verifies there"
    syncs=$(json '.jobs[0].sync.total_ios')
    fio_engine=libaio fio_run theirs "${job[@]}" --bs=4k
    [ "$syncs" -gt 200 ] && is_so ".jobs[0].sync.total_ios == $syncs"
    ok "with as many syncs as libaio: $syncs"
    fio_engine=external:$other_so FIO=$own_fio fio_output=normal fio_run wrong "${job[@]}" --bs=4k
    is_refused "^qaio: .*built for $version"
    ok "and is refused by the fio of this machine"
fi
finish
