/*
 * AIO_WAIT_WHILE: turn the own loop until something has happened in another context.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     waiter                                        who changes the condition
 *     ------                                        -------------------------
 *     1. register with ctx                          1. make the condition false
 *     2. full barrier                               2. full barrier
 *     3. condition false? then done                 3. any waiters of ctx?
 *     4. turn the own loop, sleeping; back to 3     4. aio_notify() the loop of each
 *
 * A wake-up cannot be lost: of the two who write, pass a full barrier and then look at what the
 * other has written, at least one sees the other. If the waiter saw the condition too early, it is
 * seen by the other's step 3, and aio_notify() has its loop return, also when it comes between the
 * waiter's 3 and 4; see there.
 *
 * Waiters are registered with the context that they wait for, so that a kick costs the contexts of
 * other jobs nothing and wakes nobody there. That is why the context must be known, on both sides:
 * who waits for several waits for one after the other.
 */
#ifndef QAIO_LOOP_AIO_WAIT_H
#define QAIO_LOOP_AIO_WAIT_H

#include "base/queue.h"
#include "loop/aio.h"

/* One that waits, on its stack. The members are aio-wait.c's. */
typedef struct AioWaiter {
    AioContext *ctx;  /* what it waits for */
    AioContext *home; /* the loop that it turns meanwhile */
    bool unlocks;     /* @ctx's lock, for each turn */
    QLIST_ENTRY(AioWaiter) next;
} AioWaiter;

/* What AIO_WAIT_WHILE consists of. Not to be called otherwise. */
void aio_wait_begin(AioWaiter *waiter, AioContext *ctx, bool locked);
void aio_wait_turn(AioWaiter *waiter);
void aio_wait_end(AioWaiter *waiter);

#define AIO_WAIT_WHILE_INTERNAL(ctx, locked, cond) \
    ({                                             \
        AioWaiter waiter_;                         \
        bool waited_ = false;                      \
                                                   \
        aio_wait_begin(&waiter_, (ctx), (locked)); \
        while (cond) {                             \
            waited_ = true;                        \
            aio_wait_turn(&waiter_);               \
        }                                          \
        aio_wait_end(&waiter_);                    \
        waited_;                                   \
    })

/*
 * Wait while @cond, an expression that becomes false by what is done in @ctx, and that is evaluated
 * after each turn. What it reads may be written at the same moment: use qatomic_load_acquire() and
 * the like. Whoever makes it false calls aio_wait_kick() after that.
 *
 * Any thread with a current AioContext, whose loop is turned; callbacks of all kinds run there.
 * When that is not @ctx itself the caller holds @ctx's lock, once, and it is dropped for each turn.
 * Returns whether it had to wait.
 */
#define AIO_WAIT_WHILE(ctx, cond) AIO_WAIT_WHILE_INTERNAL(ctx, true, cond)

/* The same for a caller who does not hold the lock. */
#define AIO_WAIT_WHILE_UNLOCKED(ctx, cond) AIO_WAIT_WHILE_INTERNAL(ctx, false, cond)

/* Have those look again who wait for the context whose home thread this is. */
void aio_wait_kick(void);

/* Have those look again who wait for @ctx. Any thread that holds a reference. */
void aio_wait_kick_context(AioContext *ctx);

/*
 * Run @cb(@opaque) in the home thread of @ctx and wait until it has returned. What the caller did
 * before is seen by @cb, and what @cb did by the caller. As for AIO_WAIT_WHILE the caller holds
 * @ctx's lock, once, unless it is in the home thread. @ctx's home thread must be turning its loop.
 */
void aio_wait_bh_oneshot(AioContext *ctx, QEMUBHFunc *cb, void *opaque);

#endif
