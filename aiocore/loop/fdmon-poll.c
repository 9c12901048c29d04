/*
 * Waiting for descriptors with ppoll(2): the fdmon that works everywhere.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The array is filled anew when watch_version says that what is to be waited for has changed since.
 * Other threads change it too, so it is the version from before that counts: what changes while the
 * array is filled may be in it or not, and has the next wait fill it again. A wait that goes by the
 * old array is not one wait too long: who changed something notifies us then.
 *
 * The nodes in the array are there for as long as it is valid: deleting a handler is a change, and
 * what was deleted while we walk is freed only at the end of our turn.
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

static QAIO_COLD void fill_pollfds(AioContext *ctx)
{
    /* Before the handlers; pairs with aio_watch_changed(). */
    unsigned version = qatomic_load_acquire(&ctx->watch_version);
    AioHandler *node;
    unsigned n = 0;

    QLIST_FOREACH_RCU (node, &ctx->aio_handlers, node) {
        if (!qatomic_read(&node->deleted) && node->pfd.events &&
            aio_node_check(ctx, node->is_external)) {
            add_pollfd(ctx, node, n++);
        }
    }
    ctx->npollfds = n;
    ctx->pollfds_version = version;
}

/* The others come here too, for a turn that leaves out external handlers: that is not the time. */
static bool try_upgrade(AioContext *ctx)
{
    return ctx->fdmon == AIO_FDMON_AUTO && !qatomic_read(&ctx->external_disable_cnt) &&
           ctx->fdmon_ops == &fdmon_poll_ops &&
           fdmon_epoll_try_upgrade(ctx, ctx->npollfds, FDMON_EPOLL_THRESHOLD);
}

static void fdmon_poll_wait(AioContext *ctx, AioHandlerList *ready_list, int64_t timeout)
{
    int found;

    if (unlikely(ctx->pollfds_version != qatomic_read(&ctx->watch_version))) {
        fill_pollfds(ctx);
        if (try_upgrade(ctx)) {
            ctx->fdmon_ops->wait(ctx, ready_list, timeout);
            return;
        }
    }
    found = qemu_poll_ns(ctx->pollfds, ctx->npollfds, timeout);

    /* Interrupted by a signal: a turn without events, which lets the caller look at its own flags.
     */
    for (unsigned i = 0; found > 0 && i < ctx->npollfds; i++) {
        if (ctx->pollfds[i].revents) {
            aio_add_ready_handler(ready_list, ctx->pollnodes[i], ctx->pollfds[i].revents);
            found--;
        }
    }
}

static void fdmon_poll_update(AioContext *ctx G_GNUC_UNUSED, AioHandler *old_node G_GNUC_UNUSED,
                              AioHandler *new_node G_GNUC_UNUSED)
{
    /* watch_version tells the next wait. */
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
