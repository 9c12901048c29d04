/* What coroutines cost: each operation timed in CPU time, with a getpid() call as the yardstick.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A line is one operation on one backend. Each repetition runs it some hundred thousand times after
 * the pool is warm; the table shows the median, least and greatest time of one over the
 * repetitions.
 */
#include "base/osdep.h"
#include "coroutine/coroutine.h"

#include <sys/syscall.h>
#include <time.h>

#define OPERATIONS 200000

/* Do the operation about @n times and return how many times exactly. */
typedef unsigned BenchRun(unsigned n, unsigned depth);

typedef struct Bench {
    const char *name;
    BenchRun *run;
    unsigned depth;
    bool no_coroutine; /* the same on every backend */
} Bench;

static unsigned run_getpid(unsigned n, unsigned depth G_GNUC_UNUSED)
{
    for (unsigned i = 0; i < n; i++) {
        syscall(SYS_getpid);
    }
    return n;
}

static void coroutine_fn yield_once(void *opaque G_GNUC_UNUSED)
{
    qemu_coroutine_yield();
}

static unsigned run_lifecycle(unsigned n, unsigned depth G_GNUC_UNUSED)
{
    for (unsigned i = 0; i < n; i++) {
        Coroutine *co = qemu_coroutine_create(yield_once, NULL);

        qemu_coroutine_enter(co);
        qemu_coroutine_enter(co);
    }
    return n;
}

static void coroutine_fn yield_many(void *opaque)
{
    unsigned n = *(unsigned *)opaque;

    while (n-- > 0) {
        qemu_coroutine_yield();
    }
}

static unsigned run_yield(unsigned n, unsigned depth G_GNUC_UNUSED)
{
    Coroutine *co = qemu_coroutine_create(yield_many, &n);

    for (unsigned i = 0; i <= n; i++) {
        qemu_coroutine_enter(co);
    }
    return n;
}

static void coroutine_fn nest(void *opaque)
{
    unsigned *left = opaque;

    if (--*left > 0) {
        qemu_coroutine_enter(qemu_coroutine_create(nest, left));
    }
}

static unsigned run_nesting(unsigned n, unsigned depth)
{
    unsigned done = 0;

    for (; done < n; done += depth) {
        unsigned left = depth;

        qemu_coroutine_enter(qemu_coroutine_create(nest, &left));
    }
    return done;
}

static const Bench benches[] = {
    { "getpid() system call", run_getpid, 0, true },
    { "create, enter, yield, enter, finish", run_lifecycle, 0, false },
    { "enter and yield", run_yield, 0, false },
    { "create, enter, finish: 10 nested", run_nesting, 10, false },
    { "create, enter, finish: 1000 nested", run_nesting, 1000, false },
    { "create, enter, finish: 10000 nested", run_nesting, 10000, false },
};

static double cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Fill @ns with the sorted times of one operation in nanoseconds. */
static void measure(const Bench *bench, double *ns, int repetitions)
{
    bench->run(OPERATIONS, bench->depth);
    for (int i = 0; i < repetitions; i++) {
        double start = cpu_ns();
        unsigned n = bench->run(OPERATIONS, bench->depth);

        ns[i] = (cpu_ns() - start) / n;
    }
    qsort(ns, repetitions, sizeof(ns[0]), compare_doubles);
}

static void report(const Bench *bench, const char *backend, bool json, int repetitions)
{
    static bool begun;
    double *ns = g_new(double, repetitions);
    double median;

    measure(bench, ns, repetitions);
    median = (ns[(repetitions - 1) / 2] + ns[repetitions / 2]) / 2;
    if (json) {
        printf("%s\n  {\"name\": \"%s\", \"backend\": \"%s\", \"median_ns\": %.2f, "
               "\"min_ns\": %.2f, \"max_ns\": %.2f}",
               begun ? "," : "[", bench->name, backend, median, ns[0], ns[repetitions - 1]);
    } else {
        if (!begun) {
            printf("%-36s %-9s %9s %9s %9s\n", "ns of CPU per operation", "backend", "median",
                   "min", "max");
        }
        printf("%-36s %-9s %9.2f %9.2f %9.2f\n", bench->name, backend, median, ns[0],
               ns[repetitions - 1]);
    }
    begun = true;
    g_free(ns);
}

static void report_all(bool json, int repetitions)
{
    static const char *const names[] = {
        [COROUTINE_BACKEND_ASM] = "asm",
        [COROUTINE_BACKEND_UCONTEXT] = "ucontext",
    };

    for (unsigned b = 0; b < ARRAY_SIZE(benches); b++) {
        if (benches[b].no_coroutine) {
            report(&benches[b], "-", json, repetitions);
            continue;
        }
        for (unsigned backend = 0; backend < ARRAY_SIZE(names); backend++) {
            if (qemu_coroutine_set_backend(backend)) {
                report(&benches[b], names[backend], json, repetitions);
            }
        }
    }
}

int main(int argc, char **argv)
{
    gboolean json = FALSE;
    int repetitions = 15;
    GOptionEntry options[] = {
        { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "Print a JSON array instead of a table", NULL },
        { "repetitions", 'r', 0, G_OPTION_ARG_INT, &repetitions,
          "How often to measure, 1 to 10000 (default 15)", "N" },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    GOptionContext *context = g_option_context_new("- measure what coroutines cost");
    GError *err = NULL;
    bool parsed;

    g_option_context_add_main_entries(context, options, NULL);
    parsed = g_option_context_parse(context, &argc, &argv, &err);
    g_option_context_free(context);
    if (!parsed) {
        fprintf(stderr, "bench: %s; see --help\n", err->message);
        g_error_free(err);
        return 1;
    }
    if (argc > 1 || repetitions < 1 || repetitions > 10000) {
        fprintf(stderr, "bench: no arguments, and --repetitions from 1 to 10000; see --help\n");
        return 1;
    }
    report_all(json, repetitions);
    if (json) {
        printf("\n]\n");
    }
    return 0;
}
