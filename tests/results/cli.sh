#!/bin/bash
# cli.sh - qaio-compare as it is used: its exit statuses, what it says about bad input, what it stores and judges again,
# baselines. fio is a stand-in whose engines are as fast as their names say; see paced-fio.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 300

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../engine/lib.sh
. "$here/../engine/lib.sh"
compare=$builddir/qaio-compare
[ -x "$compare" ] || skip_all "qaio-compare is not built (Debian: libjson-glib-dev)"
run=
plan 78

export PACED_FIO_LOG=$T/log
unset COLUMNS
printf '[read]\nrw=randread\nbs=4k\nsize=1m\niodepth=8\n' >"$T/read.fio"
printf 'pace-1000\n' >"$T/libold.so"
printf 'pace-900\n' >"$T/libnew.so"
sets=0

# qc ARG...: runs it in $T; rc, $T/out and $T/err
qc() {
    rc=0
    (cd "$T" && exec timeout -k 5 60 "$compare" "$@") >"$T/out" 2>"$T/err" </dev/null || rc=$?
}

# measure ARG...: the same, with the stand-in and 8 pairs
measure() {
    qc "$1" --fio "$here/paced-fio" --pairs 8 --seed 3 --quiet "${@:2}"
}

# ended STATUS PATTERN: it ended so, and said one line on stderr that matches; '' for nothing at all
ended() {
    local lines
    [ "$rc" = "$1" ] || { note "exit status $rc"; sed 's/^/#   /' "$T/out" "$T/err"; return 1; }
    lines=$(grep -c . "$T/err")
    [ -n "$2" ] || [ "$lines" = 0 ] || { sed 's/^/#   /' "$T/err"; return 1; }
    [ -z "$2" ] || { [ "$lines" = 1 ] && grep -qE -- "$2" "$T/err"; } || { sed 's/^/#   /' "$T/err"; return 1; }
}

# measured STATUS NAME ARG...: a test point: a measurement ends so, and says nothing on stderr
measured() {
    measure "${@:3}"
    ended "$1" ''
    ok "$2"
}

said() {
    grep -qE -- "$1" "$T/out" || { sed 's/^/#   /' "$T/out"; return 1; }
}

# The newest folder of a suite.
newest() {
    ls -d "$T/results/$1"/*/* | sort | tail -n 1
}

# --- Exit statuses

measured 0 'as fast: status 0' run read.fio --a pace-1000 --b pace-1000 --suite same
measured 0 'faster: status 0' run read.fio --a pace-1000 --b pace-1100 --suite faster
measured 1 'slower: status 1' run read.fio --a pace-1000 --b pace-900 --suite slower
measured 3 'cannot tell: status 3' run read.fio --a noisy-1000 --b noisy-1000 --suite noisy
measured 4 'an I/O error in one arm: status 4' run read.fio --a pace-1000 --b wrong-1000 --suite wrong
measured 4 'less work in one arm: status 4' run read.fio --a pace-1000 --b less-1000 --suite less
measure run read.fio --a pace-1000 --b unknown --suite unknown
ended 2 'arm b, read: .*unknown'
ok 'an engine that fio does not know: status 2, and the line says which'
[ ! -e "$T/results/unknown" ] || [ -z "$(find "$T/results/unknown" -name manifest.json)" ]
ok 'nothing is kept of what never ran'
measured 4 'runs that fail in one arm: status 4' run read.fio --a pace-1000 --b fails --suite fails
qc judge "$(newest fails)"
ended 4 '' && said 'it is broken'
ok 'they are kept, with why'
measure run read.fio --a pace-1000 --b denied --suite denied
qc judge "$(newest denied)"
ended 4 '' && said 'job read: Permission denied'
ok 'why, also where only the JSON of fio has it'

measured 0 '--fail-on without slower' \
    run read.fio --a pace-1000 --b pace-900 --fail-on cannot-tell,not-comparable --suite x
measured 0 '--fail-on without cannot-tell' run read.fio --a noisy-1000 --b noisy-1000 --fail-on slower --suite x
measured 0 '--fail-on without not-comparable' run read.fio --a pace-1000 --b wrong-1000 --fail-on slower --suite x
measured 1 'what is no failure does not hide another arm that is one' \
    run read.fio --a pace-1000 --b wrong-900 --c pace-900 --fail-on slower --suite x
measured 0 '--decide takes the others out of the status' \
    run read.fio --a pace-1000 --b pace-900 --decide lat-p50 --suite x
measured 0 '--band widens what is the same' run read.fio --a pace-1000 --b pace-900 --band 15 --suite x
measured 3 'a deciding metric that nobody measured: cannot tell' \
    run read.fio --a pace-1000 --b pace-900 --decide syscalls --suite x

# --- Ways to say it

qc read.fio --fio "$here/paced-fio" --pairs 8 --seed 3 --a pace-1000 --b pace-900 --suite x
[ "$rc" = 1 ] && said 'slower'
ok 'run may be left out'
qc --a pace-1000 --b pace-900 --fio "$here/paced-fio" --pairs 8 --suite x read.fio
[ "$rc" = 1 ] && said 'slower'
ok 'also with options first'
measured 0 'self-check' self-check read.fio --a pace-1000 --suite self
measured 0 'run --self-check' run read.fio --a pace-1000 --self-check --suite self
measure run read.fio --a noisy-1000 --calibrate --suite self --report text=-
[ "$rc" = 3 ] && said 'can now show an effect of [0-9.]+ % in IOPS'
ok 'run --calibrate says what the machine can show'
qc run read.fio --fio "$here/paced-fio" --pairs 2 --a noisy-1000 --self-check --suite few
[ "$rc" = 3 ] && said '^too few pairs to say what this machine can show'
ok 'a self-check of too few pairs says so'
measure run read.fio --a pace-1000 --self-check --b pace-900
ended 2 'a self-check has one arm'
ok 'a self-check with two arms'
qc judge "$(newest self)"
[ "$rc" = 3 ] && said 'can now show'
ok 'a stored self-check is judged as one'

# --- Bad input: one line, status 2

bad() {
    local pattern=$1 name=$2
    shift 2
    qc "$@"
    ended 2 "$pattern"
    ok "bad: $name"
}
bad 'no job file here, and no command: run' 'no such command' sprint
bad 'no job file' 'no job file' run --b pace-1
bad 'nothing to compare' 'one arm' run read.fio
bad '^qaio-compare: --b is given twice' 'two arms of one letter' run read.fio --b x --b y
bad 'Unknown option --bogus' 'unknown option' run read.fio --bogus
bad 'there is no metric "speed"; there are iops, bw, lat-mean, .*syscalls' 'unknown metric' run read.fio --b x --decide speed
bad '--fail-on: slower, cannot-tell' 'unknown outcome' run read.fio --b x --fail-on faster
bad '--report: FORMAT=FILE' 'unknown format' run read.fio --b x --report pdf=x
bad '--band: ' 'a band of no sense' run read.fio --b x --band -2
bad '--pairs: a whole number' 'no pairs' run read.fio --b x --pairs 0
bad '--seed: a whole number' 'a seed that is no number' run read.fio --b x --seed 1x
bad '--ram: a size' 'a size of no sense' run read.fio --b x --ram=7
bad 'say one' '--ram and --device' run read.fio --b x --ram --device /dev/null
bad '--hosts runs where the servers are' '--hosts and --device' run read.fio --b x --hosts f --device /dev/null
bad "a suite's name" 'a suite that leads elsewhere' run read.fio --b pace-1 --suite ../x
bad 'nosuch.fio' 'no such job file' run nosuch.fio read.fio --b pace-1 --fio "$here/paced-fio" \
    --suite absent
[ -z "$(find "$T/results/absent" -name runs)" ]
ok 'nothing is kept of a job file that is not there'
bad '^qaio-compare: --fio: cannot run ./nosuch .*apt-get install fio' 'no such fio' run read.fio --b pace-1 --fio ./nosuch
bad "^qaio-compare: --b: './libnone.so': no such engine" 'no such library' run read.fio --b external:./libnone.so --fio "$here/paced-fio"
bad 'a folder with a manifest.json' 'judge of nothing' judge nowhere
bad 'one folder of stored runs, or two' 'judge of three' judge a b c
bad 'baseline set SUITE' 'baseline of nothing' baseline set
bad 'no complete set of suite none' 'a baseline without runs' baseline set none
bad 'has no baseline' 'a check without a baseline' baseline check none
bad '--report json=/nonexistent/x: ' 'a report that cannot be written' judge "$(newest same)" --quiet --report json=/nonexistent/x

# --- What is stored

set=$(newest same)
jq -e '.schema == 1 and (.runs | length) == 16 and .measured.seed == 3 and (.measured.fio.sha256 | length) == 64 and
    (.measured.machine | has("governor") and has("smt") and has("turbo")) and .measured.fio.version == "fio-3.33"' \
    "$set/manifest.json" >/dev/null
ok 'the manifest: order, seed, versions and hashes, the machine'
[ "$(find "$set/runs" -name '*.json' | wc -l)" = 16 ] && [ -s "$set/report.txt" ] && [ -s "$set/report.html" ] &&
    jq -e .schema "$set/report.json" >/dev/null && grep -q '^rw=randread' "$set/jobs/read.fio"
ok 'every raw output, the job files, the reports'
measure run read.fio --a pace-1000 --b pace-1000 --suite partly --report json=/nonexistent/x --report tap="$T/partly.tap"
ended 2 'nonexistent' && [ -s "$T/partly.tap" ] && [ -s "$(newest partly)/report.html" ]
ok 'a report that cannot be written takes no other with it'
qc judge "$set" --report json="$T/again.json" --report junit="$T/x.xml" --report tap="$T/x.tap" --report markdown="$T/x.md" \
    --report html="$T/x.html"
ended 0 '' && cmp -s "$T/again.json" "$set/report.json" && grep -q '<testsuite' "$T/x.xml" && grep -q '^1\.\.' "$T/x.tap" &&
    grep -q '^###' "$T/x.md" && grep -qi '<!doctype html' "$T/x.html"
ok 'judging it again says the same to the byte, in every format'
qc judge "$set" --report tap=-
[ "$(head -n 1 "$T/out")" = 'TAP version 14' ]
ok 'a report on the standard output is alone there'

# --- Interrupted

PACED_FIO_STOPS_AFTER=$(($(wc -l <"$PACED_FIO_LOG") + 12)) measure run read.fio --a pace-1000 --b pace-800 --suite cut
[ "$rc" = 130 ]
ok 'interrupted: status 130'
qc judge "$(newest cut)"
[ "$rc" = 3 ] && said 'interrupted' && said '5 pairs|5 to'
ok 'and judged on what is complete'

# --- Damaged sets

broken=$T/broken
cp -r "$set" "$broken"
head -c 700 "$set/manifest.json" >"$broken/manifest.json"
qc judge "$broken"
ended 2 'manifest.json.*cut short'
ok 'a truncated manifest'
sed 's/"schema" *: *1/"schema" : 2/' "$set/manifest.json" >"$broken/manifest.json"
qc judge "$broken"
ended 2 'its schema is 2.*use a newer one'
ok 'a manifest from the future'
cp "$set/manifest.json" "$broken/manifest.json"
head -c 1000 "$set/runs/0003-"*.json >"$(ls "$broken/runs/0003-"*.json)"
qc judge "$broken"
ended 4 '' && said 'cut short'
ok 'a truncated raw output: not comparable, and why'

# --- A full disk

mkdir "$T/full"
if mount -t tmpfs -o size=6m none "$T/full" 2>/dev/null; then
    # The stand-in's outputs are small; what is asked for is room for real ones.
    head -c 1800k /dev/zero >"$T/full/filler"
    measure run read.fio --a pace-1000 --b pace-900 --pairs 40 --results full/results --suite full
    ended 2 'no room left|No space left'
    ok 'a full disk: status 2, and it is said'
    kept=$(ls -d "$T"/full/results/full/*/*/ | tail -n 1)
    rm "$T/full/filler"
    qc judge "$kept"
    [ "$rc" != 2 ] && said 'IOPS'
    ok 'what was measured until then is kept and can be judged'
    head -c 6m /dev/zero >"$T/full/filler" 2>/dev/null
    qc judge "$kept" --quiet --report json="$T/full/report.json"
    [ "$rc" = 2 ] && grep -q 'No space left' "$T/err" && [ ! -e "$T/full/report.json" ]
    ok 'a report that does not fit is not left half'
    umount "$T/full"
else
    skip 'a full disk' 'needs root' 3
fi

# --- Baselines

measure run read.fio --a pace-1000 --b external:./libold.so --suite nightly
[ "$rc" = 0 ]
qc baseline set nightly
ended 0 'the baseline of nightly is results/nightly/'
ok 'baseline set'
qc baseline list
said '^nightly	results/nightly/'
ok 'baseline list'
check() {
    qc baseline check nightly --fio "$here/paced-fio" --quiet "$@"
}
PACED_FIO_SPEED=70 check --report text=-
ended 0 '' && said "divided by what arm a"
ok 'baseline check measures anew; a slower machine is no regression'
cp "$T/libnew.so" "$T/libold.so"
PACED_FIO_SPEED=70 check
ended 1 ''
ok 'a slower library is one'
qc judge "$(ls -d "$T"/results/nightly/*/* | sort | head -n 1)" "$(newest nightly)" --quiet
ended 1 ''
ok 'judge of two sets'
qc baseline check nightly "$(newest nightly)" --quiet
ended 1 ''
ok 'baseline check of a stored set'
other=$(newest nightly)
sed -i 's/"kernel" *: *"[^"]*"/"kernel" : "1.2.3"/' "$other/manifest.json"
qc baseline check nightly "$other" --quiet
ended 4 "kernel: .* then, 1\.2\.3 now"
ok 'another kernel is refused, and named'
qc judge "$(ls -d "$T"/results/nightly/*/* | sort | head -n 1)" "$other" --across-hosts
[ "$rc" = 1 ] && said 'not measured with the same things'
ok '--across-hosts compares, and says so'
sed -i 's/"kernel" *: *"[^"]*"/"kernel" : "1.2.3"/' "$T/$(qc baseline list && cut -f 2 "$T/out")/manifest.json"
before=$(wc -l <"$PACED_FIO_LOG")
check
ended 4 'kernel: 1\.2\.3 then' && [ "$(wc -l <"$PACED_FIO_LOG")" = "$before" ]
ok 'a baseline of another machine: refused before anything runs'
check --across-hosts
ended 1 ''
ok 'unless told --across-hosts'

# --- Many runs

many=$T/many
mkdir -p "$many/runs"
for ((i = 0; i < 1000; i++)); do
    cp "$(ls "$set"/runs/*.json | sed -n "$((i % 16 + 1))p")" "$many/runs/$i.json"
done 2>/dev/null
jq '.rounds = 500 | .runs = [range(1000) as $i | {order: $i, arm: ($i % 2), case: 0, round: ($i / 2 | floor),
    started_us: $i, seconds: 1, file: "runs/\($i).json", problem: null}]' "$set/manifest.json" >"$many/manifest.json"
if build_helper usage; then
    timeout 60 "$helper" "$compare" judge "$many" >"$T/out" 2>"$T/err"
    read -r seconds kib <<<"$(tail -n 1 "$T/err")"
    said '500 pairs' && [ "$seconds" -lt $((5 * ${QAIO_TIMEOUT_FACTOR:-1})) ] || { note "$seconds s"; false; }
    ok '1,000 stored runs are judged in under 5 s'
    [ "$kib" -lt 102400 ] || [ -n "$QAIO_PRELOAD" ] || { note "$kib KiB"; false; }
    ok 'in under 100 MiB'
else
    skip '1,000 stored runs' 'no compiler' 2
fi

# --- Help

page=$top/docs/qaio-compare.1
missing=
for command in run self-check judge baseline; do
    qc "$command" --help
    for option in $(grep -oE '^  (-[a-z], )?--[a-z-]+' "$T/out" | grep -oE -- '--[a-z-]+' | grep -v -- '--help'); do
        grep -qF -- "$(sed 's/-/\\-/g' <<<"$option")" "$page" || missing+=" $option"
        echo "$option" >>"$T/options"
    done
done
[ -z "$missing" ] || { note "not in the manual page:$missing"; false; }
ok 'the manual page has every option of --help'
extra=
for option in $(grep -oE '^\.(BI|B|BR) \\-\\-[a-z\\-]+' "$page" | sed 's/.* //; s/\\//g; s/=$//' | sort -u); do
    grep -qx -- "$option" "$T/options" || case $option in --help | --version) ;; *) extra+=" $option" ;; esac
done
[ -z "$extra" ] || { note "not in --help:$extra"; false; }
ok '--help has every option of the manual page'
finish
