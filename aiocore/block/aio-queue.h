/*
 * When requests go to the kernel: the rule that linux-aio.c and io_uring.c have in common.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A queue is submitted at once, unless it is
 *   - plugged and shorter than a batch: then by the last unplug, or when the batch is full;
 *   - blocked, the kernel having no room: then after the next completion;
 *   - being submitted, or completions are being consumed (unless defer is off): then by whoever
 *     does that, at its end.
 * This makes one batch of the requests that completions lead to, and turns what would be recursion
 * (submit, complete at once, submit from there, ...) into a loop.
 *
 * The backend has the list of pending requests and moves them; here they are only counted.
 */
#ifndef QAIO_BLOCK_AIO_QUEUE_H
#define QAIO_BLOCK_AIO_QUEUE_H

#include "loop/aio.h"

/* How many requests are gathered under plug when neither the context nor the node says: QEMU's
 * number. */
#define AIO_DEFAULT_MAX_BATCH 32

typedef struct AioQueue {
    unsigned max_events;
    unsigned plugged;
    unsigned in_queue;         /* pending */
    unsigned in_flight;        /* with the kernel, or in the ring of what completed; at most
                                * max_events */
    unsigned submitting;       /* calls of aio_queue_submit() on the stack */
    unsigned completion_depth; /* runs over the completions on the stack */
    bool blocked;              /* the kernel has no room */
    bool defer;                /* requests from completions wait for each other */
} AioQueue;

/* Whether as many are pending as are to be gathered under plug; the node's own limit for that is
 * @dev_max_batch, 0 if it has none. */
static inline bool aio_queue_is_full(const AioQueue *q, AioContext *ctx, uint64_t dev_max_batch)
{
    uint64_t max_batch = aio_context_get_max_batch(ctx) ?: AIO_DEFAULT_MAX_BATCH;

    return q->in_queue >= max_batch || (dev_max_batch && q->in_queue >= dev_max_batch) ||
           q->in_queue >= q->max_events - q->in_flight;
}

/* How many of those pending the kernel may have now. */
static inline unsigned aio_queue_may_go(const AioQueue *q)
{
    return MIN(q->max_events - q->in_flight, q->in_queue);
}

/* One more is pending. Returns whether that is reason to submit. */
static inline bool aio_queue_add(AioQueue *q, AioContext *ctx, uint64_t dev_max_batch)
{
    q->in_queue++;
    return !q->blocked && (!q->plugged || aio_queue_is_full(q, ctx, dev_max_batch));
}

/* Returns whether it is time to submit. */
static inline bool aio_queue_unplug(AioQueue *q)
{
    g_assert(q->plugged);
    return --q->plugged == 0 && !q->blocked && q->in_queue;
}

/* Somebody further down the stack submits when it is done with what it does. */
static inline bool aio_queue_is_served(const AioQueue *q)
{
    return q->submitting || (q->completion_depth && q->defer);
}

/* There is room again, or it is time to ask again. Returns whether to submit. */
static inline bool aio_queue_unblock(AioQueue *q)
{
    q->blocked = false;
    return !q->plugged && q->in_queue;
}

/* The kernel took @n. */
static inline void aio_queue_accept(AioQueue *q, unsigned n)
{
    q->in_queue -= n;
    q->in_flight += n;
}

/* Submit until nothing is pending, or @submit_batch(@s) says that there is no getting further. */
static QAIO_ALWAYS_INLINE void aio_queue_submit(AioQueue *q, bool (*submit_batch)(void *s), void *s)
{
    q->submitting++;
    while (q->in_queue && submit_batch(s)) {
        /* the next batch */
    }
    q->submitting--;
    q->blocked = q->in_queue > 0;
}

#endif
