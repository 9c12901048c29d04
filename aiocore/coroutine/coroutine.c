/* Coroutines: their states, the wake-up queue, and the checks.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *                            create
 *                              v         enter (caller = enterer)
 *     pool ---------------> suspended  -----------------------------> entered
 *       ^                      ^                                       |  |
 *       |                      +------------ yield (caller = NULL) ----+  |
 *       +---------------------------- entry returned (caller = NULL) -----+
 *
 * The coroutine that leaves clears caller, and the enterer, going on after the switch, does the
 * rest: it knows from the action what happened. The enterer keeps t->current; a coroutine never
 * sets it.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "coroutine/coroutine.h"
#include "coroutine/coroutine_int.h"

__thread CoroutineThread coroutine_thread = { .backend = COROUTINE_BACKEND_DEFAULT };

/* The thread ends. If a later destructor runs coroutines the thread gets a new leader, and this is
 * called again. */
static void coroutine_thread_exit(void *leader)
{
    CoroutineThread *t = &coroutine_thread;

    coroutine_pool_drain(t);
    t->current = NULL;
    g_free(leader);
}

static GPrivate coroutine_thread_key = G_PRIVATE_INIT(coroutine_thread_exit);

QAIO_NOINLINE Coroutine *coroutine_thread_init(CoroutineThread *t)
{
    /* Not switched to and so not on a stack of its own; exists to be compared with. */
    Coroutine *leader = g_new0(Coroutine, 1);

    QSIMPLEQ_INIT(&leader->co_queue_wakeup);
    t->current = leader;
    g_private_set(&coroutine_thread_key, leader);
    return leader;
}

/* What a message calls @co. Only a leader has no entry. */
static const char *coroutine_kind(const Coroutine *co)
{
    return co->entry ? "coroutine" : "thread";
}

static G_NORETURN void coroutine_enter_refused(Coroutine *co, Coroutine *from)
{
    const char *scheduled = qatomic_read(&co->scheduled);

    if (scheduled) {
        fprintf(stderr,
                "qemu_aio_coroutine_enter: coroutine %p is already scheduled in '%s'; %s %p cannot "
                "enter it too\n",
                (void *)co, scheduled, coroutine_kind(from), (void *)from);
    } else {
        fprintf(stderr,
                "qemu_aio_coroutine_enter: coroutine %p is already entered by %s %p; %s %p cannot "
                "enter it too\n",
                (void *)co, coroutine_kind(co->caller), (void *)co->caller, coroutine_kind(from),
                (void *)from);
    }
    abort();
}

/* What needs calls is kept apart, here and in qemu_coroutine_create: a function that ends with its
 * only call saves no registers. */
static QAIO_NOINLINE Coroutine *coroutine_enter_begin_slow(AioContext *ctx, Coroutine *co)
{
    CoroutineThread *t = &coroutine_thread;

    if (!t->current) {
        coroutine_thread_init(t);
    }
    if (co->caller || qatomic_read(&co->scheduled)) {
        coroutine_enter_refused(co, t->current);
    }
    return coroutine_enter_begin_in(ctx, co);
}

static QAIO_ALWAYS_INLINE Coroutine *enter_begin(AioContext *ctx, Coroutine *co)
{
    CoroutineThread *t = &coroutine_thread;
    Coroutine *from = t->current;

    if (unlikely(!from || (uintptr_t)co->caller | (uintptr_t)qatomic_read(&co->scheduled))) {
        return coroutine_enter_begin_slow(ctx, co);
    }
    co->caller = from;
    /* Relaxed: whoever learns of @co from @co itself does so with order of their own. */
    qatomic_set(&co->ctx, ctx);
    t->current = co;
    return co;
}

QAIO_NOINLINE Coroutine *coroutine_enter_begin_in(AioContext *ctx, Coroutine *co)
{
    return enter_begin(ctx, co);
}

QAIO_NOINLINE Coroutine *coroutine_enter_begin(Coroutine *co)
{
    return enter_begin(current_aio_context, co);
}

QAIO_NOINLINE Coroutine *coroutine_yield_begin(void)
{
    CoroutineThread *t = &coroutine_thread;
    Coroutine *self = t->current;

    if (unlikely(!self || !self->caller)) {
        fprintf(stderr, "qemu_coroutine_yield: called outside of a coroutine\n");
        abort();
    }
    t->current = self->caller;
    self->caller = NULL;
    return self;
}

QAIO_NOINLINE void coroutine_terminate(Coroutine *co)
{
    CoroutineThread *t = &coroutine_thread;

    t->current = co->caller;
    co->caller = NULL;
    coroutine_pool_put(t, co);
}

QAIO_COLD void coroutine_enter_woken(Coroutine *co, CoroutineAction action)
{
    QSIMPLEQ_HEAD(, Coroutine) pending = QSIMPLEQ_HEAD_INITIALIZER(pending);
    AioContext *ctx = co->ctx;

    for (;;) {
        QSIMPLEQ_PREPEND(&pending, &co->co_queue_wakeup);
        if (action == COROUTINE_TERMINATE) {
            coroutine_terminate(co);
        }
        if (QSIMPLEQ_EMPTY(&pending)) {
            return;
        }
        co = QSIMPLEQ_FIRST(&pending);
        QSIMPLEQ_REMOVE_HEAD(&pending, co_queue_next);
        co = coroutine_enter_begin_in(ctx, co);
        action = coroutine_switch_in(&co);
    }
}

void coroutine_wake(Coroutine *co)
{
    /* Set by the thread that runs @co; whoever wakes it was told of it after that. */
    AioContext *ctx = qatomic_read(&co->ctx);

    if (ctx) {
        aio_co_enter(ctx, co);
    } else if (qemu_in_coroutine()) {
        QSIMPLEQ_INSERT_TAIL(&qemu_coroutine_self()->co_queue_wakeup, co, co_queue_next);
    } else {
        qemu_aio_coroutine_enter(NULL, co);
    }
}

static QAIO_NOINLINE Coroutine *coroutine_create_slow(CoroutineEntry *entry, void *opaque)
{
    Coroutine *co = coroutine_pool_get_slow(&coroutine_thread);

    co->entry = entry;
    co->entry_arg = opaque;
    return co;
}

QAIO_NOINLINE Coroutine *qemu_coroutine_create(CoroutineEntry *entry, void *opaque)
{
    Coroutine *co = coroutine_pool_get(&coroutine_thread);

    if (unlikely(!co)) {
        return coroutine_create_slow(entry, opaque);
    }
    co->entry = entry;
    co->entry_arg = opaque;
    return co;
}

QAIO_NOINLINE Coroutine *qemu_coroutine_self(void)
{
    CoroutineThread *t = &coroutine_thread;

    return likely(t->current) ? t->current : coroutine_thread_init(t);
}

QAIO_NOINLINE bool qemu_in_coroutine(void)
{
    const Coroutine *self = coroutine_thread.current;

    return self && self->caller;
}

bool qemu_coroutine_entered(Coroutine *co)
{
    return co->caller != NULL;
}

AioContext *qemu_coroutine_get_aio_context(Coroutine *co)
{
    return qatomic_read(&co->ctx);
}

QAIO_NOINLINE bool qemu_coroutine_set_backend(CoroutineBackend b)
{
#ifndef HAVE_COROUTINE_ASM
    if (b == COROUTINE_BACKEND_ASM) {
        return false;
    }
#endif
    coroutine_pool_set_backend(&coroutine_thread, b);
    return true;
}

QAIO_NOINLINE CoroutineBackend qemu_coroutine_get_backend(void)
{
    return coroutine_thread.backend;
}
