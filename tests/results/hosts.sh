#!/bin/bash
# hosts.sh - qaio-compare --hosts with two fio servers, each in a network of its own: samples of both, and what is
# said when one of them lacks the engine, cannot be reached, or has gone.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 180

here=$(cd "$(dirname "$0")" && pwd)

# Everything happens in a network of our own, which vanishes with its last process.
if [ -z "${HOSTS_INSIDE-}" ]; then
    skip_reason=
    [ "$(id -u)" = 0 ] || skip_reason='needs root, to make network namespaces'
    command -v ip >/dev/null || skip_reason='no ip (Debian: iproute2)'
    [ -n "$skip_reason" ] || unshare --net --mount ip link add type veth 2>/dev/null ||
        skip_reason='no network namespaces with veth here'
    [ -z "$skip_reason" ] || { echo "1..0 # SKIP $skip_reason"; exit 0; }
    HOSTS_INSIDE=1 exec unshare --net --mount bash "$0"
fi

# shellcheck source=../engine/lib.sh
. "$here/../engine/lib.sh"
program=${QAIO_COMPARE:-$builddir/qaio-compare}
[ -x "$program" ] || skip_all "qaio-compare is not built (Debian: libjson-glib-dev)"
is_qaio || skip_all "about qaio's engine"
ip link set lo up

# The engine is in a folder that one of the servers does not see.
mkdir "$T/engine" "$T/nothing" || exit 99
cp "$QAIO_SO" "$T/engine/libqaio.so"
printf '#!/bin/sh\nexport LD_PRELOAD=%s\nexec %s "$@"\n' "$QAIO_PRELOAD" "$FIO" >"$T/fio"
chmod +x "$T/fio"
servers=()

# server N [COMMAND...]: a fio server at 198.18.N.2, run by COMMAND; waits until it listens
server() {
    local n=$1 holder
    shift
    unshare --net sleep 1000 &
    holder=$!
    job_pids+=("$holder")
    until [ "$(readlink /proc/$holder/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
    ip link add "host$n" type veth peer name server netns "$holder" &&
        ip address add "198.18.$n.1/24" dev "host$n" && ip link set "host$n" up &&
        nsenter --target "$holder" --net sh -c \
            "ip link set lo up && ip address add 198.18.$n.2/24 dev server && ip link set server up" || return
    (cd "$T" && exec nsenter --target "$holder" --net "$@" env QAIO_TEST_FOLDER="$T" "$T/fio" \
        --server="ip:198.18.$n.2,8765") >"$T/server$n.log" 2>&1 </dev/null &
    servers[n]=$!
    disown "${servers[n]}" # one of them will be killed, which bash is not to remark on
    job_pids+=("${servers[n]}")
    for ((i = 0; i < 200; i++)); do
        [ -z "$(nsenter --target "$holder" --net ss -Hltn 'sport = 8765' 2>/dev/null)" ] || return 0
        sleep 0.1
    done
    note "the server at 198.18.$n.2 does not listen"
    sed 's/^/#   /' "$T/server$n.log"
    return 1
}

# compare NAME HOSTS ARG...: rc, $T/NAME.out with what it said, $T/results-NAME/ with what it stored
# compare_limit=SECONDS ends it.
compare_limit=
compare() {
    local name=$1 hosts=$2
    shift 2
    rc=0
    (cd "$T" && exec timeout -k 10 ${compare_limit:-$((60 * ${QAIO_TIMEOUT_FACTOR:-1}))} env QAIO_TEST_FOLDER="$T" \
        "$program" run job.fio --hosts "$hosts" --pairs 2 --fio "$T/fio" --results "$T/results-$name" "$@") \
        >"$T/$name.out" 2>&1 </dev/null || rc=$?
}

# Reports as lib.sh's ok does, and shows what the last comparison said when it was not.
says() {
    grep -qE -- "$1" "$T/$2.out" || { note "exit status $rc; nothing matches: $1"; sed 's/^/#   /' "$T/$2.out"; false; }
}

plan 14
cat >"$T/job.fio" <<END
[read]
filename=$T/data
size=1m
rw=randread
bs=4k
iodepth=4
END
head -c 1M /dev/urandom >"$T/data"

server 1 && server 2
ok 'two servers'
printf '198.18.1.2\n198.18.2.2:8765\n' >"$T/two"
arms=(--a libaio --b "external:$T/engine/libqaio.so")

compare both two "${arms[@]}"
[ $rc -le 1 ] || [ $rc = 3 ] || { note "exit status $rc"; sed 's/^/#   /' "$T/both.out"; false; }
ok 'both hosts can be compared'
says '198\.18\.1\.2:8765' both && says '198\.18\.2\.2:8765' both
ok 'each host is in the report'
says 'all hosts' both
ok 'and all of them together'
[ "$(find "$T/results-both" -name '*.json' -path '*/runs/*' | wc -l)" = 4 ] &&
    find "$T/results-both" -name '*.json' -path '*/runs/*' -exec sed -n '/^{/,/^}/p' {} + |
    jq -es 'all([.client_stats[] | select(.jobname == "read") | .hostname] | sort == ["198.18.1.2", "198.18.2.2"])' >/dev/null
ok 'each run has both'

# fio's client ends with 0 here
server 3 unshare --mount sh -c 'mount --bind "$0" "$1" && shift && exec "$@"' "$T/nothing" "$T/engine"
ok 'a server without the engine'
printf '198.18.1.2\n198.18.3.2\n' >"$T/lacking"
compare lacking lacking "${arms[@]}"
[ $rc = 4 ] && says '198\.18\.3\.2:8765 did not run read: .*libqaio\.so' lacking
ok 'its lack makes the arms not comparable, and it is named'
! grep -q '198\.18\.1\.2:8765 did not run' "$T/lacking.out"
ok 'and no other'

printf '198.18.1.2\n198.18.2.2:1\n' >"$T/closed"
compare closed closed "${arms[@]}"
[ $rc = 2 ] && says '198\.18\.2\.2|refused' closed
ok 'a server that is not there'

# An end from outside ends what runs there, too: the same servers are there for the next.
sed -i 's/^size=.*/&\ntime_based=1\nruntime=30/' "$T/job.fio"
compare_limit=5
compare stopped two "${arms[@]}"
compare_limit=
sed -i '/^time_based/d; /^runtime/d' "$T/job.fio"
compare again two --a libaio --b libaio
[ $rc -le 1 ] || [ $rc = 3 ] || { note "exit status $rc"; sed 's/^/#   /' "$T/again.out"; false; }
ok 'the servers are free again when a comparison was ended'

for pid in $(pgrep -P "${servers[2]}") "${servers[2]}"; do kill -KILL "$pid"; done
compare gone two "${arms[@]}"
[ $rc = 2 ] && says '198\.18\.2\.2:8765 did not run read' gone
ok 'a server that has gone'

printf 'what is this\n' >"$T/nonsense"
compare nonsense nonsense "${arms[@]}"
[ $rc = 2 ] && says "'what is this' is no server" nonsense && [ "$(wc -l <"$T/nonsense.out")" = 1 ]
ok 'a file of something else'
compare img two --a libaio --b qemu-img
[ $rc = 2 ] && says 'qemu-img cannot run on --hosts' img
ok 'an arm that cannot run there'
compare device two "${arms[@]}" --device "$T/data"
[ $rc = 2 ] && says '--hosts' device
ok 'a device that is named here'
finish
