/*
 * The main loop: GLib's prepare, query, check and dispatch around a poll of our own.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The poll is ours because timeouts are in nanoseconds, and for the notifiers' descriptors, which
 * stand in the array before GLib's.
 *
 * The thread owns its GMainContext from init to destroy: no other thread can come to run callbacks
 * that belong here.
 */
#include "base/osdep.h"
#include "loop/aio-posix.h"
#include "loop/main-loop.h"

typedef struct MainLoop {
    GMainContext *context;
    AioContext *ctx;
    AioContext *iohandler_ctx;
    GSource *sources[2]; /* of the two, attached */
    QEMUTimerListGroup tlg;
    NotifierList notifiers;
    GArray *pollfds; /* NULL while a turn uses it */
    unsigned nglib;  /* how many descriptors GLib had last time */
} MainLoop;

/* Behind calls that the compiler cannot merge, see base/current-context.h. */
static __thread MainLoop *current_main_loop;

static QAIO_NOINLINE MainLoop *get_main_loop(void)
{
    __asm__ volatile("");
    return current_main_loop;
}

static QAIO_NOINLINE void set_main_loop(MainLoop *ml)
{
    __asm__ volatile("");
    current_main_loop = ml;
}

/* ---- a turn ---------------------------------------------------------------------------------- */

/* GLib's descriptors behind the notifiers', which are the first @n. Shortens *timeout. */
static void glib_pollfds_fill(MainLoop *ml, GArray *pollfds, unsigned n, int priority,
                              int64_t *timeout)
{
    int timeout_ms, nglib = (int)ml->nglib;

    do {
        ml->nglib = nglib;
        g_array_set_size(pollfds, n + nglib);
        nglib = g_main_context_query(ml->context, priority, &timeout_ms,
                                     &g_array_index(pollfds, GPollFD, n), nglib);
    } while (nglib != (int)ml->nglib);

    *timeout = qemu_soonest_timeout(*timeout, timeout_ms < 0 ? -1 : timeout_ms * (int64_t)SCALE_MS);
}

/* GLib need not ask the sources whether they sleep: a source of high priority may keep it from
 * that.
 */
static void wake_contexts(MainLoop *ml)
{
    aio_gsource_awake(ml->ctx);
    aio_gsource_awake(ml->iohandler_ctx);
}

/* Returns what ppoll returned. */
static int poll_and_dispatch(MainLoop *ml, GArray *pollfds, int64_t timeout)
{
    unsigned n = pollfds->len, nglib;
    int priority, ret;

    g_main_context_prepare(ml->context, &priority);
    glib_pollfds_fill(ml, pollfds, n, priority, &timeout);
    nglib = ml->nglib;
    timeout = qemu_soonest_timeout(timeout, timerlistgroup_deadline_ns(&ml->tlg));

    ret = qemu_poll_ns((GPollFD *)(void *)pollfds->data, pollfds->len, timeout);

    wake_contexts(ml);
    if (g_main_context_check(ml->context, priority, &g_array_index(pollfds, GPollFD, n), nglib)) {
        g_main_context_dispatch(ml->context);
    }
    return ret;
}

void main_loop_wait(int nonblocking)
{
    MainLoop *ml = get_main_loop();
    GArray *pollfds = g_steal_pointer(&ml->pollfds); /* a nested turn makes one for itself */
    MainLoopPoll mlpoll = {
        .state = MAIN_LOOP_POLL_FILL,
        .timeout = nonblocking ? 0 : UINT32_MAX,
        .pollfds = pollfds ?: g_array_new(FALSE, FALSE, sizeof(GPollFD)),
    };
    int ret;

    g_array_set_size(mlpoll.pollfds, 0);
    notifier_list_notify(&ml->notifiers, &mlpoll);
    ret = poll_and_dispatch(ml, mlpoll.pollfds,
                            mlpoll.timeout == UINT32_MAX ? -1 : mlpoll.timeout * (int64_t)SCALE_MS);
    mlpoll.state = ret < 0 ? MAIN_LOOP_POLL_ERR : MAIN_LOOP_POLL_OK;
    notifier_list_notify(&ml->notifiers, &mlpoll);
    timerlistgroup_run_timers(&ml->tlg);

    if (pollfds) {
        ml->pollfds = pollfds;
    } else {
        g_array_unref(mlpoll.pollfds);
    }
}

void qemu_notify_event(void)
{
    MainLoop *ml = get_main_loop();

    if (ml) {
        aio_notify(ml->ctx);
    }
}

/* ---- what belongs to it ---------------------------------------------------------------------- */

void main_loop_poll_add_notifier(Notifier *notify)
{
    notifier_list_add(&get_main_loop()->notifiers, notify);
}

void main_loop_poll_remove_notifier(Notifier *notify)
{
    notifier_remove(notify);
}

AioContext *qemu_get_aio_context(void)
{
    MainLoop *ml = get_main_loop();

    return ml ? ml->ctx : NULL;
}

AioContext *iohandler_get_aio_context(void)
{
    return get_main_loop()->iohandler_ctx;
}

QEMUTimerListGroup *main_loop_get_timers(void)
{
    return &get_main_loop()->tlg;
}

QEMUBH *qemu_bh_new_full(QEMUBHFunc *cb, void *opaque, const char *name)
{
    return aio_bh_new_full(qemu_get_aio_context(), cb, opaque, name);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* A deadline moved closer. In its own thread the loop will see it before it sleeps. */
static void timerlist_notify(void *opaque, QEMUClockType type G_GNUC_UNUSED)
{
    MainLoop *ml = opaque;

    if (ml != get_main_loop()) {
        aio_notify(ml->ctx);
    }
}

static GSource *attach(AioContext *ctx, const char *name, GMainContext *context)
{
    GSource *source = aio_get_g_source(ctx);

    g_source_set_name(source, name);
    g_source_attach(source, context);
    return source;
}

static bool make_contexts(MainLoop *ml, Error **errp)
{
    ml->ctx = aio_context_new(errp);
    if (!ml->ctx) {
        return false;
    }
    ml->iohandler_ctx = aio_context_new(errp);
    if (!ml->iohandler_ctx) {
        aio_context_unref(ml->ctx);
        return false;
    }
    ml->sources[0] = attach(ml->ctx, "aio-context", ml->context);
    ml->sources[1] = attach(ml->iohandler_ctx, "io-handler", ml->context);
    return true;
}

int qemu_init_main_loop(Error **errp)
{
    GMainContext *context = g_main_context_ref_thread_default();
    MainLoop *ml;

    g_assert(!get_main_loop());
    if (!g_main_context_acquire(context)) {
        error_setg(errp, "another thread runs this GMainContext: push one of this thread's own");
        g_main_context_unref(context);
        return -EBUSY;
    }

    ml = g_new0(MainLoop, 1);
    ml->context = context;
    if (!make_contexts(ml, errp)) {
        g_main_context_release(context);
        g_main_context_unref(context);
        g_free(ml);
        return -EMFILE;
    }
    timerlistgroup_init(&ml->tlg, timerlist_notify, ml);
    notifier_list_init(&ml->notifiers);
    ml->pollfds = g_array_new(FALSE, FALSE, sizeof(GPollFD));
    set_main_loop(ml);
    qemu_set_current_aio_context(ml->ctx);
    return 0;
}

void qemu_main_loop_destroy(void)
{
    MainLoop *ml = get_main_loop();

    g_assert(notifier_list_empty(&ml->notifiers));
    for (unsigned i = 0; i < ARRAY_SIZE(ml->sources); i++) {
        g_source_destroy(ml->sources[i]);
        g_source_unref(ml->sources[i]);
    }
    aio_context_unref(ml->iohandler_ctx);
    aio_context_unref(ml->ctx);
    timerlistgroup_deinit(&ml->tlg);
    g_array_unref(ml->pollfds);
    set_main_loop(NULL);
    qemu_set_current_aio_context(NULL);
    g_main_context_release(ml->context);
    g_main_context_unref(ml->context);
    g_free(ml);
}
