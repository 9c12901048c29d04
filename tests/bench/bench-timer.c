/* What timers cost.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bench.h"
#include "loop/aio.h"

/* A timer among op->size others, which are armed for every second of a far future. */
typedef struct Timers {
    AioContext *ctx;
    QEMUTimer timer;
    int64_t middle; /* half of the others are due before */
    QEMUTimer others[];
} Timers;

static void do_nothing(void *opaque G_GNUC_UNUSED)
{
}

static void init(Timers *t, QEMUTimer *timer)
{
    aio_timer_init(t->ctx, timer, QEMU_CLOCK_REALTIME, SCALE_NS, do_nothing, NULL);
}

static bool setup(BenchOp *op, Error **errp)
{
    AioContext *ctx = aio_context_new(errp);
    int64_t future = 1000000 * NANOSECONDS_PER_SECOND;
    Timers *t;

    if (!ctx) {
        return false;
    }
    qemu_set_current_aio_context(ctx);
    t = g_malloc0(sizeof(*t) + op->size * sizeof(t->others[0]));
    t->ctx = ctx;
    future += qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    t->middle = future + op->size * NANOSECONDS_PER_SECOND / 2 + 1;
    init(t, &t->timer);
    for (unsigned i = 0; i < op->size; i++) {
        init(t, &t->others[i]);
        timer_mod_ns(&t->others[i], future + i * NANOSECONDS_PER_SECOND);
    }
    op->state = t;
    return true;
}

static void run_arm(BenchOp *op, unsigned n)
{
    Timers *t = op->state;

    while (n-- > 0) {
        timer_mod_ns(&t->timer, t->middle);
        timer_del(&t->timer);
    }
}

/* Due since the clock began. */
static void run_due(BenchOp *op, unsigned n)
{
    Timers *t = op->state;

    while (n-- > 0) {
        timer_mod_ns(&t->timer, 1);
        timerlistgroup_run_timers(aio_context_get_timers(t->ctx));
    }
}

static void run_turn(BenchOp *op, unsigned n)
{
    Timers *t = op->state;

    while (n-- > 0) {
        timer_mod_ns(&t->timer, 1);
        aio_poll(t->ctx, false);
    }
}

static void teardown(BenchOp *op)
{
    Timers *t = op->state;

    for (unsigned i = 0; i < op->size; i++) {
        timer_del(&t->others[i]);
    }
    timer_del(&t->timer);
    qemu_set_current_aio_context(NULL);
    aio_context_unref(t->ctx);
    g_free(t);
}

static void add(GPtrArray *ops, const char *name, const char *what, unsigned others,
                void (*run)(BenchOp *op, unsigned n))
{
    bench_add(ops,
              &(BenchOp){
                  .what = what, .setup = setup, .run = run, .teardown = teardown, .size = others },
              "timer.%s", name);
}

void bench_add_timer(GPtrArray *ops)
{
    add(ops, "arm-disarm", "timer_mod_ns and timer_del", 0, run_arm);
    add(ops, "arm-disarm-among-1000", "the same into the middle of 1000 armed ones", 1000, run_arm);
    add(ops, "run", "timer_mod_ns for now, and timerlistgroup_run_timers", 0, run_due);
    add(ops, "run-in-loop", "timer_mod_ns for now, and an aio_poll that runs it", 0, run_turn);
}
