# lib.sh - what the engine tests share: TAP output, fio runs under a time limit, questions to fio's JSON.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# To be sourced by bash. A test runs by itself from the top of the build tree, or from anywhere with
#   builddir=DIR      the build tree (default: the current folder)
#   QAIO_SO=FILE      the engine (default: $builddir/libqaio.so)
#   FIO=FILE          the fio binary (default: fio)
#   QAIO_PRELOAD=LIB  loaded into fio ahead of everything else (for an engine built with -fsanitize)
#   QAIO_OPTIONS      options for every run of the engine, ahead of the test's own
#   QAIO_ENGINE=libaio  runs fio's own engine instead, leaving the qaio_ options out: it shows that a test
#                     asks for nothing that fio itself does not give. Checks of qaio alone are skipped then.
#
# Every fio run happens in $T, a folder of the test's own, removed at the end with the devices.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
builddir=$(cd "${builddir:-.}" && pwd)
FIO=${FIO:-fio}
QAIO_SO=${QAIO_SO:-$builddir/libqaio.so}
QAIO_ENGINE=${QAIO_ENGINE:-qaio}
QAIO_PRELOAD=${QAIO_PRELOAD-}
export LC_ALL=C

# shellcheck source=../../scripts/ramdev.sh
. "$top/scripts/ramdev.sh"

T=$(mktemp -d "$builddir/qaio-test.XXXXXX") || exit 99
chmod 1777 "$T"
tap_n=0
tap_failed=0
job_pids=()

# fio's jobs leave the process group that timeout(1) would reach: they are found by their environment.
kill_jobs() {
    local environ
    for environ in $(grep -lsxz "QAIO_TEST_FOLDER=$T" /proc/[0-9]*/environ); do
        environ=${environ#/proc/}
        kill -KILL "${environ%/environ}" 2>/dev/null
    done
}

cleanup() {
    trap '' INT TERM
    [ ${#job_pids[@]} = 0 ] || kill "${job_pids[@]}" 2>/dev/null
    kill_jobs
    wait
    ramdev_cleanup
    rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- TAP

plan() {
    echo "1..$1"
    tap_planned=$1
}

skip_all() {
    echo "1..0 # SKIP $*"
    exit 0
}

note() {
    printf '# %s\n' "$@"
}

# Reports the status of the command before it as the test point $1; what fio said follows when it failed.
ok() {
    local status=$?
    tap_n=$((tap_n + 1))
    if [ $status = 0 ]; then
        echo "ok $tap_n - $1"
    else
        tap_failed=$((tap_failed + 1))
        echo "not ok $tap_n - $1"
        [ -z "${run-}" ] || { note "run $run: exit status $rc"; head -n 15 "$T/$run.log" | sed 's/^/#   /'; }
    fi
    return 0
}

# Reports COUNT (default 1) test points as skipped: skip NAME WHY [COUNT]
skip() {
    local i
    for ((i = 0; i < ${3:-1}; i++)); do
        tap_n=$((tap_n + 1))
        echo "ok $tap_n - $1 # SKIP $2"
    done
}

finish() {
    [ "$tap_n" = "$tap_planned" ] || note "planned $tap_planned, ran $tap_n"
    [ "$tap_failed" = 0 ] && [ "$tap_n" = "$tap_planned" ]
    exit
}

is_qaio() {
    [ "$QAIO_ENGINE" = qaio ]
}

# --- fio runs

if is_qaio; then
    engine=external:$QAIO_SO
    [ -r "$QAIO_SO" ] || skip_all "no engine at $QAIO_SO (build it, or set QAIO_SO)"
else
    engine=$QAIO_ENGINE
fi
command -v "$FIO" >/dev/null || skip_all "no fio (Debian: apt-get install fio)"
command -v jq >/dev/null || skip_all "no jq (Debian: apt-get install jq)"

# Starts fio in the background: fio_start RUN OPTION...
# Its exit status comes from fio_wait. $T/RUN.log has what it said, $T/RUN.json its JSON.
# fio_limit=SECONDS, fio_env=(VAR=VALUE...), fio_preload=LIB and fio_wrap=(COMMAND...) alter one test's runs;
# fio_engine stands in for the engine. fio_output=normal asks for fio's text in place of JSON, into $T/RUN.log:
# with JSON fio 3.33 keeps the messages of failed calls to itself.
fio_env=()
fio_wrap=()
fio_start() {
    run=$1
    shift
    local args=() arg output=(--output-format=json --output="$run.out")
    local preload=$QAIO_PRELOAD${fio_preload:+${QAIO_PRELOAD:+:}$fio_preload}
    [ -z "${fio_output-}" ] || output=(--output-format="$fio_output")
    # shellcheck disable=SC2086 # options: to be split
    for arg in ${QAIO_OPTIONS-} "$@"; do
        [[ ${fio_engine:-$engine} != external:* && $arg == --qaio_* ]] || args+=("$arg")
    done
    [ -z "$preload" ] || preload=LD_PRELOAD=$preload
    rm -f "$T/$run".{json,out,log}
    (
        cd "$T" || exit 99
        trap - INT TERM
        exec timeout -k 5 $((${fio_limit:-30} * ${QAIO_TIMEOUT_FACTOR:-1})) env QAIO_TEST_FOLDER="$T" $preload "${fio_env[@]}" "${fio_wrap[@]}" "$FIO" \
            "${output[@]}" --name="$run" --ioengine="${fio_engine:-$engine}" \
            "${args[@]}" >"$T/$run.log" 2>&1
    ) &
    fio_pid=$!
    job_pids+=("$fio_pid")
}

# Waits for the run: rc is its exit status, 124 or 137 when it ran into its time limit.
fio_wait() {
    rc=0
    wait "$fio_pid" 2>/dev/null || rc=$?
    case $rc in 124 | 137) kill_jobs ;; esac
    job_pids=("${job_pids[@]/$fio_pid/}")
    job_pids=(${job_pids[@]})
    sed -n '/^{/,/^}/p' "$T/$run.out" >"$T/$run.json" 2>/dev/null
}

# fio_run RUN OPTION...
fio_run() {
    fio_start "$@"
    fio_wait
}

# The process id of the running fio itself.
fio_child() {
    pgrep -P "$fio_pid" | head -n 1
}

# The first value of a jq expression over the last run's JSON (or that of run $2).
json() {
    jq -r "$1" "$T/${2:-$run}.json" 2>/dev/null
}

# Whether a jq expression is true of the last run's JSON. Says what the parts of a failing one were.
is_so() {
    local last
    last=$(jq -c "$1" "$T/${2:-$run}.json" 2>&1 | tail -n 1)
    [ "$last" = true ] || { note "not so: $1 ($last)"; false; }
}

# Exit status 0 and no error in any job.
is_clean() {
    [ "$rc" = 0 ] && is_so '[.jobs[].error] | length > 0 and all(. == 0)' && no_crash
}

# No process of the run ended by a signal, none hung.
no_crash() {
    { [ "$rc" -lt 124 ] || [ "$rc" = 128 ]; } || { note "exit status $rc"; false; } &&
        ! { grep -E 'got signal|core dumped|Assertion|AddressSanitizer|runtime error:' "$T/$run.log" | sed 's/^/# /'; } | grep . 
}

# Refused in one line: fails by itself, the line matches pattern $1 (extended, any case), and at most one line is qaio's.
is_refused() {
    local lines
    no_crash || return
    [ "$rc" -ne 0 ] || { note 'exit status 0'; return 1; }
    grep -qiE "$1" "$T/$run.log" || { note "no line matches: $1"; return 1; }
    lines=$(grep '^qaio: ' "$T/$run.log" | sort -u | wc -l)
    [ "$lines" -le 1 ] || { note "$lines lines begin with qaio:"; return 1; }
}

# --- Devices

# Makes a target: target ext|tmpfs|loop512|loop4096|zram MIB. Gives $target, or fails with $why.
# ext is a file in $T, on whatever file system the build tree is.
target() {
    local mib=$2
    case $1 in
    ext) ramdev_file "$mib" "$T" ;;
    tmpfs) [ -d /dev/shm ] && ramdev_file "$mib" /dev/shm ;;
    loop512) ramdev_loop "$mib" ;;
    loop4096) ramdev_loop "$mib" 4096 ;;
    zram) ramdev_zram "$mib" ;;
    esac || { why=${RAMDEV_WHY:-'no /dev/shm'}; return 1; }
    target=$RAMDEV
}

# Whether $1 takes direct I/O of $2 bytes.
takes_direct() {
    dd if="$1" of=/dev/null bs="$2" count=1 iflag=direct status=none 2>/dev/null
}

# Compiles tests/faults/$1.c into $T/$1 ($T/$1.so with a second argument -shared) and gives its path in $helper.
build_helper() {
    helper=$T/$1
    [ "${2-}" != -shared ] || helper=$T/$1.so
    ${CC:-cc} -std=gnu11 -O2 -Wall -Wextra -Werror -pthread ${2:+-fPIC} "${@:2}" -o "$helper" \
        "$top/tests/faults/$1.c" >"$T/cc.log" 2>&1 || { sed 's/^/# /' "$T/cc.log"; return 1; }
}
