/*
 * Adaptive polling: looking for events in user space for a while before going to sleep.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Waking up costs microseconds, which is what a fast device takes for a request. So it can pay to
 * keep looking, if what is waited for is near. How near it tends to be, the loop learns from its
 * sleeps, by how long it waited in all, polling and asleep:
 *
 *     no longer than poll_ns       polling finds such events: leave poll_ns as it is
 *     up to poll_max_ns            polling longer would have: poll_ns grows
 *     longer than poll_max_ns      polling was in vain: poll_ns shrinks
 *
 * A handler for which polling has found nothing in IDLE_NS is taken off the list of those that are
 * asked, so that a hundred idle ones do not slow the search. An event by its descriptor brings it
 * back.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "loop/aio-posix.h"

#define FIRST_POLL_NS 4000
#define IDLE_NS       (7 * NANOSECONDS_PER_SECOND)

static int64_t grown(int64_t ns, int64_t grow, int64_t max_ns)
{
    if (!ns) {
        return MIN(FIRST_POLL_NS, max_ns);
    }
    return ns > max_ns / grow ? max_ns : ns * grow;
}

void adjust_polling_time(AioContext *ctx, int64_t block_ns)
{
    int64_t ns = qatomic_read(&ctx->poll_ns);
    int64_t max_ns = qatomic_read(&ctx->poll_max_ns);
    int64_t shrink = qatomic_read(&ctx->poll_shrink);

    if (block_ns > max_ns) {
        ns = shrink ? ns / shrink : 0;
    } else if (block_ns > ns) {
        ns = grown(ns, qatomic_read(&ctx->poll_grow) ?: 2, max_ns);
    }
    qatomic_set(&ctx->poll_ns, ns);
}

void aio_context_set_poll_params(AioContext *ctx, int64_t max_ns, int64_t grow, int64_t shrink,
                                 Error **errp)
{
    if (max_ns < 0 || grow < 0 || shrink < 0) {
        error_setg(errp, "polling time, growth and shrinking must not be negative");
        return;
    }
    /* One turn with an odd mixture of old and new does no harm. */
    qatomic_set(&ctx->poll_max_ns, max_ns);
    qatomic_set(&ctx->poll_grow, grow);
    qatomic_set(&ctx->poll_shrink, shrink);
    qatomic_set(&ctx->poll_ns, 0);
    aio_notify_work(ctx);
}

/* ---- begin and end --------------------------------------------------------------------------- */

static void poll_handler_begin(AioHandler *node)
{
    IOHandler *begin = qatomic_read(&node->io_poll_begin);

    if (!node->poll_begun && (begin || qatomic_read(&node->io_poll_end))) {
        node->poll_begun = true;
        if (begin) {
            begin(node->opaque);
        }
    }
}

void poll_handler_end(AioHandler *node)
{
    IOHandler *end = qatomic_read(&node->io_poll_end);

    if (node->poll_begun) {
        node->poll_begun = false;
        if (end) {
            end(node->opaque);
        }
    }
}

void poll_end(AioContext *ctx)
{
    AioHandler *node;

    ctx->poll_started = false;
    qemu_lockcnt_inc(&ctx->list_lock);
    QLIST_FOREACH_RCU (node, &ctx->poll_aio_handlers, node_poll) {
        if (!qatomic_read(&node->deleted)) {
            poll_handler_end(node);
        }
    }
    qemu_lockcnt_dec(&ctx->list_lock);
}

/* ---- idle handlers --------------------------------------------------------------------------- */

/* The walker that called io_poll may go on: it has gone past @node. */
void poll_handler_set_idle(AioContext *ctx, AioHandler *node, bool idle)
{
    qemu_lockcnt_lock(&ctx->list_lock);
    if (!node->deleted && node->poll_idle != idle) {
        qatomic_set(&node->poll_idle, idle);
        qatomic_set(&ctx->poll_idle_cnt, ctx->poll_idle_cnt + (idle ? 1 : -1));
        if (idle) {
            QLIST_REMOVE_RCU(node, node_poll);
        } else {
            QLIST_INSERT_HEAD_RCU(&ctx->poll_aio_handlers, node, node_poll);
        }
    }
    qemu_lockcnt_unlock(&ctx->list_lock);
}

static void remove_if_idle(AioContext *ctx, AioHandler *node, int64_t now)
{
    if (!node->poll_idle_timeout) {
        node->poll_idle_timeout = now + IDLE_NS;
    } else if (now >= node->poll_idle_timeout) {
        poll_handler_set_idle(ctx, node, true);
        poll_handler_end(node);
    }
}

/* ---- looking --------------------------------------------------------------------------------- */

static inline bool run_poll_handler(AioHandlerList *ready_list, AioHandler *node)
{
    if (qatomic_read(&node->deleted) || !node->io_poll(node->opaque)) {
        return false;
    }
    node->poll_ready = true;
    node->poll_idle_timeout = 0;
    aio_add_ready_handler(ready_list, node, 0);
    return true;
}

bool run_poll_handlers_once(AioContext *ctx, AioHandlerList *ready_list)
{
    bool progress = false;
    AioHandler *node, *next;

    QLIST_FOREACH_SAFE_RCU (node, &ctx->poll_aio_handlers, node_poll, next) {
        if (aio_node_check(ctx, node->is_external)) {
            progress |= run_poll_handler(ready_list, node);
        }
    }
    return progress;
}

bool run_poll_handlers_last(AioContext *ctx, AioHandlerList *ready_list)
{
    bool progress;

    ctx->poll_last_look = true;
    progress = run_poll_handlers_once(ctx, ready_list);
    ctx->poll_last_look = false;
    return progress;
}

/* One of many rounds, which begins at @now. */
static bool run_poll_handlers_round(AioContext *ctx, AioHandlerList *ready_list, int64_t now)
{
    bool progress = false;
    AioHandler *node, *next;

    QLIST_FOREACH_SAFE_RCU (node, &ctx->poll_aio_handlers, node_poll, next) {
        if (!aio_node_check(ctx, node->is_external)) {
            continue;
        }
        if (!qatomic_read(&node->deleted)) {
            poll_handler_begin(node); /* in any round: handlers come while polling is on */
        }
        if (run_poll_handler(ready_list, node)) {
            progress = true;
        } else if (!qatomic_read(&node->deleted)) {
            remove_if_idle(ctx, node, now);
        }
    }
    return progress;
}

/* Until something is found, somebody notifies us, or the time is up. */
static bool run_poll_handlers(AioContext *ctx, AioHandlerList *ready_list, int64_t max_ns)
{
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    int64_t now = start;

    ctx->poll_started = true;
    do {
        if (run_poll_handlers_round(ctx, ready_list, now)) {
            return true;
        }
        now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    } while (now - start < max_ns && !qatomic_read(&ctx->notified));
    return false;
}

bool aio_sleeps_next(AioContext *ctx)
{
    return ctx->poll_last_look && !qatomic_read(&ctx->notified) && aio_compute_timeout(ctx) != 0;
}

/* For how long is polling worth it, and allowed? */
static int64_t polling_time(AioContext *ctx)
{
    /* Both: a maximum that another thread lowered just now holds at once. */
    int64_t ns = MIN(qatomic_read(&ctx->poll_ns), qatomic_read(&ctx->poll_max_ns));

    if (!ns || qatomic_read(&ctx->poll_disable_cnt)) {
        return 0;
    }
    return qemu_soonest_timeout(ns, aio_compute_timeout(ctx));
}

bool try_poll_mode(AioContext *ctx, AioHandlerList *ready_list)
{
    int64_t max_ns = polling_time(ctx);

    return max_ns && run_poll_handlers(ctx, ready_list, max_ns);
}

bool aio_prepare(AioContext *ctx)
{
    AioHandlerList ready_list = QLIST_HEAD_INITIALIZER(ready_list);
    AioHandler *node;
    bool ready;

    qemu_lockcnt_inc(&ctx->list_lock);
    if (ctx->poll_started) {
        poll_end(ctx);
    }
    ready = run_poll_handlers_last(ctx, &ready_list);
    while ((node = QLIST_FIRST(&ready_list))) {
        QLIST_REMOVE(node, node_ready); /* poll_ready stays, for aio_dispatch() */
    }
    qemu_lockcnt_dec(&ctx->list_lock);
    return ready;
}
