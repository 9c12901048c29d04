/* The command line of the bench program: chooses operations and has them measured.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bench.h"

#include <stdarg.h>
#include <sys/resource.h>

/* What the user wants. */
typedef struct Options {
    gboolean json;
    gboolean list;
    gboolean icount;
    char *only;
    int repetitions;
    double seconds;
} Options;

void bench_add(GPtrArray *ops, const BenchOp *op, const char *format, ...)
{
    BenchOp *copy = g_new(BenchOp, 1);
    va_list args;

    *copy = *op;
    va_start(args, format);
    copy->name = g_strdup_vprintf(format, args);
    va_end(args);
    copy->unit = MAX(copy->unit, 1);
    g_ptr_array_add(ops, copy);
}

static void free_op(void *op)
{
    g_free(((BenchOp *)op)->name);
    g_free(op);
}

static GPtrArray *all_ops(void)
{
    GPtrArray *ops = g_ptr_array_new_with_free_func(free_op);

    bench_add_yardsticks(ops);
    bench_add_coroutine(ops);
    bench_add_lock(ops);
    bench_add_bh(ops);
    bench_add_aio_poll(ops);
    bench_add_timer(ops);
    bench_add_linux_aio(ops);
    bench_add_virtio_blk(ops);
    return ops;
}

/* Leave those that match "*@only*". Returns how many. */
static unsigned choose(GPtrArray *ops, const char *only, bool keep_yardstick)
{
    char *pattern = g_strdup_printf("*%s*", only);
    unsigned matches = 0;

    for (unsigned i = 0; i < ops->len;) {
        BenchOp *op = g_ptr_array_index(ops, i);
        bool match = g_pattern_match_simple(pattern, op->name);

        matches += match;
        if (match || (keep_yardstick && g_str_equal(op->name, BENCH_YARDSTICK))) {
            i++;
        } else {
            g_ptr_array_remove_index(ops, i);
        }
    }
    g_free(pattern);
    return matches;
}

static void list_ops(GPtrArray *ops)
{
    for (unsigned i = 0; i < ops->len; i++) {
        BenchOp *op = g_ptr_array_index(ops, i);

        printf("%-34s %s\n", op->name, op->what);
    }
}

static bool time_ops(GPtrArray *ops, const Options *o)
{
    BenchReport *report = bench_report_begin(o->json);

    for (unsigned i = 0; i < ops->len; i++) {
        BenchOp *op = g_ptr_array_index(ops, i);

        bench_report_add(report, bench_time(op, o->repetitions, o->seconds));
    }
    return bench_report_end(report);
}

static bool count_ops(GPtrArray *ops)
{
    GPtrArray *results = g_ptr_array_new_with_free_func((GDestroyNotify)bench_result_free);
    bool ok;

    for (unsigned i = 0; i < ops->len; i++) {
        g_ptr_array_add(results, bench_count(g_ptr_array_index(ops, i)));
    }
    ok = bench_report_counted(results);
    g_ptr_array_unref(results);
    return ok;
}

/* A thousand idle descriptors are more than most limits permit at first. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool parse(Options *o, int argc, char **argv, Error **errp)
{
    GOptionEntry entries[] = {
        { "json", 'j', 0, G_OPTION_ARG_NONE, &o->json, "Print JSON in place of a table", NULL },
        { "list", 'l', 0, G_OPTION_ARG_NONE, &o->list, "List the operations and run none", NULL },
        { "only", 'o', 0, G_OPTION_ARG_STRING, &o->only,
          "Only operations with PART in their name (* and ? as in the shell)", "PART" },
        { "repetitions", 'r', 0, G_OPTION_ARG_INT, &o->repetitions,
          "How often to measure each, 1 to 10000 (15)", "N" },
        { "seconds", 's', 0, G_OPTION_ARG_DOUBLE, &o->seconds,
          "How long to measure each, 0.001 to 3600 (0.2)", "S" },
        { "icount", 0, 0, G_OPTION_ARG_NONE, &o->icount,
          "Run under callgrind, for make bench-icount", NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    GOptionContext *context = g_option_context_new("- measure what the parts of qaio cost");
    bool ok;

    g_option_context_set_description(
        context,
        "Times are CPU time per operation, of operations marked ~ elapsed time: the median, "
        "and the range\nof the middle half of all repetitions. The last column is the "
        "median in units of one getpid(2).\nExit status: 0 all done, 1 an operation "
        "crashed or results could not be written, 2 bad arguments.\n");
    g_option_context_add_main_entries(context, entries, NULL);
    ok = g_option_context_parse(context, &argc, &argv, errp);
    g_option_context_free(context);
    if (!ok) {
        return false;
    }
    if (argc > 1) {
        error_setg(errp, "unexpected argument '%s'", argv[1]);
    } else if (o->repetitions < 1 || o->repetitions > 10000) {
        error_setg(errp, "--repetitions=%d is not within 1 and 10000", o->repetitions);
    } else if (!(o->seconds >= 0.001 && o->seconds <= 3600)) {
        error_setg(errp, "--seconds=%g is not within 0.001 and 3600", o->seconds);
    } else {
        return !o->icount || bench_under_valgrind(errp);
    }
    return false;
}

int main(int argc, char **argv)
{
    Options o = { .repetitions = 15, .seconds = 0.2 };
    Error *err = NULL;
    GPtrArray *ops = NULL;
    int status = 0;

    if (!parse(&o, argc, argv, &err)) {
        goto bad;
    }
    ops = all_ops();
    if (o.only && choose(ops, o.only, !o.list && !o.icount) == 0) {
        error_setg(&err, "no operation has '%s' in its name; see --list", o.only);
        goto bad;
    }
    raise_descriptor_limit();
    if (o.list) {
        list_ops(ops);
    } else if (!(o.icount ? count_ops(ops) : time_ops(ops, &o))) {
        status = 1;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bench: cannot write: %s\n", g_strerror(errno));
        status = 1;
    }
out:
    if (ops) {
        g_ptr_array_unref(ops);
    }
    g_free(o.only);
    return status;

bad:
    fprintf(stderr, "bench: %s\n", error_get_pretty(err));
    error_free(err);
    status = 2;
    goto out;
}
