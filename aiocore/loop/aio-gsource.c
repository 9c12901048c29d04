/*
 * The GSource face: an AioContext as one source among others of GLib's main loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     g_main_context_iteration      the source                              notify_me
 *     prepare ───────────────────▶  work to do? else: how long to sleep     set, if it may sleep
 *     poll                          its handlers' descriptors
 *     check ─────────────────────▶  woken; work to do?                      clear
 *     dispatch ──────────────────▶  bottom halves, handlers, timers         clear
 *
 * GLib leaves out steps, and none of them may lose a wake-up:
 *   - prepare that says "work to do" leads to dispatch without check: it leaves notify_me clear.
 *   - A source of higher priority has work in prepare: GLib does not sleep, and does not ask us.
 *   - It has work when GLib has slept: our check is left out, and notify_me stays set. What other
 *     threads do writes the eventfd, which the next poll finds. The home thread knows better, see
 *     aio_gsource_notify().
 *   - Another thread added or removed a descriptor during poll: no source is checked; the same.
 *   - check said "work to do", but who looked was g_main_context_pending(), or a source of higher
 *     priority came first: the next iteration dispatches without prepare and check, nor sleeps.
 *
 * notified is looked at in prepare too, which then does not let GLib sleep: somebody called
 * aio_notify() while notify_me was clear.
 */
#include "base/osdep.h"
#include "coroutine/coroutine_int.h"
#include "loop/aio-posix.h"

typedef struct AioGSource {
    GSource source;
    AioContext *ctx; /* NULL: another source has taken the place of this one, which was destroyed */
} AioGSource;

/* ---- descriptors, under list_lock ------------------------------------------------------------ */

static void poll_by_glib(AioContext *ctx, AioHandler *node, bool wanted)
{
    if (node->in_gsource == wanted) {
        return;
    }
    node->in_gsource = wanted;
    if (g_source_is_destroyed(ctx->gsource)) {
        return;
    }
    if (wanted) {
        g_source_add_poll(ctx->gsource, &node->pfd);
    } else {
        g_source_remove_poll(ctx->gsource, &node->pfd);
    }
}

static bool is_wanted(AioContext *ctx, AioHandler *node)
{
    return !node->deleted && node->pfd.events && aio_node_check(ctx, node->is_external);
}

static void update_all(AioContext *ctx)
{
    AioHandler *node;

    QLIST_FOREACH (node, &ctx->aio_handlers, node) {
        poll_by_glib(ctx, node, is_wanted(ctx, node));
    }
}

void aio_gsource_update(AioContext *ctx, AioHandler *old_node, AioHandler *new_node)
{
    if (new_node) {
        poll_by_glib(ctx, new_node, is_wanted(ctx, new_node));
    }
    if (old_node) {
        poll_by_glib(ctx, old_node, false); /* now: GLib must not know of it when it is freed */
    }
}

void aio_gsource_update_external(AioContext *ctx)
{
    qemu_lockcnt_lock(&ctx->list_lock);
    if (ctx->gsource) {
        update_all(ctx);
    }
    qemu_lockcnt_unlock(&ctx->list_lock);
}

/* ---- notification by the home thread itself -------------------------------------------------- */

/* Whether GLib has gone on to dispatch since prepare although we were not checked, or has done with
 * us. */
static bool is_past_poll(AioContext *ctx)
{
    GSource *current = g_main_current_source();

    if (g_source_is_destroyed(ctx->gsource)) {
        return true;
    }
    return current && g_main_depth() > ctx->gsource_depth &&
           g_source_get_context(current) == g_source_get_context(ctx->gsource);
}

/*
 * Between prepare and poll the home thread runs what other sources do in prepare, and nothing else
 * of ours: then the eventfd is written. Whatever comes after that poll finds it, so once is enough.
 */
void aio_gsource_notify(AioContext *ctx)
{
    if (!(ctx->notify_me & NOTIFY_ME_GSOURCE) || !is_past_poll(ctx)) {
        aio_notify(ctx);
    }
    aio_gsource_awake(ctx);
}

/* ---- the source ------------------------------------------------------------------------------ */

/* It would gather changes that only an aio_poll() would pass on to the kernel. */
static void give_up_io_uring(AioContext *ctx)
{
    qemu_lockcnt_lock(&ctx->list_lock);
    fdmon_io_uring_destroy(ctx);
    ctx->fdmon = AIO_FDMON_POLL;
    qemu_lockcnt_unlock(&ctx->list_lock);
}

/* Coroutines that the one which runs GLib's loop has woken wait for it to leave; see
 * aio_dispatch().
 */
static bool coroutines_wait(void)
{
    return qemu_in_coroutine() && !QSIMPLEQ_EMPTY(&qemu_coroutine_self()->co_queue_wakeup);
}

static gboolean aio_ctx_prepare(GSource *source, int *timeout)
{
    AioContext *ctx = ((AioGSource *)source)->ctx;

    if (unlikely(ctx->fdmon_ring)) {
        give_up_io_uring(ctx);
    }
    *timeout = 0;
    if (aio_prepare(ctx) || coroutines_wait()) {
        aio_gsource_awake(ctx);
        return true;
    }

    ctx->gsource_depth = g_main_depth();
    qatomic_set(&ctx->notify_me, ctx->notify_me | NOTIFY_ME_GSOURCE);

    /* notify_me before looking for work; pairs with the barrier in aio_notify(), async.c. */
    smp_mb();
    if (qatomic_read(&ctx->notified)) {
        return false; /* with a timeout of 0: check finds out what there is */
    }
    *timeout = qemu_timeout_ns_to_ms(aio_compute_timeout(ctx));
    if (*timeout == 0) {
        aio_gsource_awake(ctx);
    }
    return *timeout == 0;
}

static gboolean aio_ctx_check(GSource *source)
{
    AioContext *ctx = ((AioGSource *)source)->ctx;

    aio_gsource_awake(ctx);
    aio_notify_accept(ctx);
    return aio_bh_pending(ctx) || aio_pending(ctx) || timerlistgroup_deadline_ns(&ctx->tlg) == 0;
}

static gboolean aio_ctx_dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED,
                                 void *user_data G_GNUC_UNUSED)
{
    AioContext *ctx = ((AioGSource *)source)->ctx;

    aio_context_ref(ctx); /* callbacks may destroy this source, and have another one made */
    aio_gsource_awake(ctx);
    if (qatomic_read(&ctx->notified)) {
        aio_notify_accept(ctx);
    }
    aio_dispatch(ctx);
    aio_context_unref(ctx);
    return G_SOURCE_CONTINUE;
}

/* The last reference, and so the context's too, is gone. */
static void aio_ctx_finalize(GSource *source)
{
    AioContext *ctx = ((AioGSource *)source)->ctx;

    if (ctx) {
        ctx->gsource = NULL;
        aio_context_free(ctx);
    }
}

static GSourceFuncs aio_source_funcs = {
    .prepare = aio_ctx_prepare,
    .check = aio_ctx_check,
    .dispatch = aio_ctx_dispatch,
    .finalize = aio_ctx_finalize,
};

/* Under list_lock. */
static void make_source(AioContext *ctx)
{
    GSource *source = g_source_new(&aio_source_funcs, sizeof(AioGSource));

    ((AioGSource *)source)->ctx = ctx;
    g_source_set_can_recurse(source, true);
    ctx->gsource = source;
    update_all(ctx);
}

/* Under list_lock: forget a source that was destroyed, whose descriptors GLib does not poll any
 * more. Returns it for the caller to drop, unlocked. */
static GSource *take_destroyed_source(AioContext *ctx)
{
    GSource *source = ctx->gsource;
    AioHandler *node;

    if (!source || !g_source_is_destroyed(source)) {
        return NULL;
    }
    ((AioGSource *)source)->ctx = NULL;
    QLIST_FOREACH (node, &ctx->aio_handlers, node) {
        node->in_gsource = false;
    }
    return source;
}

GSource *aio_get_g_source(AioContext *ctx)
{
    GSource *destroyed, *source;

    qemu_lockcnt_lock(&ctx->list_lock);
    destroyed = take_destroyed_source(ctx);
    if (destroyed || !ctx->gsource) {
        make_source(ctx);
    }
    source = g_source_ref(ctx->gsource);
    qemu_lockcnt_unlock(&ctx->list_lock);

    if (destroyed) {
        g_source_unref(destroyed);
    }
    return source;
}
