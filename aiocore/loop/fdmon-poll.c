/*
 * Waiting for descriptors with ppoll(2): the fdmon that works everywhere.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The array is filled anew for each wait; with the handful of descriptors that a context has that
 * is cheaper than to keep it in step with the handlers.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "loop/aio-posix.h"

static void add_pollfd(AioContext *ctx, AioHandler *node, unsigned n)
{
    if (n == ctx->npollfds_max) {
        ctx->npollfds_max = ctx->npollfds_max ? ctx->npollfds_max * 2 : 8;
        ctx->pollfds = g_renew(GPollFD, ctx->pollfds, ctx->npollfds_max);
        ctx->pollnodes = g_renew(AioHandler *, ctx->pollnodes, ctx->npollfds_max);
    }
    ctx->pollfds[n] = (GPollFD){ .fd = node->pfd.fd, .events = node->pfd.events };
    ctx->pollnodes[n] = node;
}

static unsigned fill_pollfds(AioContext *ctx)
{
    AioHandler *node;
    unsigned n = 0;

    QLIST_FOREACH_RCU (node, &ctx->aio_handlers, node) {
        if (!qatomic_read(&node->deleted) && node->pfd.events &&
            aio_node_check(ctx, node->is_external)) {
            add_pollfd(ctx, node, n++);
        }
    }
    return n;
}

/* The others come here too, for a turn that leaves out external handlers: that is not the time. */
static bool try_upgrade(AioContext *ctx, unsigned n)
{
    return ctx->fdmon == AIO_FDMON_AUTO && !qatomic_read(&ctx->external_disable_cnt) &&
           ctx->fdmon_ops == &fdmon_poll_ops &&
           fdmon_epoll_try_upgrade(ctx, n, FDMON_EPOLL_THRESHOLD);
}

static void fdmon_poll_wait(AioContext *ctx, AioHandlerList *ready_list, int64_t timeout)
{
    unsigned n = fill_pollfds(ctx);
    int found;

    if (try_upgrade(ctx, n)) {
        ctx->fdmon_ops->wait(ctx, ready_list, timeout);
        return;
    }
    found = qemu_poll_ns(ctx->pollfds, n, timeout);

    /* Interrupted by a signal: a turn without events, which lets the caller look at its own flags.
     */
    for (unsigned i = 0; found > 0 && i < n; i++) {
        if (ctx->pollfds[i].revents) {
            aio_add_ready_handler(ready_list, ctx->pollnodes[i], ctx->pollfds[i].revents);
            found--;
        }
    }
}

static void fdmon_poll_update(AioContext *ctx G_GNUC_UNUSED, AioHandler *old_node G_GNUC_UNUSED,
                              AioHandler *new_node G_GNUC_UNUSED)
{
    /* The next wait looks at the handlers themselves. */
}

const FDMonOps fdmon_poll_ops = {
    .update = fdmon_poll_update,
    .wait = fdmon_poll_wait,
};

void fdmon_poll_destroy(AioContext *ctx)
{
    g_free(ctx->pollfds);
    g_free(ctx->pollnodes);
}
