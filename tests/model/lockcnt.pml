/*
 * QemuLockCnt, and the deletion of nodes from lists that it protects.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * aiocore/base/lockcnt.c and its use in aiocore/loop/aio-posix.c in Promela; change both. The
 * operations bear the names they have there, and take the same steps on the same word: each atomic
 * operation is one step, futexes compare and go to sleep in one. What is what:
 *
 *   home()                the home thread. For each notification a turn (HOME_TURN): aio_poll()'s
 *                         qemu_lockcnt_inc(), a walk over aio_handlers, the callbacks of those that
 *                         are polled, free_deleted_handlers(), qemu_lockcnt_dec(). A callback may
 *                         delete its own handler, and may nest another turn. Without -DWALKERS
 *   polled                pollnodes, which fdmon_poll_wait() keeps from turn to turn, and fills anew
 *                         in the walk when watch_version tells of a change
 *   walker()              with -DWALKERS, instead: the protocol of lockcnt.h, where any thread walks
 *                         and leaves with qemu_lockcnt_dec_and_lock()
 *   modifier()            another thread: aio_set_fd_handler() for a descriptor: find_aio_handler(),
 *                         insert_aio_handler(), remove_aio_handler(), aio_notify_work(), g_free()
 *   free_deleted()        the loop in free_deleted_handlers(), or "unlink and free the deleted"
 *
 * Nodes 0 and 1 are on the list at first. Both modifiers want to remove 0, one replaces it by 2 and
 * then removes 1. So nodes come, go, and are fought for, while they are walked.
 *
 * Memory is interleaved: all changes of the word are sequentially consistent, insertion publishes
 * complete nodes, and what else matters here (deleted, watch_version) is changed under the lock: who
 * enters after that sees it, and for who is in already nothing is freed. How notifications arrive is
 * notify.pml's matter: here they just do.
 *
 * Claims:
 *   USE_AFTER_FREE  nobody looks at a node that was freed
 *   DOUBLE_FREE     no node is freed twice, or marked as deleted twice
 *   LOCK            unlock finds the lock taken, dec a visitor
 *   KEPT            in the end all deleted nodes are freed, and the word is 0
 *   deadlock        in the end nobody waits for a futex (an invalid end state)
 */
#define LOCKED  1
#define SLEEPER 2
#define VISITOR 4
#define NODES   3
#define NIL     NODES
#define THREADS 4

byte word;
bool waiting[THREADS]; /* on the futex */

byte head = 0;
byte next[NODES];
bool deleted[NODES];
bool on_deleted[NODES]; /* on deleted_aio_handlers */
bool freed[NODES];
bool watch_changed = true; /* watch_version is not pollfds_version */
byte polled;            /* bit n: node n is in pollnodes, from this turn or an earlier one */
byte notified = 1;      /* home is to take a turn */
byte nested = 1;        /* turns of callbacks left */
byte finished;          /* threads */

/* ---- the futex word. Locals of all: me, state, ok */

/* qatomic_cmpxchg() as in lockcnt_change() */
inline change(desired) {
    atomic {
        ok = (word == state);
        if
        :: ok -> word = desired; state = desired
        :: else -> state = word
        fi
    }
}

inline lockcnt_sleep() {
#ifdef BROKEN_SLEEP_UNMARKED
    ok = true;
#else
    if
    :: state & SLEEPER -> ok = true
    :: else -> change(state | SLEEPER)
    fi;
#endif
    if
    :: ok ->
        atomic { /* FUTEX_WAIT */
            if
#ifdef BROKEN_FUTEX_BLIND
            :: true -> waiting[me] = true
#else
            :: word == state -> waiting[me] = true
            :: else
#endif
            fi
        }
        atomic { !waiting[me] -> state = word; ok = false }
    :: else
    fi
}

inline qemu_lockcnt_inc() {
    state = word;
    do
#ifndef BROKEN_INC_WHILE_LOCKED
    :: state / VISITOR == 0 && (state & LOCKED) -> lockcnt_sleep()
#endif
    :: else ->
        change(state + VISITOR);
        if
        :: ok -> break
        :: else
        fi
    od;
    atomic { state = 0; ok = false } /* here and below: fewer states */
}

inline qemu_lockcnt_dec() {
    atomic {
        assert(word / VISITOR > 0); /* LOCK */
        word = word - VISITOR
    }
}

#ifdef BROKEN_DEC_WITHOUT_LOCK
#define TAKE 0
#else
#define TAKE LOCKED
#endif

/* won: the caller has the lock */
inline qemu_lockcnt_dec_and_lock() {
    state = word;
    do
    :: state / VISITOR > 1 ->
        change(state - VISITOR);
        if
        :: ok -> won = false; break
        :: else
        fi
    :: state / VISITOR == 1 && (state & LOCKED) -> lockcnt_sleep()
    :: else ->
        assert(state / VISITOR == 1); /* LOCK */
        change((state - VISITOR) | TAKE);
        if
        :: ok -> won = true; break
        :: else
        fi
    od;
    atomic { state = 0; ok = false }
}

#ifdef BROKEN_NESTED_FREES
#define LAST(s) ((s) / VISITOR >= 1)
#else
#define LAST(s) ((s) / VISITOR == 1)
#endif

inline qemu_lockcnt_dec_if_lock() {
    state = word;
    do
    :: !LAST(state) -> won = false; break
    :: LAST(state) && (state & LOCKED) -> lockcnt_sleep()
    :: else ->
        change((state - VISITOR) | TAKE);
        if
        :: ok -> won = true; break
        :: else
        fi
    od;
    atomic { state = 0; ok = false }
}

inline qemu_lockcnt_lock() {
    state = word;
    do
    :: state & LOCKED -> lockcnt_sleep()
    :: else ->
        change(state | LOCKED);
        if
        :: ok -> break
        :: else
        fi
    od;
    atomic { state = 0; ok = false }
}

inline futex_wake() {
#ifdef BROKEN_WAKE_ONE
    if
    :: waiting[0] -> waiting[0] = false
    :: waiting[1] -> waiting[1] = false
    :: waiting[2] -> waiting[2] = false
    :: waiting[3] -> waiting[3] = false
    :: else
    fi
#else
    d_step { waiting[0] = false; waiting[1] = false; waiting[2] = false; waiting[3] = false }
#endif
}

inline qemu_lockcnt_unlock() {
    atomic {
#ifndef BROKEN_DEC_WITHOUT_LOCK
        assert(word & LOCKED); /* LOCK */
#endif
        ok = (word & SLEEPER) != 0;
        word = word - word % VISITOR
    }
#ifndef BROKEN_NO_WAKE
    if
    :: ok -> ok = false; futex_wake()
    :: else
    fi
#else
    ok = false
#endif
}

inline qemu_lockcnt_inc_and_unlock() {
    word = word + VISITOR;
    qemu_lockcnt_unlock()
}

/* ---- the list. Locals: node, other */

inline look_at(n) {
    assert(!freed[n]) /* USE_AFTER_FREE */
}

inline free_node(n) {
    d_step {
        assert(!freed[n]); /* DOUBLE_FREE */
        freed[n] = true
    }
}

/* QLIST_REMOVE(): the node itself keeps its pointer. */
inline unlink(n) {
    d_step {
        if
        :: head == n -> head = next[n]
        :: else ->
            other = head;
            do
            :: other == NIL || next[other] == n -> break
            :: else -> other = next[other]
            od;
            if
            :: other != NIL -> next[other] = next[n]
            :: else
            fi;
            other = 0
        fi
    }
}

/* aio_set_fd_handler(): @old may be gone already; @new: NIL, or comes in its place. */
inline set_fd_handler(old, new) {
#ifdef BROKEN_COUNT_BEFORE_LOCK
    walked = word / VISITOR > 0;
#endif
    qemu_lockcnt_lock();
    /* find_aio_handler() */
    node = head;
    do
    :: node == NIL -> break
    :: else ->
        look_at(node);
#ifdef BROKEN_FIND_DELETED
        if
        :: node == old -> break
#else
        if
        :: node == old && !deleted[node] -> break
#endif
        :: else -> node = next[node]
        fi
    od;
    if
    :: new != NIL -> d_step { next[new] = head; head = new }
    :: else
    fi;
    /* remove_aio_handler() */
    unused = NIL;
    if
    :: node != NIL ->
#ifndef BROKEN_COUNT_BEFORE_LOCK
        walked = word / VISITOR > 0;
#endif
        if
#ifndef BROKEN_COUNT_IGNORED
        :: walked -> d_step {
            assert(!on_deleted[node]); /* DOUBLE_FREE */
            deleted[node] = true;
            on_deleted[node] = true
        }
#endif
        :: else -> unlink(node); unused = node
        fi
    :: else
    fi;
#ifndef BROKEN_WATCH_LATE
    watch_changed = true; /* aio_watch_changed() */
#endif
    qemu_lockcnt_unlock();
#ifdef BROKEN_WATCH_LATE
    watch_changed = true;
#endif
    if
    :: node != NIL && me == 0 -> look_at(node) /* poll_handler_end() */
    :: node != NIL && me != 0 ->
#ifndef BROKEN_NOT_NOTIFIED
        notified = 1
#else
        skip
#endif
    :: else
    fi;
    if
    :: unused != NIL -> free_node(unused)
    :: else
    fi;
    atomic { node = 0; unused = 0; walked = false }
}

/* Under the lock, with no walker. */
inline free_deleted() {
    node = 0;
    do
    :: node < NODES && on_deleted[node] ->
        on_deleted[node] = false;
        unlink(node);
        free_node(node);
        node++
    :: node < NODES && !on_deleted[node] -> node++
    :: else -> break
    od;
    node = 0
}

/* ---- threads */

#define LOCALS \
    byte state, node, other, unused; \
    bool ok, won, walked

#ifndef WALKERS

#define ANY_DELETED (on_deleted[0] || on_deleted[1] || on_deleted[2])

#ifdef BROKEN_NEVER_FREED
#define FREE_DELETED_HANDLERS skip
#else
#define FREE_DELETED_HANDLERS \
    if \
    :: ANY_DELETED -> \
        qemu_lockcnt_dec_if_lock(); \
        if \
        :: won -> won = false; free_deleted(); qemu_lockcnt_inc_and_unlock() \
        :: else \
        fi \
    :: else \
    fi
#endif

#define HOME_TURN(cur, CALLBACK) \
    qemu_lockcnt_inc(); \
    atomic { \
        refill = watch_changed; \
        if \
        :: refill -> watch_changed = false; polled = 0 \
        :: else \
        fi \
    } \
    cur = head; \
    do \
    :: cur != NIL -> \
        atomic { \
            look_at(cur); \
            if \
            :: refill && !deleted[cur] -> polled = polled | (1 << cur) \
            :: else \
            fi; \
            cur = next[cur] \
        } \
    :: else -> break \
    od; \
    refill = false; \
    cur = 0; \
    do \
    :: cur < NODES && (polled & (1 << cur)) -> \
        look_at(cur); \
        if \
        :: !deleted[cur] -> CALLBACK \
        :: deleted[cur] \
        fi; \
        look_at(cur); \
        cur++ \
    :: cur < NODES && !(polled & (1 << cur)) -> cur++ \
    :: else -> break \
    od; \
    cur = 0; \
    FREE_DELETED_HANDLERS; \
    qemu_lockcnt_dec()

inline callback() {
    if
    :: set_fd_handler(cur, NIL)
    :: nested > 0 -> nested--; HOME_TURN(inner, skip)
    :: true
    fi
}

proctype home() {
    LOCALS;
    byte cur, inner;
    bool refill;
    byte me = 0;

end:
    do
    :: notified -> notified = 0; HOME_TURN(cur, callback())
    od
}

#else

proctype walker(byte me) {
    LOCALS;
    byte cur;

    qemu_lockcnt_inc();
    cur = head;
    do
    :: cur != NIL -> look_at(cur); cur = next[cur]
    :: else -> break
    od;
    cur = 0;
#ifdef BROKEN_NEVER_FREED
    qemu_lockcnt_dec();
#else
    qemu_lockcnt_dec_and_lock();
    if
    :: won -> free_deleted(); qemu_lockcnt_unlock()
    :: else
    fi;
#endif
    finished++
}

#endif

proctype modifier(byte me; byte new) {
    LOCALS;

    set_fd_handler(0, new);
    if
    :: new != NIL -> set_fd_handler(1, NIL)
    :: else
    fi;
    finished++
}

/* ---- the claims */

proctype watch() {
end:
    if
    :: timeout ->
        if
#ifdef WALKERS
        :: finished == 4 ->
#else
        :: finished == 2 && !notified && word / VISITOR == 0 ->
#endif
            assert(word == 0); /* KEPT */
            assert(freed[0] && freed[1] && (!deleted[2] || freed[2])) /* KEPT */
        :: else /* deadlock: the others' end states tell */
        fi
    fi
}

init {
    atomic {
        next[0] = 1; next[1] = NIL; next[2] = NIL;
#ifdef WALKERS
        run walker(0);
        run walker(1);
#else
        run home();
#endif
        run modifier(2, 2);
        run modifier(3, NIL);
        run watch()
    }
}
