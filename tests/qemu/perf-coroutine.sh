#!/bin/bash
# Prints what coroutines cost in the performance cases of QEMU's test-coroutine: ours beside QEMU's own.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# To be run by `make check-qemu`, at the top of the build tree, after tests/qemu/check-qemu.sh. Both programs are
# made of one source, QEMU's with fewer rounds, for the table to take half a minute: the nesting case alone
# would take QEMU two. QEMU's library is built as QEMU builds it by default, with the features that nothing of
# it uses left out. Says so in a line, and succeeds, where there is no source or what its build needs lacks.

set -u
builddir=$PWD
source=$builddir/qemu-source
own=$builddir/qemu-own
perf=$builddir/tests/qemu/source/perf-coroutine.c
runs=7
unset MAKEFLAGS MFLAGS MAKELEVEL
export LC_ALL=C

leave() {
    echo "no comparison with QEMU's coroutines: $*"
    exit 0
}

# quietly WHAT COMMAND...: the end of the output shows when the command fails
quietly() {
    local what=$1
    shift
    "$@" >"$work/log" 2>&1 </dev/null && return
    tail -n 10 "$work/log"
    leave "$what"
}

# The cases, with fewer rounds: an edit for each of the four counts.
make_source() {
    sed -E -e 's/(maxcycles = 100000000);/maxcycles = 10000000;/' -e 's/maxcycles = 40000000;/maxcycles = 4000000;/' \
        -e 's/maxcycles = 10000;/maxcycles = 100;/' "$source/tests/unit/test-coroutine.c" >"$work/perf.c"
    [ "$(diff "$source/tests/unit/test-coroutine.c" "$work/perf.c" | grep -c '^>')" = 4 ] ||
        leave "the cases of test-coroutine.c are not those of QEMU 7.2"
    cmp -s "$work/perf.c" "$perf" || cp "$work/perf.c" "$perf"
}

# QEMU's object of the test, made of our source by QEMU's own command, linked by QEMU's own command.
link_own() {
    local object=tests/unit/test-coroutine.p/test-coroutine.c.o compile link
    cd "$own" || return 1
    compile=$(ninja -t commands tests/unit/test-coroutine | grep -- "-o $object -c") || return 1
    link=$(ninja -t commands tests/unit/test-coroutine | grep -- '-o tests/unit/test-coroutine ') || return 1
    eval "${compile/%-o $object -c */-o perf.o -c "'$perf'"}" &&
        eval "$(sed "s| $object | perf.o |; s|-o tests/unit/test-coroutine |-o perf-coroutine |" <<<"$link")"
}

build_own() {
    local tool
    for tool in meson ninja python3 pkg-config; do
        command -v $tool >/dev/null || leave "QEMU's build wants $tool (Debian: meson ninja-build python3 zlib1g-dev)"
    done
    if [ ! -f "$own/build.ninja" ]; then
        echo "configuring QEMU's own library"
        rm -rf "$own"
        mkdir "$own"
        (cd "$own" && quietly "QEMU does not configure here (Debian: meson ninja-build python3 zlib1g-dev)" \
            "$source/configure" --target-list= --without-default-features --enable-tools \
            --enable-coroutine-pool --with-coroutine=ucontext --with-git-submodules=ignore)
        [ -f "$own/build.ninja" ] || exit 0
    fi
    [ -x "$own/tests/unit/test-coroutine" ] || echo "building QEMU's own library, about a minute"
    quietly "QEMU does not build here" ninja -C "$own" tests/unit/test-coroutine
    quietly "QEMU's test does not build with fewer rounds" link_own
}

# measure WHO PROGRAM: one line a case, "CASE WHO NS", where a nested coroutine counts by itself
measure() {
    "$2" --tap -m perf -p /perf | sed -nE \
        -e 's/^# Lifecycle ([0-9]+) iterations: ([0-9.]+) s.*/1 \1 1 \2/p' \
        -e 's/^# Yield ([0-9]+) iterations: ([0-9.]+) s.*/2 \1 1 \2/p' \
        -e 's/^# Run operation ([0-9]+) iterations ([0-9.]+) s.*/3 \1 1 \2/p' \
        -e 's/^# Nesting ([0-9]+) iterations of ([0-9]+) depth each: ([0-9.]+) s.*/4 \1 \2 \3/p' \
        -e 's/^# Function call ([0-9]+) iterations: ([0-9.]+) s.*/5 \1 1 \2/p' |
        awk -v who="$1" '{ printf "%d %s %.3f\n", $1, who, $4 / $2 / $3 * 1e9 }'
}

print_table() {
    sort -k1,1n -k2,2 -k3,3n "$work/measured" | awk -v runs=$runs '
        BEGIN {
            split("lifecycle: create, enter, end|yield round trip|cost: create, enter, yield, enter, end|" \
                "nesting, 1000 deep, each|a function call, to compare", name, "|")
            printf "%-38s %20s %24s   %s\n", "ns, median of " runs " (min-max)", "aiocore", "QEMU 7.2", "ratio"
        }
        { value[$1, $2, ++n[$1, $2]] = $3 }
        function cell(c, who) {
            return sprintf("%.1f (%.1f-%.1f)", value[c, who, int((runs + 1) / 2)], value[c, who, 1], value[c, who, runs])
        }
        END {
            for (c = 1; c <= 5; c++) {
                if (n[c, "ours"] != runs || n[c, "own"] != runs) {
                    print "perf-coroutine: a case is missing: " name[c]
                    exit 1
                }
                printf "%-38s %20s %24s   %.1f\n", name[c], cell(c, "ours"), cell(c, "own"),
                    value[c, "own", int((runs + 1) / 2)] / value[c, "ours", int((runs + 1) / 2)]
            }
        }'
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
[ -f "$source/VERSION" ] || leave "no source of QEMU"
make_source
quietly "tests/qemu/perf-coroutine does not build" make -C "$builddir" tests/qemu/perf-coroutine
build_own
for ((i = 0; i < runs; i++)); do
    # In turns, each first every other time.
    if ((i % 2)); then
        measure own "$own/perf-coroutine" && measure ours "$builddir/tests/qemu/perf-coroutine"
    else
        measure ours "$builddir/tests/qemu/perf-coroutine" && measure own "$own/perf-coroutine"
    fi
done >"$work/measured"
print_table
