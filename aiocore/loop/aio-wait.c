/*
 * Waiters: a list in the context that they wait for, under a lock, and their number.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The number is there for kicks, which are frequent where waiters are rare: without any a kick
 * takes no lock. The lock keeps a waiter, and with it its context, until the kick is done with it.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "loop/aio-posix.h"
#include "loop/aio-wait.h"

void aio_wait_begin(AioWaiter *waiter, AioContext *ctx, bool locked)
{
    AioContext *home = qemu_get_current_aio_context();

    g_assert(ctx && home);
    *waiter = (AioWaiter){ .ctx = ctx, .home = home, .unlocks = locked && home != ctx };

    pthread_mutex_lock(&ctx->waiters_lock);
    QLIST_INSERT_HEAD(&ctx->waiters, waiter, next);
    qatomic_set(&ctx->num_waiters, ctx->num_waiters + 1);
    pthread_mutex_unlock(&ctx->waiters_lock);

    /* num_waiters before the caller's condition; pairs with aio_wait_kick_context(). */
    smp_mb();
}

void aio_wait_turn(AioWaiter *waiter)
{
    if (waiter->unlocks) {
        g_assert(waiter->ctx->lock_depth == 1);
        aio_context_release(waiter->ctx);
    }
    aio_poll(waiter->home, true);
    if (waiter->unlocks) {
        aio_context_acquire(waiter->ctx);
    }
}

void aio_wait_end(AioWaiter *waiter)
{
    AioContext *ctx = waiter->ctx;

    pthread_mutex_lock(&ctx->waiters_lock);
    QLIST_REMOVE(waiter, next);
    qatomic_set(&ctx->num_waiters, ctx->num_waiters - 1);
    pthread_mutex_unlock(&ctx->waiters_lock);
}

static void notify_waiters(AioContext *ctx)
{
    AioWaiter *waiter;

    pthread_mutex_lock(&ctx->waiters_lock);
    QLIST_FOREACH (waiter, &ctx->waiters, next) {
        aio_notify(waiter->home);
    }
    pthread_mutex_unlock(&ctx->waiters_lock);
}

void aio_wait_kick_context(AioContext *ctx)
{
    /* What the caller changed before num_waiters; pairs with aio_wait_begin(). */
    smp_mb();
    if (unlikely(qatomic_read(&ctx->num_waiters))) {
        notify_waiters(ctx);
    }
}

void aio_wait_kick(void)
{
    AioContext *ctx = qemu_get_current_aio_context();

    g_assert(ctx);
    aio_wait_kick_context(ctx);
}

/* ---- waiting for a bottom half ------------------------------------------------------------ */

typedef struct AioWaitBH {
    QEMUBHFunc *cb;
    void *opaque;
    bool done; /* set with release: what @cb did comes before */
} AioWaitBH;

static void aio_wait_bh(void *opaque)
{
    AioWaitBH *wait = opaque;

    wait->cb(wait->opaque);
    qatomic_store_release(&wait->done, true); /* and it may be gone */
    aio_wait_kick();
}

void aio_wait_bh_oneshot(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
    AioWaitBH wait = { .cb = cb, .opaque = opaque };

    aio_bh_schedule_oneshot(ctx, aio_wait_bh, &wait);
    AIO_WAIT_WHILE(ctx, !qatomic_load_acquire(&wait.done));
}
