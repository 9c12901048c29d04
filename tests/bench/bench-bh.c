/* What bottom halves and aio_notify() cost.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bench.h"
#include "base/atomic.h"
#include "loop/aio.h"

#include <pthread.h>

/* One context with op->unit bottom halves. */
typedef struct Bhs {
    AioContext *ctx;
    QEMUBH *bh[];
} Bhs;

static void do_nothing(void *opaque G_GNUC_UNUSED)
{
}

static bool setup_bhs(BenchOp *op, Error **errp)
{
    AioContext *ctx = aio_context_new(errp);
    Bhs *s;

    if (!ctx) {
        return false;
    }
    qemu_set_current_aio_context(ctx);
    s = g_malloc0(sizeof(*s) + op->unit * sizeof(s->bh[0]));
    s->ctx = ctx;
    for (unsigned i = 0; i < op->unit; i++) {
        s->bh[i] = aio_bh_new(ctx, do_nothing, NULL);
    }
    op->state = s;
    return true;
}

static void teardown_bhs(BenchOp *op)
{
    Bhs *s = op->state;

    for (unsigned i = 0; i < op->unit; i++) {
        qemu_bh_delete(s->bh[i]);
    }
    qemu_set_current_aio_context(NULL);
    aio_context_unref(s->ctx);
    g_free(s);
}

static void run_schedule(BenchOp *op, unsigned n)
{
    Bhs *s = op->state;

    for (unsigned done = 0; done < n; done += op->unit) {
        for (unsigned i = 0; i < op->unit; i++) {
            qemu_bh_schedule(s->bh[i]);
        }
        aio_poll(s->ctx, false);
    }
}

static void run_oneshot(BenchOp *op, unsigned n)
{
    Bhs *s = op->state;

    while (n-- > 0) {
        aio_bh_schedule_oneshot(s->ctx, do_nothing, NULL);
        aio_poll(s->ctx, false);
    }
}

static void run_notify(BenchOp *op, unsigned n)
{
    Bhs *s = op->state;

    while (n-- > 0) {
        aio_notify(s->ctx);
    }
}

/*
 * Two threads, each asleep in aio_poll() until the other notifies it: @asked counts the questions,
 * @answered follows it.
 */
typedef struct RoundTrip {
    AioContext *asker, *answerer;
    pthread_t thread;
    unsigned asked, answered; /* atomic */
    bool stop;                /* atomic */
} RoundTrip;

static void *answer(void *opaque)
{
    RoundTrip *t = opaque;

    qemu_set_current_aio_context(t->answerer);
    while (!qatomic_load_acquire(&t->stop)) {
        unsigned asked = qatomic_load_acquire(&t->asked);

        if (asked != t->answered) {
            qatomic_store_release(&t->answered, asked);
            aio_notify(t->asker);
        } else {
            aio_poll(t->answerer, true);
        }
    }
    qemu_set_current_aio_context(NULL);
    return NULL;
}

static void free_round_trip(RoundTrip *t)
{
    if (t->answerer) {
        aio_context_unref(t->answerer);
    }
    if (t->asker) {
        aio_context_unref(t->asker);
    }
    g_free(t);
}

static bool setup_round_trip(BenchOp *op, Error **errp)
{
    RoundTrip *t = g_new0(RoundTrip, 1);
    int ret;

    t->asker = aio_context_new(errp);
    t->answerer = t->asker ? aio_context_new(errp) : NULL;
    if (!t->answerer) {
        free_round_trip(t);
        return false;
    }
    ret = pthread_create(&t->thread, NULL, answer, t);
    if (ret != 0) {
        error_setg_errno(errp, ret, "no thread");
        free_round_trip(t);
        return false;
    }
    qemu_set_current_aio_context(t->asker);
    op->state = t;
    return true;
}

static void run_round_trip(BenchOp *op, unsigned n)
{
    RoundTrip *t = op->state;

    while (n-- > 0) {
        unsigned asked = t->asked + 1;

        qatomic_store_release(&t->asked, asked);
        aio_notify(t->answerer);
        while (qatomic_load_acquire(&t->answered) != asked) {
            aio_poll(t->asker, true);
        }
    }
}

static void teardown_round_trip(BenchOp *op)
{
    RoundTrip *t = op->state;

    qatomic_store_release(&t->stop, true);
    aio_notify(t->answerer);
    pthread_join(t->thread, NULL);
    qemu_set_current_aio_context(NULL);
    free_round_trip(t);
}

static void add(GPtrArray *ops, const char *name, const char *what, unsigned unit,
                void (*run)(BenchOp *op, unsigned n))
{
    bench_add(
        ops,
        &(BenchOp){
            .what = what, .setup = setup_bhs, .run = run, .teardown = teardown_bhs, .unit = unit },
        "%s", name);
}

void bench_add_bh(GPtrArray *ops)
{
    add(ops, "bh.schedule-run", "qemu_bh_schedule, and an aio_poll that runs it", 1, run_schedule);
    add(ops, "bh.schedule-run-64", "each of 64 bottom halves that one aio_poll runs", 64,
        run_schedule);
    add(ops, "bh.oneshot", "aio_bh_schedule_oneshot, and an aio_poll that runs it", 1, run_oneshot);
    add(ops, "notify.awake", "aio_notify while nobody sleeps", 1, run_notify);
    bench_add(ops,
              &(BenchOp){ .what = "aio_notify wakes another thread, which does the same back",
                          .setup = setup_round_trip,
                          .run = run_round_trip,
                          .teardown = teardown_round_trip,
                          .elapsed = true,
                          .not_counted = "two threads, and how often they sleep varies" },
              "notify.round-trip");
}
