/*
 * File descriptor handlers and aio_poll, one turn of the loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Handler lists are walked in the home thread, by aio_poll() and the fdmon, and changed from
 * anywhere. A walker holds a count of list_lock for its whole turn, and turns nest. So a handler
 * that is deleted during a turn is taken off at once only if nobody walks; else it is marked, gets
 * no more callbacks, and the turn that drops the last count frees it. Modelled in
 * tests/model/lockcnt.pml: change both.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "base/memalign.h"
#include "coroutine/coroutine_int.h"
#include "loop/aio-posix.h"

/* ---- changing handlers -------------------------------------------------------------------- */

static AioHandler *find_aio_handler(AioContext *ctx, int fd)
{
    AioHandler *node;

    QLIST_FOREACH (node, &ctx->aio_handlers, node) {
        if (node->pfd.fd == fd && !node->deleted) {
            return node;
        }
    }
    return NULL;
}

/* Off all lists that no deferred deletion is about. Under list_lock, with no walker. */
static void unlink_aio_handler(AioHandler *node)
{
    QLIST_REMOVE(node, node);
    QLIST_SAFE_REMOVE(node, node_poll); /* not all are on it */
}

/* Under list_lock. Returns whether @node is off the lists and the caller's to free. */
static bool remove_aio_handler(AioContext *ctx, AioHandler *node)
{
    if (!node->io_poll) {
        qatomic_set(&ctx->poll_disable_cnt, ctx->poll_disable_cnt - 1);
    } else if (node->poll_idle) {
        qatomic_set(&ctx->poll_idle_cnt, ctx->poll_idle_cnt - 1);
    }
    if (qemu_lockcnt_count(&ctx->list_lock)) {
        qatomic_set(&node->deleted, true);
        QLIST_INSERT_HEAD_RCU(&ctx->deleted_aio_handlers, node, node_deleted);
        return false;
    }
    unlink_aio_handler(node);
    return true;
}

/* Under list_lock. */
static void insert_aio_handler(AioContext *ctx, AioHandler *node)
{
    if (!node->io_poll) {
        qatomic_set(&ctx->poll_disable_cnt, ctx->poll_disable_cnt + 1);
    } else if (node->opaque != &ctx->notifier) {
        /* What the context's own notifier could say to polling, notified says by itself. */
        QLIST_INSERT_HEAD_RCU(&ctx->poll_aio_handlers, node, node_poll);
    }
    QLIST_INSERT_HEAD_RCU(&ctx->aio_handlers, node, node);
}

static AioHandler *aio_handler_new(int fd, bool is_external, IOHandler *io_read,
                                   IOHandler *io_write, AioPollFn *io_poll,
                                   IOHandler *io_poll_ready, void *opaque)
{
    AioHandler *node = qemu_memalign(__alignof__(AioHandler), sizeof(*node));

    *node = (AioHandler){
        .pfd.fd = fd,
        .pfd.events =
            (io_read ? G_IO_IN | G_IO_HUP | G_IO_ERR : 0) | (io_write ? G_IO_OUT | G_IO_ERR : 0),
        .io_read = io_read,
        .io_write = io_write,
        .io_poll = io_poll,
        .io_poll_ready = io_poll_ready,
        .opaque = opaque,
        .is_external = is_external,
    };
    return node;
}

void aio_set_fd_handler(AioContext *ctx, int fd, bool is_external, IOHandler *io_read,
                        IOHandler *io_write, AioPollFn *io_poll, IOHandler *io_poll_ready,
                        void *opaque)
{
    AioHandler *old_node, *new_node = NULL, *unused = NULL;

    g_assert(!io_poll == !io_poll_ready);

    qemu_lockcnt_lock(&ctx->list_lock);
    old_node = find_aio_handler(ctx, fd);

    /* The new one goes in first, so that no walker finds the descriptor without a handler. */
    if (io_read || io_write || io_poll) {
        new_node =
            aio_handler_new(fd, is_external, io_read, io_write, io_poll, io_poll_ready, opaque);
        insert_aio_handler(ctx, new_node);
    }
    if (old_node || new_node) {
        ctx->fdmon_ops->update(ctx, old_node, new_node);
        if (ctx->gsource) {
            aio_gsource_update(ctx, old_node, new_node);
        }
    }
    if (old_node && remove_aio_handler(ctx, old_node)) {
        unused = old_node;
    }
    aio_watch_changed(ctx);
    qemu_lockcnt_unlock(&ctx->list_lock);

    if (old_node && in_aio_context_home_thread(ctx)) {
        poll_handler_end(old_node); /* still there: only this thread frees deleted ones */
    }
    aio_notify_work(ctx);
    qemu_vfree(unused);
}

void aio_set_event_notifier(AioContext *ctx, EventNotifier *notifier, bool is_external,
                            EventNotifierHandler *io_read, AioPollFn *io_poll,
                            EventNotifierHandler *io_poll_ready)
{
    /* Callbacks get the notifier as their opaque pointer; the two types of function agree in that.
     */
    aio_set_fd_handler(ctx, event_notifier_get_fd(notifier), is_external,
                       (IOHandler *)(void *)io_read, NULL, io_poll,
                       (IOHandler *)(void *)io_poll_ready, notifier);
}

void aio_set_fd_poll(AioContext *ctx, int fd, IOHandler *io_poll_begin, IOHandler *io_poll_end)
{
    AioHandler *node;

    qemu_lockcnt_lock(&ctx->list_lock);
    node = find_aio_handler(ctx, fd);
    if (node) {
        qatomic_set(&node->io_poll_begin, io_poll_begin);
        qatomic_set(&node->io_poll_end, io_poll_end);
    }
    qemu_lockcnt_unlock(&ctx->list_lock);
}

void aio_set_event_notifier_poll(AioContext *ctx, EventNotifier *notifier,
                                 EventNotifierHandler *io_poll_begin,
                                 EventNotifierHandler *io_poll_end)
{
    aio_set_fd_poll(ctx, event_notifier_get_fd(notifier), (IOHandler *)(void *)io_poll_begin,
                    (IOHandler *)(void *)io_poll_end);
}

/* At the end of a turn: free what was deleted, unless an outer turn still walks. */
static void free_deleted_handlers(AioContext *ctx)
{
    AioHandler *node;

    if (QLIST_EMPTY_RCU(&ctx->deleted_aio_handlers) || !qemu_lockcnt_dec_if_lock(&ctx->list_lock)) {
        return;
    }
    while ((node = QLIST_FIRST(&ctx->deleted_aio_handlers))) {
        QLIST_REMOVE(node, node_deleted);
        unlink_aio_handler(node);
        qemu_vfree(node);
    }
    qemu_lockcnt_inc_and_unlock(&ctx->list_lock);
}

void aio_context_destroy_handlers(AioContext *ctx)
{
    AioHandler *node, *next;

    QLIST_FOREACH_SAFE (node, &ctx->aio_handlers, node, next) {
        if (!node->deleted) {
            g_warning("the handler of descriptor %d was not removed before its context",
                      node->pfd.fd);
        }
        qemu_vfree(node);
    }
}

/* ---- serving ready ones ------------------------------------------------------------------- */

void aio_add_ready_handler(AioHandlerList *ready_list, AioHandler *node, int revents)
{
    QLIST_SAFE_REMOVE(node, node_ready);
    node->pfd.revents |= revents;
    QLIST_INSERT_HEAD(ready_list, node, node_ready);
}

/* An event came by the descriptor of @node, which is polled again if it was idle. */
static void poll_handler_is_not_idle(AioContext *ctx, AioHandler *node)
{
    node->poll_idle_timeout = 0;
    if (unlikely(qatomic_read(&node->poll_idle))) {
        poll_handler_set_idle(ctx, node, false);
    }
}

/* A callback may delete the handler, so each step looks again. Returns whether there was progress.
 */
static QAIO_ALWAYS_INLINE bool dispatch_handler(AioContext *ctx, AioHandler *node)
{
    int revents = node->pfd.revents & node->pfd.events;
    bool poll_ready = node->poll_ready;
    bool progress = false;

    node->pfd.revents = 0;
    node->poll_ready = false;
    if (!aio_node_check(ctx, node->is_external)) {
        return false;
    }
    if (revents) {
        poll_handler_is_not_idle(ctx, node);
    }

    if (poll_ready && !qatomic_read(&node->deleted)) {
        node->io_poll_ready(node->opaque);
        progress = true;
    }
    if ((revents & (G_IO_IN | G_IO_HUP | G_IO_ERR)) && node->io_read &&
        !qatomic_read(&node->deleted)) {
        node->io_read(node->opaque);
        progress = true;
    }
    if ((revents & (G_IO_OUT | G_IO_ERR)) && node->io_write && !qatomic_read(&node->deleted)) {
        node->io_write(node->opaque);
        progress = true;
    }
    return progress && node->opaque != &ctx->notifier;
}

static QAIO_ALWAYS_INLINE bool dispatch_ready_handlers(AioContext *ctx, AioHandlerList *ready_list)
{
    bool progress = false;
    AioHandler *node;

    while ((node = QLIST_FIRST(ready_list))) {
        QLIST_REMOVE(node, node_ready);
        progress |= dispatch_handler(ctx, node);
    }
    return progress;
}

/* ---- one turn ----------------------------------------------------------------------------- */

/* How many turns a busy loop may leave the descriptors of idle handlers alone. */
#define TURNS_UNASKED_MAX 64

static void ask_fdmon(AioContext *ctx, AioHandlerList *ready_list, int64_t timeout)
{
    ctx->turns_unasked = 0;
    ctx->fdmon_ops->wait(ctx, ready_list, timeout);
}

/*
 * For a turn that need not sleep: have a look at those descriptors that polling does not ask about.
 * Of handlers that are idle nothing is expected, so a loop that is busy (@found) can let them wait.
 */
static void look_at_descriptors(AioContext *ctx, AioHandlerList *ready_list, bool found)
{
    bool idle_ones = qatomic_read(&ctx->poll_idle_cnt) > 0;

    if (unlikely(qatomic_read(&ctx->poll_disable_cnt) ||
                 (idle_ones && (!found || ++ctx->turns_unasked == TURNS_UNASKED_MAX)))) {
        ask_fdmon(ctx, ready_list, 0);
    }
}

/* As long as notifications, bottom halves and timers allow. Returns whether it slept. Modelled in
 * tests/model/notify.pml: change both. */
static bool sleep_in_fdmon(AioContext *ctx, AioHandlerList *ready_list)
{
    int64_t timeout = 0;

    qatomic_set(&ctx->notify_me, ctx->notify_me + 1);

    /* notify_me before looking for work; pairs with the barrier in aio_notify(), async.c. */
    smp_mb();
    if (!qatomic_read(&ctx->notified)) {
        timeout = aio_compute_timeout(ctx);
    }
    if (timeout != 0) {
        ask_fdmon(ctx, ready_list, timeout);
    } else {
        look_at_descriptors(ctx, ready_list, true);
    }

    qatomic_store_release(&ctx->notify_me, ctx->notify_me - 1);
    aio_notify_accept(ctx);
    return timeout != 0;
}

/*
 * A coroutine that polls waits for others: those that it has woken, and those that it is going to
 * wake from inside the loop (see aio_co_enter), must not wait for it to leave. Returns whether
 * there were any of the former. Apart, as switches cost the function that they are in all its
 * registers.
 */
static QAIO_NOINLINE bool note_coroutine(AioContext *ctx)
{
    bool woken = false;
    Coroutine *co;

    ctx->poller = qemu_coroutine_self();
    while ((co = QSIMPLEQ_FIRST(&ctx->poller->co_queue_wakeup))) {
        QSIMPLEQ_REMOVE_HEAD(&ctx->poller->co_queue_wakeup, co_queue_next);
        qemu_aio_coroutine_enter(ctx, co);
        woken = true;
    }
    return woken;
}

static inline bool note_poller(AioContext *ctx)
{
    if (unlikely(qemu_in_coroutine())) {
        return note_coroutine(ctx);
    }
    ctx->poller = NULL;
    return false;
}

/* One look at the poll handlers, and sleep if that finds nothing. Returns whether it took time. */
static bool look_or_sleep(AioContext *ctx, AioHandlerList *ready_list)
{
    if (run_poll_handlers_last(ctx, ready_list)) {
        look_at_descriptors(ctx, ready_list, true);
        return true;
    }
    return sleep_in_fdmon(ctx, ready_list);
}

/*
 * The same after polling for a while. Learns from how long it took when polling did not last until
 * something was found: asleep, or in the last look before.
 */
static QAIO_COLD void poll_then_sleep(AioContext *ctx, AioHandlerList *ready_list)
{
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    if (try_poll_mode(ctx, ready_list)) {
        look_at_descriptors(ctx, ready_list, true);
        return;
    }
    if (ctx->poll_started) {
        poll_end(ctx);
    }
    if (look_or_sleep(ctx, ready_list)) {
        adjust_polling_time(ctx, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start);
    }
}

static void wait_for_events(AioContext *ctx, AioHandlerList *ready_list)
{
    if (unlikely(qatomic_read(&ctx->poll_max_ns) || ctx->poll_started)) {
        poll_then_sleep(ctx, ready_list);
    } else {
        look_or_sleep(ctx, ready_list);
    }
}

/* The same in no time. */
static void look_for_events(AioContext *ctx, AioHandlerList *ready_list)
{
    if (unlikely(ctx->poll_started)) {
        poll_end(ctx);
    }
    look_at_descriptors(ctx, ready_list, run_poll_handlers_once(ctx, ready_list));
}

bool aio_poll(AioContext *ctx, bool blocking)
{
    AioHandlerList ready_list = QLIST_HEAD_INITIALIZER(ready_list);
    Coroutine *outer_poller = ctx->poller;
    bool progress;

    g_assert(in_aio_context_home_thread(ctx));
    progress = note_poller(ctx);
    if (unlikely(progress)) {
        /* That may be what our caller waits for, and they may have polled and been notified. */
        blocking = false;
    }
    qemu_lockcnt_inc(&ctx->list_lock);

    if (unlikely(qatomic_read(&ctx->notified))) {
        /* Since the last turn. Whoever notified us may wait for our caller, not for the loop. */
        aio_notify_accept(ctx);
        blocking = false;
    }
    if (blocking) {
        wait_for_events(ctx, &ready_list);
    } else {
        look_for_events(ctx, &ready_list);
    }

    progress |= aio_bh_poll(ctx);
    progress |= dispatch_ready_handlers(ctx, &ready_list);
    progress |= timerlistgroup_run_timers(&ctx->tlg);

    free_deleted_handlers(ctx);
    qemu_lockcnt_dec(&ctx->list_lock);
    ctx->poller = outer_poller;
    return progress;
}

/* ---- what aio-gsource.c calls --------------------------------------------------------------- */

/* Whether GLib's poll, or aio_prepare(), has left a mark on @node. */
static bool is_marked(AioContext *ctx, AioHandler *node)
{
    return !qatomic_read(&node->deleted) && aio_node_check(ctx, node->is_external) &&
           (node->poll_ready || (node->pfd.revents & node->pfd.events));
}

bool aio_pending(AioContext *ctx)
{
    bool pending = false;
    AioHandler *node;

    qemu_lockcnt_inc(&ctx->list_lock);
    QLIST_FOREACH_RCU (node, &ctx->aio_handlers, node) {
        pending |= is_marked(ctx, node);
    }
    qemu_lockcnt_dec(&ctx->list_lock);
    return pending;
}

void aio_dispatch(AioContext *ctx)
{
    AioHandlerList ready_list = QLIST_HEAD_INITIALIZER(ready_list);
    Coroutine *outer_poller = ctx->poller;
    AioHandler *node;

    note_poller(ctx);
    qemu_lockcnt_inc(&ctx->list_lock);
    aio_bh_poll(ctx);
    QLIST_FOREACH_RCU (node, &ctx->aio_handlers, node) {
        if (is_marked(ctx, node)) {
            aio_add_ready_handler(&ready_list, node, 0);
        }
    }
    dispatch_ready_handlers(ctx, &ready_list);
    timerlistgroup_run_timers(&ctx->tlg);

    free_deleted_handlers(ctx);
    qemu_lockcnt_dec(&ctx->list_lock);
    ctx->poller = outer_poller;
}
