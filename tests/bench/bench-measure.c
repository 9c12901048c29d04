/* One operation in a process of its own, timed or counted.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The process is a fork of one that has run nothing yet, so the order of the operations and what
 * else was chosen do not matter. It hands its results back in shared memory.
 *
 * Timing: how many operations fill the time of one sample is found first, by doubling; that also
 * warms caches and pools up.
 *
 * Counting: callgrind counts all instructions of the process. A client request has it write down
 * the count and begin anew; the script beside this file takes the difference of the counts of N and
 * of 2N operations.
 */
#include "bench.h"

#include <math.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/callgrind.h>
#endif

/* How many operations are counted at least. */
#define COUNTED 256

/* What the child tells. */
typedef struct Shared {
    bool done;
    char left_out[200];
    double ns[];
} Shared;

typedef struct Plan {
    unsigned samples; /* 0: count */
    double seconds;
} Plan;

static double now_ns(const BenchOp *op)
{
    struct timespec ts;

    clock_gettime(op->elapsed ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static double timed_run(BenchOp *op, unsigned n)
{
    double start = now_ns(op);

    op->run(op, n);
    return now_ns(op) - start;
}

/* How many operations take about @ns. */
static unsigned fill(BenchOp *op, double ns)
{
    unsigned n = op->unit;
    double took;

    while ((took = timed_run(op, n)) < ns / 4 && n < G_MAXINT / 8) {
        n *= 2;
    }
    n = MIN(n * ns / MAX(took, 1), G_MAXINT / 8);
    return MAX(n / op->unit, 1) * op->unit;
}

static void time_op(BenchOp *op, const Plan *plan, Shared *shared)
{
    unsigned n = fill(op, plan->seconds * 1e9 / plan->samples);

    for (unsigned i = 0; i < plan->samples; i++) {
        shared->ns[i] = timed_run(op, n) / n;
    }
}

#ifdef HAVE_VALGRIND_VALGRIND_H

static void dump(const char *name, unsigned n)
{
    char label[100];

    snprintf(label, sizeof(label), "%s %u", name, n);
    CALLGRIND_DUMP_STATS_AT(label);
}

static void count_op(BenchOp *op)
{
    unsigned n = DIV_ROUND_UP(COUNTED, op->unit) * op->unit;

    op->run(op, 2 * n);
    dump("-", 0);
    op->run(op, n);
    dump(op->name, n);
    op->run(op, 2 * n);
    dump(op->name, 2 * n);
}

bool bench_under_valgrind(Error **errp)
{
    if (!RUNNING_ON_VALGRIND) {
        error_setg(errp, "--icount is for valgrind --tool=callgrind; start make bench-icount");
        return false;
    }
    return true;
}

#else

static void count_op(BenchOp *op G_GNUC_UNUSED)
{
}

bool bench_under_valgrind(Error **errp)
{
    error_setg(errp, "built without valgrind's headers (Debian: valgrind), so it cannot count");
    return false;
}

#endif

static G_GNUC_NORETURN void child(BenchOp *op, const Plan *plan, Shared *shared)
{
    Error *err = NULL;

    if (op->setup && !op->setup(op, &err)) {
        g_strlcpy(shared->left_out, error_get_pretty(err), sizeof(shared->left_out));
        _exit(0);
    }
    if (plan->samples > 0) {
        time_op(op, plan, shared);
    } else {
        count_op(op);
    }
    if (op->teardown) {
        op->teardown(op);
    }
    shared->done = true;
    _exit(0);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* What became of the child. */
static void read_result(BenchResult *r, const Shared *shared, int status)
{
    if (WIFSIGNALED(status)) {
        r->left_out = g_strdup_printf("died of signal %d (%s)", WTERMSIG(status),
                                      g_strsignal(WTERMSIG(status)));
        r->died = true;
    } else if (shared->left_out[0]) {
        r->left_out = g_strdup(shared->left_out);
    } else if (!shared->done) {
        r->left_out = g_strdup_printf("ended with exit status %d", WEXITSTATUS(status));
        r->died = true;
    } else {
        memcpy(r->ns, shared->ns, r->samples * sizeof(r->ns[0]));
        qsort(r->ns, r->samples, sizeof(r->ns[0]), compare_doubles);
    }
}

static BenchResult *measure(BenchOp *op, const Plan *plan)
{
    BenchResult *r = g_new0(BenchResult, 1);
    size_t size = sizeof(Shared) + plan->samples * sizeof(double);
    Shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    pid_t pid = -1;

    r->op = op;
    r->samples = plan->samples;
    r->ns = g_new0(double, plan->samples + 1);
    fflush(stdout); /* or the child would have it twice */
    if (shared != MAP_FAILED) {
        pid = fork();
    }
    if (pid == 0) {
        child(op, plan, shared);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        r->left_out = g_strdup_printf("no process for it: %s", g_strerror(errno));
        r->died = true;
    } else {
        read_result(r, shared, status);
    }
    if (shared != MAP_FAILED) {
        munmap(shared, size);
    }
    return r;
}

BenchResult *bench_time(BenchOp *op, unsigned samples, double seconds)
{
    return measure(op, &(Plan){ .samples = samples, .seconds = seconds });
}

BenchResult *bench_count(BenchOp *op)
{
    if (op->not_counted) {
        BenchResult *r = g_new0(BenchResult, 1);

        r->op = op;
        r->left_out = g_strdup(op->not_counted);
        return r;
    }
    return measure(op, &(Plan){ .samples = 0 });
}

void bench_result_free(BenchResult *r)
{
    g_free(r->ns);
    g_free(r->left_out);
    g_free(r);
}

double bench_quantile(const BenchResult *r, double q)
{
    double at = q * (r->samples - 1);
    unsigned below = at;
    unsigned above = MIN(below + 1, r->samples - 1);

    return r->ns[below] + (r->ns[above] - r->ns[below]) * (at - below);
}
