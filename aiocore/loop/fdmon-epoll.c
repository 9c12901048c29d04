/*
 * Waiting for descriptors with epoll(7): the cost of a wait does not grow with the number of idle
 * ones.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     ppoll ──── 64 descriptors to wait for ────▶ epoll ──── epoll_ctl fails ────▶ ppoll, for good
 *
 * epoll_ctl fails for descriptors that it cannot watch (regular files), among others. Then the
 * context is better off with ppoll, and trying again would fail again.
 *
 * Other threads change what is watched while the home thread sleeps in epoll_wait; the kernel takes
 * care of that. Only the home thread takes epoll up and gives it up, for it may be about to wait on
 * the descriptor: a thread whose epoll_ctl fails leaves a note, and wakes it as after any change.
 */
#include "base/osdep.h"
#include <poll.h>
#include <sys/epoll.h>
#include "base/atomic.h"
#include "base/nocancel.h"
#include "loop/aio-posix.h"

#define EVENTS_AT_A_TIME 128

static uint32_t epoll_events_from_pfd(int pfd_events)
{
    return (pfd_events & G_IO_IN ? EPOLLIN : 0) | (pfd_events & G_IO_OUT ? EPOLLOUT : 0) |
           (pfd_events & G_IO_HUP ? EPOLLHUP : 0) | (pfd_events & G_IO_ERR ? EPOLLERR : 0);
}

static int pfd_events_from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? G_IO_IN : 0) | (events & EPOLLOUT ? G_IO_OUT : 0) |
           (events & EPOLLHUP ? G_IO_HUP : 0) | (events & EPOLLERR ? G_IO_ERR : 0);
}

/* Home thread under list_lock, or nobody else uses @ctx. */
static void fdmon_epoll_disable(AioContext *ctx)
{
    if (ctx->epollfd >= 0) {
        close(ctx->epollfd);
        ctx->epollfd = -1;
    }
    ctx->fdmon_ops = &fdmon_poll_ops;
}

static int control(AioContext *ctx, int op, AioHandler *node)
{
    struct epoll_event event = {
        .events = epoll_events_from_pfd(node->pfd.events),
        .data.ptr = node,
    };

    return epoll_ctl(ctx->epollfd, op, node->pfd.fd, &event);
}

static void fdmon_epoll_update(AioContext *ctx, AioHandler *old_node, AioHandler *new_node)
{
    bool watched = old_node && old_node->pfd.events;
    bool wanted = new_node && new_node->pfd.events;
    int ret = 0;

    if (qatomic_read(&ctx->epoll_failed)) {
        return;
    }
    qatomic_inc(&ctx->epoll_changes); /* new_node is complete; pairs with fdmon_epoll_wait() */
    if (wanted) {
        ret = control(ctx, watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, new_node);
    } else if (watched) {
        ret = control(ctx, EPOLL_CTL_DEL, old_node);
    }
    if (ret < 0) {
        /* Seen by the next wait: the caller goes on to aio_notify(), whose barriers order it. */
        qatomic_set(&ctx->epoll_failed, true);
    }
}

static void give_up(AioContext *ctx)
{
    qemu_lockcnt_lock(&ctx->list_lock);
    fdmon_epoll_disable(ctx);
    qemu_lockcnt_unlock(&ctx->list_lock);
}

/* epoll_wait() counts in milliseconds, so for a timeout proper the epoll descriptor itself is
 * polled. */
static bool sleep_until_ready(AioContext *ctx, int64_t timeout)
{
    struct pollfd pfd = { .fd = ctx->epollfd, .events = POLLIN };
    struct timespec ts = {
        .tv_sec = timeout / NANOSECONDS_PER_SECOND,
        .tv_nsec = timeout % NANOSECONDS_PER_SECOND,
    };

    return ppoll_nocancel(&pfd, 1, &ts) > 0;
}

static void fdmon_epoll_wait(AioContext *ctx, AioHandlerList *ready_list, int64_t timeout)
{
    struct epoll_event events[EVENTS_AT_A_TIME];
    int n;

    if (unlikely(qatomic_read(&ctx->epoll_failed))) {
        give_up(ctx);
        fdmon_poll_ops.wait(ctx, ready_list, timeout);
        return;
    }
    if (qatomic_read(&ctx->external_disable_cnt)) {
        /* epoll cannot leave some out, and would not sleep while they are ready. */
        fdmon_poll_ops.wait(ctx, ready_list, timeout);
        return;
    }
    if (timeout > 0 && !sleep_until_ready(ctx, timeout)) {
        return;
    }
    n = epoll_wait(ctx->epollfd, events, EVENTS_AT_A_TIME, timeout < 0 ? -1 : 0);
    /* Nodes come back through the kernel, which the language knows nothing of; pairs with update.
     */
    (void)qatomic_load_acquire(&ctx->epoll_changes);
    for (int i = 0; i < n; i++) {
        aio_add_ready_handler(ready_list, events[i].data.ptr,
                              pfd_events_from_epoll(events[i].events));
    }
}

static const FDMonOps fdmon_epoll_ops = {
    .update = fdmon_epoll_update,
    .wait = fdmon_epoll_wait,
};

/* Under list_lock. */
static bool add_all_handlers(AioContext *ctx)
{
    AioHandler *node;

    QLIST_FOREACH (node, &ctx->aio_handlers, node) {
        if (!node->deleted && node->pfd.events && control(ctx, EPOLL_CTL_ADD, node) < 0) {
            return false;
        }
    }
    return true;
}

bool fdmon_epoll_try_upgrade(AioContext *ctx, unsigned n, unsigned threshold)
{
    bool ok;

    if (ctx->epollfd < 0 || n < threshold) {
        return false;
    }
    /* The caller walks the handlers: only keep others from changing them meanwhile. */
    qemu_lockcnt_lock(&ctx->list_lock);
    ok = add_all_handlers(ctx);
    if (ok) {
        ctx->fdmon_ops = &fdmon_epoll_ops;
    } else {
        fdmon_epoll_disable(ctx);
    }
    qemu_lockcnt_unlock(&ctx->list_lock);
    return ok;
}

void fdmon_epoll_setup(AioContext *ctx)
{
    ctx->epollfd = epoll_create1(EPOLL_CLOEXEC);
}

bool fdmon_epoll_enable(AioContext *ctx, Error **errp)
{
    if (ctx->epollfd < 0) {
        fdmon_epoll_setup(ctx);
    }
    if (ctx->epollfd < 0) {
        error_setg_errno(errp, errno, "cannot make an epoll descriptor");
        return false;
    }
    if (!fdmon_epoll_try_upgrade(ctx, 0, 0)) {
        error_setg_errno(errp, errno, "epoll cannot watch all descriptors of this loop");
        fdmon_epoll_setup(ctx);
        return false;
    }
    return true;
}

void fdmon_epoll_destroy(AioContext *ctx)
{
    fdmon_epoll_disable(ctx);
}
