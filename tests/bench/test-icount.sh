#!/bin/bash
# The check of instruction counts: what grows by more than 3 % fails, and a count that cannot be compared is no failure.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120

set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
builddir=$(cd "${builddir:-.}" && pwd)
export builddir
icount=$srcdir/tests/bench/icount
known=$srcdir/tests/bench/icount.json
real_valgrind=${VALGRIND:-valgrind}
command -v jq >/dev/null || { echo '1..0 # SKIP no jq (Debian: apt-get install jq)'; exit 0; }
T=$(mktemp -d "$builddir/qaio-test.XXXXXX") || exit 99
trap 'rm -rf "$T"' EXIT

tap_n=0
ok() {
    local status=$? verdict=ok
    tap_n=$((tap_n + 1))
    [ $status = 0 ] || verdict='not ok'
    echo "$verdict $tap_n - $1"
    [ $status = 0 ] || sed 's/^/# /' "$T/out" | tail -n 5
}

# compare EDIT: the recorded counts with those that jq makes of them; $rc, $T/out
compare() {
    jq "$1" "$known" >"$T/new.json" || return 1
    rc=0
    "$icount" compare "$known" "$T/new.json" >"$T/out" 2>&1 || rc=$?
}

# says PATTERN: a line of the output
says() {
    grep -qE -- "$1" "$T/out" || { echo "# no line matches: $1"; return 1; }
}

echo 1..17
all=$(jq '.instructions | length' "$known")
of_fio=$(jq '[.instructions | keys[] | select(startswith("fio."))] | length' "$known")

compare .
[ "$rc" = 0 ] && says "^$all passed, 0 failed, 0 skipped$"
ok 'the same counts pass'
compare '.instructions |= map_values(. * 1.02)'
[ "$rc" = 0 ] && says "^$all passed, 0 failed"
ok '2 % more passes'
compare '.instructions["bh.oneshot"] *= 1.04'
[ "$rc" = 1 ] && says '^bh.oneshot .*\+4.0 %  FAILED: grew by more than 3 %' && says "^$((all - 1)) passed, 1 failed"
ok '4 % more fails'
compare '.instructions["yardstick.getpid"] += 1'
[ "$rc" = 1 ]
ok 'one instruction more of twenty fails'
compare '.instructions["bh.oneshot"] *= 0.9'
[ "$rc" = 0 ] && says '^bh.oneshot .*-10.0 %  fell: make bench-icount-update'
ok 'fewer pass, with a word'
compare 'del(.instructions["timer.run"])'
[ "$rc" = 1 ] && says '^timer.run .*FAILED: .*no such operation'
ok 'an operation that is gone fails'
compare '.instructions["loop.brand-new"] = 5'
[ "$rc" = 1 ] && says '^loop.brand-new .*FAILED: not recorded'
ok 'an operation that is not recorded fails'
compare '.environment.compiler = "gcc 99" | .instructions |= map_values(. * 2)'
[ "$rc" = 0 ] && says 'not compared, .*compiler gcc [0-9.]+, here gcc 99' && says '^0 passed, 0 failed, 1 skipped$'
ok 'with another compiler nothing is compared, and it says so'
compare '.environment.fio = "fio-9" | .instructions["fio.randread.depth-1"] *= 2'
[ "$rc" = 0 ] && says '^fio.randread.depth-1 .*skipped: ' && says "^$((all - of_fio)) passed, 0 failed, $of_fio skipped$"
ok "with another fio the engine's share is not compared, the rest is"
compare 'del(.instructions["timer.run"]) | .left_out["timer.run"] = "no time"'
[ "$rc" = 0 ] && says '^timer.run .*skipped: no time$'
ok 'what this machine cannot count is skipped, with the reason'

echo '{}' >"$T/empty.json"
"$icount" compare "$known" "$T/empty.json" >"$T/out" 2>&1
[ $? = 2 ] && says 'empty.json holds no counts' && ! "$icount" frobnicate >"$T/out" 2>&1 && says '^usage:'
ok 'bad files and bad arguments'

"$builddir/tests/bench/bench" --list | cut -d' ' -f1 |
    jq -R . | jq -s --slurpfile k "$known" '. - ($k[0].instructions + $k[0].left_out | keys)' >"$T/out"
[ "$(cat "$T/out")" = '[]' ]
ok 'every operation is recorded'

# A valgrind that counts three per yield and $EXTRA, with 1000 for all the rest; and a bench to go with it.
mkdir -p "$T/build/tests/bench" "$T/tests"
cat >"$T/build/tests/bench/bench" <<'END'
#!/bin/sh
case $1 in
--list) echo 'a.yield x'; echo 'b.left x' ;;
*) echo '{"environment": {"compiler": "c", "flags": ""}, "left_out": {"b.left": "no b"}}' ;;
esac
END
cat >"$T/valgrind" <<'END'
#!/bin/bash
for a; do case $a in --callgrind-out-file=*) file=${a#*=} ;; *fio*) exit 1 ;; esac; done
extra=$(cat "${0%/*}/extra")
for n in 0 256 512; do
    echo "desc: Trigger: Client Request: a.yield $n"
    echo "totals: $((1000 + n * (3 + extra)))"
done | sed '1s/a.yield/-/' >"${file%%%p}1"
echo 'desc: Trigger: Program termination
totals: 77' >>"${file%%%p}1"
exec "${0%/*}/build/tests/bench/bench" --icount
END
chmod +x "$T/valgrind" "$T/build/tests/bench/bench"
cp "$icount" "$T/tests/icount"

# fake COMMAND EXTRA: the script on these two
fake() {
    echo "$2" >"$T/extra"
    rc=0
    builddir=$T/build VALGRIND=$T/valgrind FIO=none "$T/tests/icount" "$1" >"$T/out" 2>&1 || rc=$?
}

fake update 37
[ "$rc" = 0 ] && [ "$(jq -c .instructions "$T/tests/icount.json")" = '{"a.yield":40}' ]
ok 'update writes what was counted, less what N and 2N have in common'
fake check 38
[ "$rc" = 0 ] && says '^a.yield +41 +40 +\+2.5 %' && says '^1 passed, 0 failed' && fake check 39 && [ "$rc" = 1 ] &&
    says '^a.yield +42 .*FAILED' && says 'make bench-icount-update, and commit' &&
    [ "$(jq -c .instructions "$T/tests/icount.json")" = '{"a.yield":40}' ]
ok 'check compares with it, and leaves it'
fake update 39
[ "$rc" = 0 ] && says FAILED && fake check 39 && [ "$rc" = 0 ]
ok 'update accepts more'
jq '.instructions["b.left"] = 7' "$T/tests/icount.json" >"$T/more" && mv "$T/more" "$T/tests/icount.json"
fake update 39
[ "$rc" = 2 ] && says 'nothing written, for it would lose b.left: no b' && grep -q b.left "$T/tests/icount.json"
ok 'update does not lose what this machine cannot count'

if [ -n "${QAIO_PRELOAD-}" ] || ! command -v "$real_valgrind" >/dev/null; then
    echo "ok $((tap_n += 1)) - counts repeat # SKIP no valgrind, or a build that it cannot run"
else
    VALGRIND=$real_valgrind "$icount" measure yield >"$T/1" 2>"$T/out" &&
        SOME_VARIABLE=$(printf '%01000d' 0) VALGRIND=$real_valgrind "$icount" measure yield >"$T/2" 2>"$T/out" &&
        [ "$(jq '.instructions | length' "$T/1")" -ge 1 ] && cmp "$T/1" "$T/2" >"$T/out"
    ok 'counts repeat exactly'
fi
