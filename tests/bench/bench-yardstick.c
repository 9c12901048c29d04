/* What the others are compared with, since machines differ: system calls, and a loop of known
 * length. SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bench.h"
#include "base/atomic.h"
#include "base/event_notifier.h"

#include <sys/syscall.h>

static void run_getpid(BenchOp *op G_GNUC_UNUSED, unsigned n)
{
    while (n-- > 0) {
        syscall(SYS_getpid);
    }
}

/* A hundred additions that the compiler cannot merge. */
static void run_loop(BenchOp *op G_GNUC_UNUSED, unsigned n)
{
    while (n-- > 0) {
        for (unsigned i = 0; i < 100; i++) {
            barrier();
        }
    }
}

static bool setup_notifier(BenchOp *op, Error **errp)
{
    EventNotifier *e = g_new0(EventNotifier, 1);
    int ret = event_notifier_init(e, false);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "no event notifier");
        g_free(e);
        return false;
    }
    op->state = e;
    return true;
}

static void run_notifier(BenchOp *op, unsigned n)
{
    while (n-- > 0) {
        event_notifier_set(op->state);
        event_notifier_test_and_clear(op->state);
    }
}

static void teardown_notifier(BenchOp *op)
{
    event_notifier_cleanup(op->state);
    g_free(op->state);
}

void bench_add_yardsticks(GPtrArray *ops)
{
    bench_add(ops,
              &(BenchOp){ .what = "the cheapest system call, the unit of the last column",
                          .run = run_getpid },
              BENCH_YARDSTICK);
    bench_add(ops, &(BenchOp){ .what = "100 turns of an empty loop", .run = run_loop },
              "yardstick.loop");
    bench_add(ops,
              &(BenchOp){ .what = "event_notifier_set and _test_and_clear: two system calls",
                          .setup = setup_notifier,
                          .run = run_notifier,
                          .teardown = teardown_notifier },
              "notifier.set-clear");
}
