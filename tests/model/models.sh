#!/bin/bash
# Proves with spin that the protocols of tests/model/*.pml keep their claims in every possible execution, and
# that each broken variant of them breaks the claim that it ought to break.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
#
# usage: models.sh               check all
#        models.sh NAME          check one
#        models.sh --trail NAME  how a variant fails, step by step (HACKING.md tells how to read it)

set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
# The words of CC may be flags; a sanitizer or the like in CFLAGS is none of the verifier's business.
read -ra cc <<<"${CC:-cc}"

# NAME  MODEL  CLAIM  FLAGS...: every execution of the model is fine.
#   A claim "rest" is a liveness claim; any other stands for all assertions and for deadlocks.
# NAME  MODEL  !CLAIM FLAGS...: the variant has an execution that breaks CLAIM: the assertion with that comment
#   beside it, a deadlock, or rest.
cases=$(grep -v '^#' <<'END'
notify                notify  all  -DCHECK_LOST -DACTS=1
notify-twice          notify  all  -DCHECK_LOST -DACTS=2 -DACTS1=0
notify-needless       notify  all  -DCHECK_NEEDLESS -DACTS=1 -DNESTED=0
notify-needless-twice notify  all  -DCHECK_NEEDLESS -DACTS=2 -DACTS1=0
notify-wakes          notify  all  -DCHECK_WAKES -DACTS=1 -DNESTED=0
notify-wakes-nested   notify  all  -DCHECK_WAKES -DACTS=2 -DACTS1=0
notify-rest           notify  rest -DCHECK_REST -DACTS=1 -DACTS1=0
lockcnt-handlers      lockcnt all
lockcnt-walkers       lockcnt all  -DWALKERS
co-mutex              co-mutex all -DROUNDS=3
virtio-event          virtio-notify all
virtio-event-rearm    virtio-notify all -DREARM
virtio-flags          virtio-notify all -DFLAGS
virtio-flags-rearm    virtio-notify all -DFLAGS -DREARM

no-wmb                notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_NO_WMB
no-mb-notify          notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_NO_MB_NOTIFY
no-mb-sleep           notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_NO_MB_SLEEP
no-mb-accept          notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_NO_MB_ACCEPT
announce-late         notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_ANNOUNCE_LATE
withdraw-early        notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_WITHDRAW_EARLY
withdraw-late         notify  !NEEDLESS -DCHECK_NEEDLESS -DACTS=1 -DNESTED=0 -DBROKEN_WITHDRAW_LATE
accept-late           notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_ACCEPT_LATE
accept-and-sleep      notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_ACCEPT_AND_SLEEP
poll-accepts          notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_POLL_ACCEPTS
notified-ignored      notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_NOTIFIED_IGNORED
relaxed-enqueue       notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_RELAXED_ENQUEUE
take-after-run        notify  !LOST -DCHECK_LOST -DACTS=1 -DNESTED=0 -DBROKEN_TAKE_AFTER_RUN
eventfd-not-read      notify  !WAKES -DCHECK_WAKES -DACTS=1 -DNESTED=0 -DBROKEN_EFD_NOT_READ
eventfd-never-rests   notify  !rest -DCHECK_REST -DACTS=1 -DACTS1=0 -DNESTED=0 -DBROKEN_EFD_NOT_READ

dec-without-lock      lockcnt !USE_AFTER_FREE -DBROKEN_DEC_WITHOUT_LOCK
dec-without-lock-w    lockcnt !USE_AFTER_FREE -DBROKEN_DEC_WITHOUT_LOCK -DWALKERS
nested-frees          lockcnt !USE_AFTER_FREE -DBROKEN_NESTED_FREES
count-ignored         lockcnt !USE_AFTER_FREE -DBROKEN_COUNT_IGNORED
count-before-lock     lockcnt !USE_AFTER_FREE -DBROKEN_COUNT_BEFORE_LOCK
inc-while-locked      lockcnt !USE_AFTER_FREE -DBROKEN_INC_WHILE_LOCKED
watch-late            lockcnt !USE_AFTER_FREE -DBROKEN_WATCH_LATE
find-deleted          lockcnt !DOUBLE_FREE -DBROKEN_FIND_DELETED
never-freed           lockcnt !KEPT -DBROKEN_NEVER_FREED
never-freed-w         lockcnt !KEPT -DBROKEN_NEVER_FREED -DWALKERS
not-notified          lockcnt !KEPT -DBROKEN_NOT_NOTIFIED
no-wake               lockcnt !deadlock -DBROKEN_NO_WAKE
wake-one              lockcnt !deadlock -DBROKEN_WAKE_ONE -DWALKERS
futex-blind           lockcnt !deadlock -DBROKEN_FUTEX_BLIND
sleep-unmarked        lockcnt !deadlock -DBROKEN_SLEEP_UNMARKED

push-blind            co-mutex !deadlock -DBROKEN_PUSH_BLIND
unlock-blind          co-mutex !deadlock -DBROKEN_UNLOCK_BLIND
oldest-ignored        co-mutex !ORDER -DBROKEN_OLDEST_IGNORED
not-turned            co-mutex !ORDER -DBROKEN_NOT_TURNED
wake-first            co-mutex !USE_AFTER_FREE -DBROKEN_WAKE_FIRST
take-leaves-none      co-mutex !USE_AFTER_FREE -DBROKEN_TAKE_LEAVES_NONE
holder-late           co-mutex !HOLDER -DBROKEN_HOLDER_LATE

kick-no-mb            virtio-notify !LOST_KICK -DBROKEN_NO_MB_KICK
kick-no-mb-flags      virtio-notify !LOST_KICK -DBROKEN_NO_MB_KICK -DFLAGS
kick-old-wrong        virtio-notify !LOST_KICK -DBROKEN_OLD_IS_LAST_ADD
ask-kick-no-mb        virtio-notify !LOST_KICK -DBROKEN_NO_MB_ASK_KICK
ask-kick-no-mb-flags  virtio-notify !LOST_KICK -DBROKEN_NO_MB_ASK_KICK -DFLAGS
ask-kick-no-mb-rearm  virtio-notify !LOST_KICK -DBROKEN_NO_MB_ASK_KICK -DREARM
ask-kick-no-look      virtio-notify !LOST_KICK -DBROKEN_NO_LOOK_KICK
ask-kick-no-look-fl   virtio-notify !LOST_KICK -DBROKEN_NO_LOOK_KICK -DFLAGS
avail-event-late      virtio-notify !LOST_KICK -DBROKEN_AVAIL_EVENT_ONE_LATE
irq-no-mb             virtio-notify !LOST_INTERRUPT -DBROKEN_NO_MB_NOTIFY
irq-no-mb-flags       virtio-notify !LOST_INTERRUPT -DBROKEN_NO_MB_NOTIFY -DFLAGS
irq-old-wrong         virtio-notify !LOST_INTERRUPT -DBROKEN_OLD_IS_LAST_PUSH
irq-signalled-kept    virtio-notify !LOST_INTERRUPT -DBROKEN_SIGNALLED_KEPT
ask-irq-no-mb         virtio-notify !LOST_INTERRUPT -DBROKEN_NO_MB_ASK_INTERRUPT
ask-irq-no-mb-flags   virtio-notify !LOST_INTERRUPT -DBROKEN_NO_MB_ASK_INTERRUPT -DFLAGS
ask-irq-no-mb-rearm   virtio-notify !LOST_INTERRUPT -DBROKEN_NO_MB_ASK_INTERRUPT -DREARM
ask-irq-no-look       virtio-notify !LOST_INTERRUPT -DBROKEN_NO_LOOK_INTERRUPT
ask-irq-no-look-flags virtio-notify !LOST_INTERRUPT -DBROKEN_NO_LOOK_INTERRUPT -DFLAGS
used-event-late       virtio-notify !LOST_INTERRUPT -DBROKEN_USED_EVENT_ONE_LATE
END
)
cases=$(grep . <<<"$cases")

# verify FOLDER MODEL CLAIM FLAG...: make the verifier and run it there; its words are in FOLDER/log
verify() {
    local folder=$1 model=$srcdir/tests/model/$2.pml claim=${3#!} run=(./pan -m100000) flags=(-w -DMEMLIM=800)
    # A variant fails sooner than the compiler is done with optimizing.
    [[ $3 = !* ]] || flags+=(-O1)
    shift 3
    if [ "$claim" = rest ]; then
        run+=(-a -f)
        flags+=(-DNFAIR=3)
    else
        flags+=(-DSAFETY)
    fi
    # Indexes go round and round, and so do ways through the search.
    [ "${model##*/}" != virtio-notify.pml ] || run=(./pan -m1000000)
    # What the home thread waits for in the end is judged by an assertion there.
    [ "${model##*/}" != notify.pml ] || run+=(-E)
    mkdir -p "$folder" && (
        cd "$folder" && spin "$@" -a "$model" && "${cc[@]}" "${flags[@]}" -o pan pan.c && "${run[@]}"
    ) >"$folder/log" 2>&1
}

# replay FOLDER MODEL FLAG...: the trail, step by step with variables
replay() {
    local folder=$1 model=$2
    shift 2
    (cd "$folder" && spin -k "$model.pml.trail" -p -g -l "$@" "$srcdir/tests/model/$model.pml")
}

# broken_claim FOLDER MODEL FLAG...: the name of the claim that the trail breaks
broken_claim() {
    local line
    if grep -q '^pan:1: invalid end state' "$1/log"; then
        echo deadlock
    elif grep -q '^pan:1: acceptance cycle' "$1/log"; then
        echo rest
    else
        line=$(replay "$@" | sed -nE 's/^spin: .*\.pml:([0-9]+), Error: assertion violated.*/\1/p' | head -n 1)
        [ -z "$line" ] || sed -nE "${line}s,.*/\* ([A-Z_]+).*,\1,p" "$srcdir/tests/model/$2.pml"
    fi
}

# How large the search was; or nothing, if it was not complete.
searched() {
    if grep -qE 'Search not completed|max search depth too small|out of memory|memory limit|MEMLIM' "$1"; then
        return
    fi
    grep -q 'errors: 0' "$1" || return
    sed -nE 's/^ *([0-9]+) states, stored.*/\1 states/p; s/.*depth reached ([0-9]+).*/depth \1/p;
        s/^ *([0-9.]+)[[:space:]]+total actual memory usage.*/\1 MB/p' "$1" | paste -sd ' '
}

# judge NAME MODEL CLAIM FLAG...: one TAP result without its number
judge() {
    local name=$1 model=$2 claim=$3 folder=$work/$1 found
    shift 3
    verify "$folder" "$model" "$claim" "$@"
    if [ "${claim#!}" = "$claim" ]; then
        found=$(searched "$folder/log")
        [ -n "$found" ] && echo "ok - $model.pml holds: $name ($found)" ||
            echo "not ok - $model.pml holds: $name"
    else
        found=$(broken_claim "$folder" "$model" "$@")
        [ "$found" = "${claim#!}" ] && echo "ok - $model.pml rejects $name: $found" ||
            echo "not ok - $model.pml rejects $name for ${claim#!}${found:+, not for $found}"
    fi >"$folder/result"
    if grep -q '^not' "$folder/result"; then
        grep -E '^(pan|spin|cc|gcc)|error|errors:|depth|Search' "$folder/log" | head -n 20 | sed 's/^/# /' \
            >>"$folder/result"
        echo "# spin's trail, if there is one: bash tests/model/models.sh --trail $name" >>"$folder/result"
    fi
    rm -f "$folder"/pan*
}

# lane PATTERN: judge those whose claim matches, one after the other
lane() {
    local name model claim flags
    while read -r name model claim flags; do
        # shellcheck disable=SC2086,SC2053 # flags are words, the pattern is one
        [[ $claim != $1 ]] || judge "$name" "$model" "$claim" $flags
    done <<<"$cases"
}

if ! command -v spin >/dev/null; then
    echo "1..0 # SKIP spin is not installed (Debian: spin)"
    exit 0
fi
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM HUP

trail=
[ "${1:-}" != --trail ] || { trail=yes; shift; }
if [ $# -gt 0 ]; then
    cases=$(grep -E "^$1 " <<<"$cases") || { echo "models.sh: no case '$1'" >&2; exit 2; }
fi
if [ -n "$trail" ]; then
    read -r name model claim flags <<<"$cases"
    # shellcheck disable=SC2086 # words
    verify "$work/$name" "$model" "$claim" $flags
    # shellcheck disable=SC2086
    replay "$work/$name" "$model" $flags
    exit
fi

# Complete searches need the memory, and run one by one; the others are over soon.
echo "1..$(wc -l <<<"$cases")"
lane '[!!]*' &
lane '!*' &
wait

number=0
while read -r name _; do
    number=$((number + 1))
    sed -E "1s/^(not ok|ok)/\1 $number/" "$work/$name/result" 2>/dev/null || echo "not ok $number - $name: no result"
done <<<"$cases"
