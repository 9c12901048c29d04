/* What coroutines cost, with each backend; the cases of QEMU's own test-coroutine among them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bench.h"
#include "coroutine/coroutine.h"
#include "coroutine/coroutine-sanitizer.h"

static const char *const backends[] = {
    [COROUTINE_BACKEND_ASM] = "asm",
    [COROUTINE_BACKEND_UCONTEXT] = "ucontext",
};

static bool setup(BenchOp *op, Error **errp)
{
#ifdef COROUTINE_TSAN
    if (op->unit > 1000) {
        error_setg(errp, "ThreadSanitizer has no room for so many coroutines");
        return false;
    }
#endif
    if (!qemu_coroutine_set_backend(op->variant)) {
        error_setg(errp, "the %s backend is not built here", backends[op->variant]);
        return false;
    }
    return true;
}

static void coroutine_fn do_nothing(void *opaque G_GNUC_UNUSED)
{
}

static void run_lifecycle(BenchOp *op G_GNUC_UNUSED, unsigned n)
{
    while (n-- > 0) {
        qemu_coroutine_enter(qemu_coroutine_create(do_nothing, NULL));
    }
}

static void coroutine_fn yield_once(void *opaque G_GNUC_UNUSED)
{
    qemu_coroutine_yield();
}

static void run_cost(BenchOp *op G_GNUC_UNUSED, unsigned n)
{
    while (n-- > 0) {
        Coroutine *co = qemu_coroutine_create(yield_once, NULL);

        qemu_coroutine_enter(co);
        qemu_coroutine_enter(co);
    }
}

static void coroutine_fn yield_many(void *opaque)
{
    unsigned n = *(unsigned *)opaque;

    while (n-- > 0) {
        qemu_coroutine_yield();
    }
}

static void run_yield(BenchOp *op G_GNUC_UNUSED, unsigned n)
{
    Coroutine *co = qemu_coroutine_create(yield_many, &n);

    for (unsigned i = 0; i <= n; i++) {
        qemu_coroutine_enter(co);
    }
}

static void coroutine_fn nest(void *opaque)
{
    unsigned *left = opaque;

    if (--*left > 0) {
        qemu_coroutine_enter(qemu_coroutine_create(nest, left));
    }
}

/* The depth is op->unit: that many coroutines are alive in the innermost one. */
static void run_nest(BenchOp *op, unsigned n)
{
    for (unsigned done = 0; done < n; done += op->unit) {
        unsigned left = op->unit;

        qemu_coroutine_enter(qemu_coroutine_create(nest, &left));
    }
}

static void add(GPtrArray *ops, CoroutineBackend b, const char *name, const char *what,
                void (*run)(BenchOp *op, unsigned n))
{
    bench_add(ops, &(BenchOp){ .what = what, .setup = setup, .run = run, .variant = b },
              "coroutine.%s.%s", name, backends[b]);
}

void bench_add_coroutine(GPtrArray *ops)
{
    for (unsigned b = 0; b < ARRAY_SIZE(backends); b++) {
        add(ops, b, "lifecycle", "create, enter, end", run_lifecycle);
        add(ops, b, "cost", "create, enter, yield, enter, end", run_cost);
        add(ops, b, "yield", "enter and yield", run_yield);
        for (unsigned depth = 1; depth <= 10000; depth *= 10) {
            bench_add(ops,
                      &(BenchOp){ .what = "each of so many that enter one another: create to end",
                                  .setup = setup,
                                  .run = run_nest,
                                  .variant = b,
                                  .unit = depth },
                      "coroutine.nest-%u.%s", depth, backends[b]);
        }
    }
}
