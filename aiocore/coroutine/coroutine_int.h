/* The inside of a coroutine: struct Coroutine, the per-thread state, and the seams of the module.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * coroutine-switch.h   enter and yield: the part that is inlined into the caller
 * coroutine.c          create, enter, yield: the states, the wake-up queue, the checks
 * coroutine-pool.c     where terminated coroutines wait
 * coroutine-stack.c    the memory of one: mapping, guard page, colour
 * coroutine-asm.[ch]   \ how to get from one stack to another, and how to begin on a fresh one
 * coroutine-ucontext.c /
 * coroutine-sanitizer.h tells ASan, TSan and valgrind
 * co-mutex.[ch], co-queue.[ch], co-rwlock.[ch], lockable.[ch]
 *                      what coroutines wait for each other with; on top of the rest
 *
 * Layers above may append to co_queue_wakeup of the running coroutine (by co_queue_next), use
 * co_scheduled_next and scheduled of a suspended one that is theirs to enter, and read entry
 * and entry_arg of a live one. The rest is private to this folder.
 */
#ifndef QAIO_COROUTINE_INT_H
#define QAIO_COROUTINE_INT_H

#include "base/queue.h"
#include "coroutine/coroutine.h"
#include "coroutine/coroutine-asm.h"

#define COROUTINE_BACKENDS 2

#ifdef HAVE_COROUTINE_ASM
#define COROUTINE_BACKEND_DEFAULT COROUTINE_BACKEND_ASM
#else
#define COROUTINE_BACKEND_DEFAULT COROUTINE_BACKEND_UCONTEXT
#endif

/* Lies at the top of its own stack, 64-byte aligned: the first two lines are all that a switch
 * touches. */
struct Coroutine {
    CoroutineSwitch points;
    Coroutine *caller;     /* the enterer while entered, else NULL */
    const char *scheduled; /* function that will enter it, NULL if none; atomic */

    AioContext *ctx; /* as of the last enter; atomic */
    CoroutineEntry *entry;
    void *entry_arg;
    CoroutineBackend backend; /* for the whole life of the stack */

    /* Woken by this one, entered when it leaves. Empty whenever it is not running. */
    QSIMPLEQ_HEAD(, Coroutine) co_queue_wakeup;

    QSIMPLEQ_ENTRY(Coroutine) co_queue_next;   /* in another's co_queue_wakeup */
    QSLIST_ENTRY(Coroutine) pool_next;         /* terminated: in the pool of all threads */
    QSLIST_ENTRY(Coroutine) co_scheduled_next; /* in the list of whoever scheduled it */

    /* From here on written once, by coroutine_stack_new. */
    void *map; /* the guard page, where the mapping begins */
    size_t map_size;
    void *stack; /* lowest usable byte */
    size_t stack_size;
#ifdef HAVE_VALGRIND_VALGRIND_H
    unsigned valgrind_stack_id;
#endif
    /* Used under the sanitizers only (coroutine-sanitizer.h). */
    void *asan_fake_stack;
    void *asan_outer_fake_stack;
    const void *asan_outer_stack;
    size_t asan_outer_stack_size;
    void *tsan_fiber;
    void *tsan_outer_fiber;
} __attribute__((aligned(64)));

/* Terminated coroutines of one backend and thread: an array, last in first out. See
 * coroutine-pool.c for slots that are never used but looked at. */
typedef struct CoroutinePool {
    Coroutine **top; /* one above the last one in */
    Coroutine **bottom;
    Coroutine **limit; /* from here on put has to think; at most bottom + room */
    size_t room;       /* slots */
} CoroutinePool;

static inline size_t coroutine_pool_size(const CoroutinePool *pool)
{
    return pool->top - pool->bottom;
}

/* The state of one thread, in thread-local storage. It is small: static TLS is scarce for a library
 * that is loaded late.
 *
 * Whoever uses it is a function that does not switch and is never inlined; see
 * base/current-context.h for the reason. */
typedef struct CoroutineThread {
    Coroutine *current;       /* NULL until used; the leader when no coroutine runs */
    CoroutineBackend backend; /* of new coroutines */
    /* The rest belongs to coroutine-pool.c. */
    CoroutinePool pool[COROUTINE_BACKENDS]; /* that of the thread's backend, and the other */
    Coroutine **low;                        /* in pool[0]: from here down get has to think */
    int64_t live_max;
    uint64_t created;
    uint64_t freed; /* of those, and of others that ended here */
} CoroutineThread;

extern __thread CoroutineThread coroutine_thread;

/* Set up the calling thread's state and make its leader. */
Coroutine *coroutine_thread_init(CoroutineThread *t);

/* What enter and yield do around the switch (coroutine.c), see coroutine-switch.h. */

/* Make @co, which is returned, the running one, in the thread's context or in @ctx. */
Coroutine *coroutine_enter_begin(Coroutine *co);
Coroutine *coroutine_enter_begin_in(AioContext *ctx, Coroutine *co);

/* @co ran to its end in this thread. */
void coroutine_terminate(Coroutine *co);

/* @co left with @action and woke others: enter them, and those they wake before their siblings. */
void coroutine_enter_woken(Coroutine *co, CoroutineAction action);

/* Make the enterer the running one; returns who yields. */
Coroutine *coroutine_yield_begin(void);

/* Enter @co, which is suspended or about to be, in the context where it last ran: see
 * aio_co_enter(). One without a context can only be woken in its own thread: it is entered now, or
 * behind the caller if that is a coroutine. */
void coroutine_wake(Coroutine *co);

/* The slow ways of the two functions below (coroutine-pool.c): for the first coroutine, the one
 * more than ever, the one too many; and for all when many are live. */
Coroutine *coroutine_pool_get_slow(CoroutineThread *t);
void coroutine_pool_put_slow(CoroutineThread *t, Coroutine *co);

/* New coroutines are @backend's. */
void coroutine_pool_set_backend(CoroutineThread *t, CoroutineBackend backend);

/* How many slots ahead of their use coroutines are fetched into the cache. */
#define COROUTINE_POOL_AHEAD 8

/* Have what a switch to @co touches in the cache soon: its first two lines, and those at the top of
 * its stack in which the entry function's frame begins. Does nothing for an address that is none.
 * Inlined always, as gcc drops calls of a function that does nothing but prefetch. */
static inline __attribute__((always_inline)) void coroutine_prefetch(const Coroutine *co)
{
    uintptr_t top = (uintptr_t)co;

    __builtin_prefetch((const void *)top);
    __builtin_prefetch((const void *)(top + 64));
    __builtin_prefetch((const void *)(top - 64));
    __builtin_prefetch((const void *)(top - 128));
}

/* A terminated coroutine of the thread's backend; NULL: ask coroutine_pool_get_slow. */
static inline Coroutine *coroutine_pool_get(CoroutineThread *t)
{
    CoroutinePool *pool = &t->pool[0];

    if (unlikely(pool->top <= t->low)) {
        return NULL;
    }
    return *--pool->top;
}

/* Keep a terminated coroutine for reuse. */
static inline void coroutine_pool_put(CoroutineThread *t, Coroutine *co)
{
    CoroutinePool *pool = &t->pool[0];

    if (unlikely(co->backend != t->backend || pool->top >= pool->limit)) {
        coroutine_pool_put_slow(t, co);
        return;
    }
    if (unlikely(pool->top < t->low)) {
        coroutine_prefetch(pool->top[COROUTINE_POOL_AHEAD]);
    }
    *pool->top++ = co;
}

/* Free what the calling thread keeps. */
void coroutine_pool_drain(CoroutineThread *t);

#include "coroutine/coroutine-switch.h"

#endif
