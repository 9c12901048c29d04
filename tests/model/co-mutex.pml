/*
 * CoMutex: one word that is the lock and the pile of those who wait for it, and its hand-over.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * aiocore/coroutine/co-mutex.c in Promela; change both. The functions bear the names they have
 * there and take the same steps: each atomic operation on state is one, and so is each look at a
 * waiter. What is what:
 *
 *   coroutine()           a coroutine in a thread of its own: locks and unlocks ROUNDS times
 *   waiter[c]             the CoMutexWaiter on the stack of coroutine c; there while it is in
 *                         co_mutex_wait(), at the same address in every round, which is what could
 *                         make for ABA
 *   woken[c]              coroutine_wake(): it may come before the yield, which then ends at once
 *   co_mutex_spin()       looks at state, and gives up at any time (in C: by ctx, and after SPINS)
 *
 * Memory is interleaved: all changes of state are sequentially consistent, and what else is used
 * by more than one (oldest, holder, waiters) goes from thread to thread through state or a wake-up.
 *
 * Claims:
 *   MUTEX           one coroutine at a time is between lock and unlock
 *   ORDER           who waits is served in the order in which they came, and nobody gets ahead
 *   USE_AFTER_FREE  nobody looks at a waiter whose coroutine went on, or takes a pile that is not there
 *   WOKEN           nobody is woken who does not wait, and none twice
 *   HOLDER          who was handed the mutex finds itself to be the holder
 *   deadlock        in the end nobody waits (an invalid end state)
 */
#define COROUTINES 3
#ifndef ROUNDS
#define ROUNDS 2
#endif

/* Values of state, next, oldest; and WAITER(c) */
#define NONE 0
#define HELD 1
#define WAITER(c) (2 + (c))
#define CO(w) ((w) - 2)
#define NOBODY 255

byte state = NONE;
byte oldest = NONE;
byte holder = NOBODY;
byte next[COROUTINES];     /* of waiter[c] */
bool there[COROUTINES];    /* is waiter[c] */
bool woken[COROUTINES];

/* For the claims only. */
byte inside;
chan came = [COROUTINES] of { byte };

inline look_at(w) {
    assert(there[CO(w)]) /* USE_AFTER_FREE */
}

/* taken */
inline co_mutex_try() {
    atomic {
        taken = (state == NONE);
        if
        :: taken ->
            assert(empty(came)); /* ORDER */
            state = HELD
        :: else
        fi
    }
}

inline co_mutex_spin() {
    do
    :: !taken && state == NONE -> co_mutex_try()
    :: break
    od
}

/* taken: it was free after all */
inline co_mutex_push(me) {
    there[me] = true;
    seen = state;
    do
    :: next[me] = seen;
#ifdef BROKEN_PUSH_BLIND
        if
        :: state == seen -> pushed = true
        :: else -> pushed = false
        fi;
#else
        pushed = true;
#endif
        atomic {
            if
#ifdef BROKEN_PUSH_BLIND
            :: pushed ->
#else
            :: state == seen ->
#endif
                taken = (seen == NONE);
                if
                :: taken -> state = HELD
                :: else -> state = WAITER(me); came!me
                fi;
                seen = 0;
                break
            :: else -> seen = state
            fi
        }
    od
}

inline co_mutex_wait(me) {
    co_mutex_push(me);
    if
    :: taken -> there[me] = false
    :: else ->
        atomic { woken[me] -> woken[me] = false }
        assert(holder == me); /* HOLDER */
        atomic { there[me] = false; next[me] = 0 }
    fi
}

inline qemu_co_mutex_lock(me) {
    co_mutex_try();
    if
    :: !taken -> co_mutex_spin()
    :: else
    fi;
    if
    :: !taken -> co_mutex_wait(me)
    :: else
    fi;
    taken = false;
    holder = me
}

/* first: the oldest of them */
inline co_mutex_take_pile() {
#ifdef BROKEN_TAKE_LEAVES_NONE
    atomic { seen = state; state = NONE }
#else
    atomic { seen = state; state = HELD }
#endif
#ifdef BROKEN_NOT_TURNED
    first = seen;
    /* ends with NONE instead of HELD */
    do
    :: look_at(seen);
        if
        :: next[CO(seen)] == HELD -> next[CO(seen)] = NONE; break
        :: else -> seen = next[CO(seen)]
        fi
    od;
#else
    first = NONE;
    do
    :: seen != HELD ->
        look_at(seen);
        before = next[CO(seen)];
        next[CO(seen)] = first;
        first = seen;
        seen = before
    :: else -> break
    od;
    before = 0;
#endif
    seen = 0
}

inline wake(c) {
    atomic {
        assert(!woken[c] && there[c]); /* WOKEN */
        woken[c] = true
    }
}

inline co_mutex_hand_over() {
    if
    :: oldest != NONE -> first = oldest
    :: else -> co_mutex_take_pile()
    fi;
    look_at(first);
    atomic {
        came?next_up;
        assert(next_up == CO(first)); /* ORDER */
        next_up = 0
    }
#ifdef BROKEN_WAKE_FIRST
    holder = CO(first);
    wake(CO(first));
    look_at(first);
    oldest = next[CO(first)];
#else
    oldest = next[CO(first)];
#ifdef BROKEN_HOLDER_LATE
    wake(CO(first));
    holder = CO(first);
#else
    holder = CO(first);
    wake(CO(first));
#endif
#endif
    first = 0
}

/* freed: there was nobody to hand it to */
inline qemu_co_mutex_unlock() {
    holder = NOBODY;
    if
#ifndef BROKEN_OLDEST_IGNORED
    :: oldest != NONE -> freed = false
#endif
    :: else ->
        atomic {
            freed = (state == HELD);
#ifdef BROKEN_UNLOCK_BLIND
            freed = true;
#endif
            if
            :: freed -> state = NONE
            :: else
            fi
        }
    fi;
    if
    :: !freed -> co_mutex_hand_over()
    :: else -> freed = false
    fi
}

proctype coroutine(byte me) {
    byte rounds = ROUNDS;
    byte seen, first, before, next_up;
    bool taken, pushed, freed;

    do
    :: rounds > 0 ->
        rounds--;
        qemu_co_mutex_lock(me);
        inside++;
        assert(inside == 1); /* MUTEX */
        inside--;
        qemu_co_mutex_unlock()
    :: else -> break
    od
}

init {
    atomic {
        run coroutine(0);
        run coroutine(1);
        run coroutine(2)
    }
}
