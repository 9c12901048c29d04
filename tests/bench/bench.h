/* The bench program: operations, each measured by itself, in time or in instructions.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     bench.c            the command line; which operations, one after the other
 *     bench-measure.c    one operation in a process of its own: timed, or counted by callgrind
 *     bench-report.c     the table, the JSON, the ratios that have a goal
 *     bench-NAME.c       the operations of one subject, added by bench_add_NAME()
 */
#ifndef QAIO_BENCH_H
#define QAIO_BENCH_H

#include "base/osdep.h"
#include "base/error.h"

typedef struct BenchOp BenchOp;

/*
 * An operation. setup, run and teardown are called in this order, in a process that does nothing
 * else, so that no operation feels what another has left in pools and heap.
 */
struct BenchOp {
    char *name;       /* subject.what.variant: how the user and icount.json know it */
    const char *what; /* one line for --list */

    /* Make what run needs, in @state. False and *errp if this machine cannot: then it is left out.
     * May be NULL. */
    bool (*setup)(BenchOp *op, Error **errp);
    /* Do the operation @n times, a multiple of @unit. */
    void (*run)(BenchOp *op, unsigned n);
    /* May be NULL. */
    void (*teardown)(BenchOp *op);

    unsigned unit;           /* how many are done together: a depth, a batch; 0 is 1 */
    bool elapsed;            /* time by the clock, not in CPU: other threads have a part in it */
    const char *not_counted; /* why the number of instructions does not repeat; NULL if it does */

    /* The operations' own. */
    int variant;
    unsigned size;
    void *state;
};

/* Add *@op, whose name is made from the format, to the array of all. */
void bench_add(GPtrArray *ops, const BenchOp *op, const char *format, ...) G_GNUC_PRINTF(3, 4);

void bench_add_yardsticks(GPtrArray *ops);
void bench_add_coroutine(GPtrArray *ops);
void bench_add_lock(GPtrArray *ops);
void bench_add_bh(GPtrArray *ops);
void bench_add_aio_poll(GPtrArray *ops);
void bench_add_timer(GPtrArray *ops);
void bench_add_linux_aio(GPtrArray *ops);
void bench_add_virtio_blk(GPtrArray *ops);

/* The operation that the others are compared with: always the first one, and always measured. */
#define BENCH_YARDSTICK "yardstick.getpid"

/* ---- bench-measure.c ----------------------------------------------------------------------- */

/* The times of one operation in ns, sorted; or why it was left out. */
typedef struct BenchResult {
    const BenchOp *op;
    double *ns;
    unsigned samples;
    char *left_out; /* NULL if it was measured */
    bool died;      /* it was left out because it crashed */
} BenchResult;

/* Time @op: @samples times, for @seconds altogether. */
BenchResult *bench_time(BenchOp *op, unsigned samples, double seconds);

/*
 * Run @op under callgrind, with a dump named "NAME N" after N operations, for two values of N. What
 * is the same for both, they do not cost. The result has no times.
 */
BenchResult *bench_count(BenchOp *op);

void bench_result_free(BenchResult *r);

/* The value below which the share @q of the times lies. */
double bench_quantile(const BenchResult *r, double q);

/* Whether this runs under valgrind; false and *errp if it does not or the build cannot tell. */
bool bench_under_valgrind(Error **errp);

/* ---- bench-report.c ------------------------------------------------------------------------ */

/* Print the head, the results as they come, and the rest. */
typedef struct BenchReport BenchReport;

BenchReport *bench_report_begin(bool json);
/* Takes @r over. */
void bench_report_add(BenchReport *report, BenchResult *r);
/* Ends and frees it. False if any operation died. */
bool bench_report_end(BenchReport *report);

/* {"environment": ..., "left_out": ...}, for the script that reads callgrind's files. */
bool bench_report_counted(GPtrArray *results);

#endif
