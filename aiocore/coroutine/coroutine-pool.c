/* Where terminated coroutines wait: a stack per thread and one for all, and how much they keep.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     create --- pop <--+-------------+--> push --- terminate       per thread, no atomics
 *                       |  t->pool    |
 *            up to BATCH^             v when it is at its limit
 *                       +-- shared ---+                             all threads, lock-free
 *     new mapping ------^             +--> unmapped when it holds SHARED_MAX
 *
 * The thread's own pool is an array and not a list, because many coroutines do not fit into the
 * caches, and in a list of theirs one can only be found by reading the one before. So the
 * processor would wait for each. With the array, when many are live, get has the coroutine fetched
 * that will be taken some calls later. put does the same in the other direction: coroutines that
 * have been nested end in the reverse order of their creation, so the slots above the top still
 * name those that end next. That is a guess about stale addresses, and only costs time if it is
 * wrong. The array is framed by empty slots, so that neither has to look where it ends.
 *
 * The thread's own pool keeps as many as the thread ever had live at once, so what was made is made
 * once: no cliff, however many. It keeps at least POOL_MIN plus what is announced by
 * qemu_coroutine_inc_pool_size, and at most POOL_MAX if less is announced. A process that had all
 * of POOL_MAX live in one thread keeps about two touched pages for each, 128 MiB.
 *
 * The shared pool is for coroutines that are created in one thread and terminated in another: the
 * latter overflows into it and the former finds them there. One list per backend, a Treiber stack:
 * push by compare-and-swap, and take all by exchange. As nobody pops single elements, an element
 * that was popped and pushed again in between can do no harm (ABA). Who takes all keeps a batch and
 * pushes the rest back as one chain; another thread that looks in just then makes a new coroutine.
 *
 * Nothing is counted when a coroutine is created or ends: live are those that the thread made and
 * neither has in its pools nor has freed. Giving to and taking from the shared pool changes that as
 * it should: the creator's count comes back as the memory does, and the sum over all threads stays
 * right. Each size of the pool so stands for a number of live coroutines, and one comparison of its
 * top with t->low tells get that it is empty, or that more are live than ever, or so many that it
 * should fetch. t->low changes only where the sum does, which is on the slow ways.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "coroutine/coroutine_int.h"
#include "coroutine/coroutine-stack.h"

#define POOL_MIN   64
#define POOL_MAX   16384
#define SHARED_MAX 16384
#define BATCH      64

/* So many must be live for others to be prefetched: fewer are in the fastest cache anyway. */
#define MANY 128

typedef QSLIST_HEAD(CoroutineList, Coroutine) CoroutineList;

static CoroutineList shared_pool[COROUTINE_BACKENDS];
static unsigned shared_size;    /* in all lists; atomic; lags behind the lists for a moment */
static unsigned announced_size; /* sum of qemu_coroutine_inc_pool_size; atomic */

static CoroutinePool *pool_of(CoroutineThread *t, CoroutineBackend backend)
{
    return &t->pool[backend != t->backend];
}

/* Below 0 if coroutines of other threads ended here. */
static int64_t live(const CoroutineThread *t)
{
    return t->created - t->freed - coroutine_pool_size(&t->pool[0]) -
           coroutine_pool_size(&t->pool[1]);
}

/* To be called when @t's pools have changed by other than get and put. */
static void set_low(CoroutineThread *t)
{
    CoroutinePool *pool = &t->pool[0];
    /* How many it holds when live_max, or MANY, are live. */
    int64_t size = live(t) + (int64_t)coroutine_pool_size(pool) - MIN(t->live_max, MANY);

    t->low = pool->room ? pool->bottom + CLAMP(size, 0, (int64_t)pool->room) : NULL;
}

static unsigned pool_keep(CoroutineThread *t)
{
    return MAX(MIN(t->live_max, POOL_MAX), POOL_MIN + qatomic_read(&announced_size));
}

/* Push the chain that begins with @first. */
static void shared_push(CoroutineList *shared, Coroutine *first)
{
    Coroutine *head = qatomic_cmpxchg(&shared->slh_first, NULL, first);
    Coroutine *last = first;

    if (!head) {
        return;
    }
    while (QSLIST_NEXT(last, pool_next)) {
        last = QSLIST_NEXT(last, pool_next);
    }
    for (;;) {
        Coroutine *seen;

        last->pool_next.sle_next = head;
        seen = qatomic_cmpxchg(&shared->slh_first, head, first);
        if (seen == head) {
            return;
        }
        head = seen;
    }
}

/* Let @pool keep @n. */
static void pool_set_keep(CoroutinePool *pool, size_t n)
{
    const size_t frame = COROUTINE_POOL_AHEAD;
    size_t size = coroutine_pool_size(pool);

    if (n > pool->room) {
        size_t room = MAX(n, 2 * pool->room);
        Coroutine **bottom = g_new0(Coroutine *, frame + room + frame) + frame;

        if (pool->room) {
            memcpy(bottom, pool->bottom, size * sizeof(*bottom));
            g_free(pool->bottom - frame);
        }
        *pool = (CoroutinePool){ .bottom = bottom, .top = bottom + size, .room = room };
    }
    pool->limit = pool->bottom + n;
}

/* Move up to BATCH coroutines from the shared pool to @t's, which has none of its backend. */
static void shared_take(CoroutineThread *t)
{
    CoroutineList *shared = &shared_pool[t->backend];
    CoroutineList taken;
    Coroutine *last, *rest, *co;
    unsigned n = 1;

    if (!qatomic_read(&shared->slh_first)) {
        return;
    }
    QSLIST_MOVE_ATOMIC(&taken, shared);
    last = QSLIST_FIRST(&taken);
    if (!last) {
        return;
    }
    for (; n < BATCH && QSLIST_NEXT(last, pool_next); n++) {
        last = QSLIST_NEXT(last, pool_next);
    }
    rest = QSLIST_NEXT(last, pool_next);
    last->pool_next.sle_next = NULL;
    if (rest) {
        shared_push(shared, rest);
    }
    qatomic_sub(&shared_size, n);
    QSLIST_FOREACH (co, &taken, pool_next) {
        *t->pool[0].top++ = co;
    }
}

/* Put a new one of the thread's backend into its pool, which has room. */
static void pool_make(CoroutineThread *t)
{
    Coroutine *co = coroutine_stack_new(t->backend);

    if (!co) {
        fprintf(stderr,
                "qemu_coroutine_create: no memory for a stack with %" PRId64
                " coroutines live in this thread: %s (see also vm.max_map_count)\n",
                live(t), g_strerror(errno));
        abort();
    }
    t->created++;
    *t->pool[0].top++ = co;
}

/* What is kept for the thread is freed when it ends, if it has a leader. */
static void pool_begin(CoroutineThread *t, unsigned n)
{
    if (!t->current) {
        coroutine_thread_init(t);
    }
    pool_set_keep(&t->pool[0], MAX(n, pool_keep(t)));
}

static QAIO_COLD void pool_refill(CoroutineThread *t)
{
    pool_begin(t, BATCH);
    shared_take(t);
    if (t->pool[0].top == t->pool[0].bottom) {
        pool_make(t);
    }
}

Coroutine *coroutine_pool_get_slow(CoroutineThread *t)
{
    CoroutinePool *pool = &t->pool[0];
    int64_t now;

    if (unlikely(pool->top == pool->bottom)) {
        pool_refill(t);
        set_low(t);
    }
    now = live(t);
    if (unlikely(now >= t->live_max)) {
        t->live_max = now + 1;
        set_low(t);
    }
    coroutine_prefetch(pool->top[-1 - COROUTINE_POOL_AHEAD]);
    return *--pool->top;
}

QAIO_NOINLINE void qemu_coroutine_pool_reserve(unsigned int n)
{
    CoroutineThread *t = &coroutine_thread;

    pool_begin(t, n);
    while (coroutine_pool_size(&t->pool[0]) < n) {
        pool_make(t);
    }
    set_low(t);
}

/* Returns false if @pool has no room for @co. */
static bool pool_push(CoroutinePool *pool, Coroutine *co)
{
    if (pool->top >= pool->limit) {
        return false;
    }
    *pool->top++ = co;
    return true;
}

void coroutine_pool_put_slow(CoroutineThread *t, Coroutine *co)
{
    CoroutinePool *pool = pool_of(t, co->backend);

    pool_set_keep(pool, pool_keep(t));
    if (!pool_push(pool, co)) {
        if (qatomic_fetch_inc(&shared_size) < SHARED_MAX) {
            QSLIST_INSERT_HEAD_ATOMIC(&shared_pool[co->backend], co, pool_next);
        } else {
            qatomic_dec(&shared_size);
            coroutine_stack_free(co);
            t->freed++;
        }
    }
    set_low(t);
}

void coroutine_pool_set_backend(CoroutineThread *t, CoroutineBackend backend)
{
    CoroutinePool other = t->pool[1];

    if (backend == t->backend) {
        return;
    }
    t->pool[1] = t->pool[0];
    t->pool[0] = other;
    t->backend = backend;
    set_low(t);
}

void coroutine_pool_drain(CoroutineThread *t)
{
    for (int i = 0; i < COROUTINE_BACKENDS; i++) {
        CoroutinePool *pool = &t->pool[i];

        while (pool->top != pool->bottom) {
            coroutine_stack_free(*--pool->top);
            t->freed++;
        }
        if (pool->room) {
            g_free(pool->bottom - COROUTINE_POOL_AHEAD);
        }
        *pool = (CoroutinePool){ 0 };
    }
    set_low(t);
}

void qemu_coroutine_inc_pool_size(unsigned int n)
{
    qatomic_add(&announced_size, n);
}

void qemu_coroutine_dec_pool_size(unsigned int n)
{
    qatomic_sub(&announced_size, n);
}

QAIO_NOINLINE void qemu_coroutine_pool_stats(CoroutinePoolStats *stats)
{
    const CoroutineThread *t = &coroutine_thread;

    stats->created = t->created;
    stats->live = MAX(live(t), 0);
    stats->live_max = t->live_max;
}
