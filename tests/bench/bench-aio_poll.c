/* What a turn of the loop costs, with few and with many descriptors, with each fdmon.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The idle descriptors are eventfds that nobody writes to. The ready one stays ready: its handler
 * does not read it, so that each turn finds it again and nothing but the turn is measured.
 */
#include "bench.h"
#include "loop/aio.h"

static const char *const fdmons[] = {
    [AIO_FDMON_POLL] = "poll",
    [AIO_FDMON_EPOLL] = "epoll",
    [AIO_FDMON_IO_URING] = "io_uring",
};

/* @idle[0] to @idle[op->size - 1]; the one after them is the ready one, if there is one. */
typedef struct Turn {
    AioContext *ctx;
    unsigned made;
    EventNotifier notifiers[];
} Turn;

static void do_nothing(EventNotifier *e G_GNUC_UNUSED)
{
}

static void free_turn(Turn *t)
{
    for (unsigned i = 0; i < t->made; i++) {
        aio_set_event_notifier(t->ctx, &t->notifiers[i], false, NULL, NULL, NULL);
        event_notifier_cleanup(&t->notifiers[i]);
    }
    qemu_set_current_aio_context(NULL);
    aio_context_unref(t->ctx);
    g_free(t);
}

static bool add_descriptor(Turn *t, bool active, Error **errp)
{
    EventNotifier *e = &t->notifiers[t->made];
    int ret = event_notifier_init(e, active);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "no descriptor %u (ulimit -n)", t->made + 1);
        return false;
    }
    aio_set_event_notifier(t->ctx, e, false, do_nothing, NULL, NULL);
    t->made++;
    return true;
}

static bool setup(BenchOp *op, bool ready, Error **errp)
{
    AioContext *ctx = aio_context_new(errp);
    Turn *t;
    bool ok;

    if (!ctx) {
        return false;
    }
    t = g_malloc0(sizeof(*t) + (op->size + 1) * sizeof(t->notifiers[0]));
    t->ctx = ctx;
    qemu_set_current_aio_context(ctx);
    ok = aio_context_set_fdmon(ctx, op->variant, errp);
    while (ok && t->made < op->size) {
        ok = add_descriptor(t, false, errp);
    }
    if (!ok || (ready && !add_descriptor(t, true, errp))) {
        free_turn(t);
        return false;
    }
    op->state = t;
    return true;
}

static bool setup_idle(BenchOp *op, Error **errp)
{
    return setup(op, false, errp);
}

static bool setup_ready(BenchOp *op, Error **errp)
{
    return setup(op, true, errp);
}

static void run(BenchOp *op, unsigned n)
{
    Turn *t = op->state;

    while (n-- > 0) {
        aio_poll(t->ctx, false);
    }
}

static void run_blocking(BenchOp *op, unsigned n)
{
    Turn *t = op->state;

    while (n-- > 0) {
        aio_poll(t->ctx, true);
    }
}

static void teardown(BenchOp *op)
{
    free_turn(op->state);
}

static void add(GPtrArray *ops, AioFDMon fdmon, unsigned idle)
{
    bench_add(ops,
              &(BenchOp){ .what = "aio_poll that may not block and finds nothing",
                          .setup = setup_idle,
                          .run = run,
                          .teardown = teardown,
                          .variant = fdmon,
                          .size = idle },
              "aio_poll.%s.idle-%u.none", fdmons[fdmon], idle);
    bench_add(ops,
              &(BenchOp){ .what = "aio_poll that finds one handler ready beside the idle ones",
                          .setup = setup_ready,
                          .run = run_blocking,
                          .teardown = teardown,
                          .variant = fdmon,
                          .size = idle },
              "aio_poll.%s.idle-%u.ready", fdmons[fdmon], idle);
}

void bench_add_aio_poll(GPtrArray *ops)
{
    static const unsigned idles[] = { 1, 64, 1000 };

    for (unsigned fdmon = AIO_FDMON_POLL; fdmon < ARRAY_SIZE(fdmons); fdmon++) {
        for (unsigned i = 0; i < ARRAY_SIZE(idles); i++) {
            add(ops, fdmon, idles[i]);
        }
    }
}
