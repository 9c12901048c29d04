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
    Coroutine *caller;     /* the enterer while entered, else NULL */
    const char *scheduled; /* function that will enter it, NULL if none; atomic */
    AioContext *ctx;       /* as of the last enter; atomic */
    CoroutineEntry *entry;
    void *entry_arg;
    CoroutineBackend backend; /* for the whole life of the stack */

    /* Woken by this one, entered when it leaves. Empty whenever it is not running. */
    QSIMPLEQ_HEAD(, Coroutine) co_queue_wakeup;

    CoroutinePoint self;  /* where it goes on when it is entered */
    CoroutinePoint outer; /* where the enterer goes on when it leaves */

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
    Coroutine **limit; /* up to here put does not think; at most bottom + room */
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
    CoroutinePool pool[COROUTINE_BACKENDS];
    int64_t live;
    int64_t live_max;
    uint64_t created;
} CoroutineThread;

extern __thread CoroutineThread coroutine_thread;

/* Set up the calling thread's state and make its leader. */
Coroutine *coroutine_thread_init(CoroutineThread *t);

/* What enter and yield do around the switch (coroutine.c), see coroutine-switch.h. */
void coroutine_enter_begin(AioContext *ctx, Coroutine *co);
void coroutine_enter_end(Coroutine *co, CoroutineAction action);
Coroutine *coroutine_yield_begin(void);

/* Enter @co, which is suspended or about to be, in the context where it last ran: see
 * aio_co_enter(). One without a context can only be woken in its own thread: it is entered now, or
 * behind the caller if that is a coroutine. */
void coroutine_wake(Coroutine *co);

/* The body of every coroutine; runs on the new stack and does not return. */
G_NORETURN void coroutine_main(Coroutine *co);

/* The slow ways of the two functions below (coroutine-pool.c): have at least one of the thread's
 * backend in its pool; get rid of one that is one too many. */
void coroutine_pool_refill(CoroutineThread *t);
void coroutine_pool_overflow(CoroutineThread *t, Coroutine *co);

/* How many slots ahead of their use coroutines are fetched into the cache, and how many must be
 * live for that: fewer are in the fastest cache anyway. */
#define COROUTINE_POOL_AHEAD 8
#define COROUTINE_POOL_MANY  128

/* Have what a switch to @co touches in the cache soon: its first two lines, and the top of its
 * stack but for the line in which coroutine_main has saved registers that nobody wants back. Does
 * nothing for an address that is none. Inlined always, as gcc drops calls of a function that does
 * nothing but prefetch. */
static inline __attribute__((always_inline)) void coroutine_prefetch(const Coroutine *co)
{
    uintptr_t top = (uintptr_t)co;

    __builtin_prefetch((const void *)top);
    __builtin_prefetch((const void *)(top + 64));
    __builtin_prefetch((const void *)(top - 128));
    __builtin_prefetch((const void *)(top - 192));
}

/* A terminated coroutine of the thread's backend; NULL if its pool has none. */
static inline Coroutine *coroutine_pool_get(CoroutineThread *t)
{
    CoroutinePool *pool = &t->pool[t->backend];
    Coroutine *co;

    if (unlikely(pool->top == pool->bottom)) {
        return NULL;
    }
    co = *--pool->top;
    if (unlikely(t->live >= COROUTINE_POOL_MANY)) {
        coroutine_prefetch(pool->top[-COROUTINE_POOL_AHEAD]);
    }
    if (++t->live > t->live_max) {
        t->live_max = t->live;
    }
    return co;
}

/* Keep a terminated coroutine for reuse. */
static inline void coroutine_pool_put(CoroutineThread *t, Coroutine *co)
{
    CoroutinePool *pool = &t->pool[co->backend];

    t->live--;
    if (likely(pool->top < pool->limit)) {
        if (unlikely(t->live >= COROUTINE_POOL_MANY)) {
            coroutine_prefetch(pool->top[COROUTINE_POOL_AHEAD]);
        }
        *pool->top++ = co;
    } else {
        coroutine_pool_overflow(t, co);
    }
}

/* Free what the calling thread keeps. */
void coroutine_pool_drain(CoroutineThread *t);

#include "coroutine/coroutine-switch.h"

#endif
