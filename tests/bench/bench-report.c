/* What the bench program prints: a table or JSON, and the ratios that have a goal.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bench.h"

#include <gnu/libc-version.h>

/* Two operations of which the first should cost at most @goal times the second. */
typedef struct Goal {
    const char *what;
    const char *op, *base;
    double goal;
} Goal;

static const Goal goals[] = {
    { "nesting 10000 deep to 10 deep, asm", "coroutine.nest-10000.asm", "coroutine.nest-10.asm",
      2 },
    { "nesting 10000 deep to 10 deep, ucontext", "coroutine.nest-10000.ucontext",
      "coroutine.nest-10.ucontext", 2 },
    { "epoll finds one ready: 1000 idle to 1 idle", "aio_poll.epoll.idle-1000.ready",
      "aio_poll.epoll.idle-1.ready", 1.1 },
};

struct BenchReport {
    bool json;
    GPtrArray *results;
};

/* ---- JSON ---------------------------------------------------------------------------------- */

static void print_json_string(const char *s)
{
    putchar('"');
    for (; *s; s++) {
        unsigned char c = *s;

        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void print_json_member(const char *name, const char *value, const char *end)
{
    print_json_string(name);
    printf(": ");
    print_json_string(value);
    printf("%s", end);
}

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

#ifdef HAVE_LIBURING
#define WITH_LIBURING " liburing"
#else
#define WITH_LIBURING ""
#endif
#ifdef HAVE_SYS_SDT_H
#define WITH_SDT " sdt"
#else
#define WITH_SDT ""
#endif

/* The words of @s with one space between them. */
static char *tidy(const char *s)
{
    char **words = g_strsplit_set(s, " \t", -1);
    GString *tidied = g_string_new(NULL);

    for (char **w = words; *w; w++) {
        if (**w) {
            g_string_append_printf(tidied, "%s%s", tidied->len > 0 ? " " : "", *w);
        }
    }
    g_strfreev(words);
    return g_string_free(tidied, FALSE);
}

/* All that numbers of instructions depend on beside the source. */
static void print_environment(void)
{
    char *flags = tidy(BENCH_FLAGS);
    char *features = tidy(WITH_LIBURING WITH_SDT);
    char *glib =
        g_strdup_printf("%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);

    printf("\"environment\": {\n    ");
    print_json_member("compiler", COMPILER, ",\n    ");
    print_json_member("arch", BENCH_ARCH, ",\n    ");
    print_json_member("flags", flags, ",\n    ");
    print_json_member("features", features, ",\n    ");
    print_json_member("libc", gnu_get_libc_version(), ",\n    ");
    print_json_member("glib", glib, "\n  }");
    g_free(flags);
    g_free(features);
    g_free(glib);
}

static void print_json_result(const BenchResult *r, double yardstick)
{
    printf("    {");
    print_json_member("name", r->op->name, ", ");
    if (r->left_out) {
        print_json_member("left_out", r->left_out, "}");
        return;
    }
    printf("\"clock\": \"%s\", \"median_ns\": %.2f, \"q1_ns\": %.2f, \"q3_ns\": %.2f, "
           "\"min_ns\": %.2f, \"max_ns\": %.2f, \"samples\": %u, \"getpids\": ",
           r->op->elapsed ? "elapsed" : "cpu", bench_quantile(r, 0.5), bench_quantile(r, 0.25),
           bench_quantile(r, 0.75), r->ns[0], r->ns[r->samples - 1], r->samples);
    if (yardstick > 0) {
        printf("%.4f}", bench_quantile(r, 0.5) / yardstick);
    } else {
        printf("null}");
    }
}

/* ---- the table ----------------------------------------------------------------------------- */

static void print_row(const BenchResult *r, double yardstick)
{
    char *name = g_strdup_printf("%s%s", r->op->name, r->op->elapsed ? " ~" : "");

    printf("%-36s ", name);
    if (r->left_out) {
        printf("left out: %s\n", r->left_out);
    } else {
        double median = bench_quantile(r, 0.5);

        printf("%10.2f %10.2f .. %-10.2f", median, bench_quantile(r, 0.25),
               bench_quantile(r, 0.75));
        if (yardstick > 0) {
            printf(" %8.3f", median / yardstick);
        }
        putchar('\n');
    }
    g_free(name);
}

/* ---- both ---------------------------------------------------------------------------------- */

static double median_of(GPtrArray *results, const char *name)
{
    for (unsigned i = 0; i < results->len; i++) {
        BenchResult *r = g_ptr_array_index(results, i);

        if (!r->left_out && g_str_equal(r->op->name, name)) {
            return bench_quantile(r, 0.5);
        }
    }
    return 0;
}

static void print_goals(const BenchReport *report)
{
    const char *separator = "";

    for (unsigned i = 0; i < ARRAY_SIZE(goals); i++) {
        const Goal *g = &goals[i];
        double base = median_of(report->results, g->base);
        double ratio = base > 0 ? median_of(report->results, g->op) / base : 0;

        if (ratio <= 0) {
            continue;
        }
        if (report->json) {
            printf("%s\n    {\"op\": \"%s\", \"base\": \"%s\", \"ratio\": %.3f, \"goal\": %.2f}",
                   separator, g->op, g->base, ratio, g->goal);
            separator = ",";
        } else {
            printf("%s%-48s %6.2f   goal: at most %g%s\n", *separator ? "" : "\n", g->what, ratio,
                   g->goal, ratio <= g->goal ? "" : ", missed");
            separator = "\n";
        }
    }
}

BenchReport *bench_report_begin(bool json)
{
    BenchReport *report = g_new0(BenchReport, 1);

    report->json = json;
    report->results = g_ptr_array_new_with_free_func((GDestroyNotify)bench_result_free);
    if (json) {
        printf("{\n  ");
        print_environment();
        printf(",\n  \"operations\": [\n");
    } else {
        printf("%-36s %10s %24s %8s\n", "ns per operation", "median", "middle half     ",
               "getpids");
    }
    return report;
}

void bench_report_add(BenchReport *report, BenchResult *r)
{
    double yardstick;

    g_ptr_array_add(report->results, r);
    yardstick = median_of(report->results, BENCH_YARDSTICK);
    if (report->json) {
        printf("%s", report->results->len > 1 ? ",\n" : "");
        print_json_result(r, yardstick);
    } else {
        print_row(r, yardstick);
    }
    fflush(stdout);
}

static bool any_died(GPtrArray *results)
{
    bool died = false;

    for (unsigned i = 0; i < results->len; i++) {
        BenchResult *r = g_ptr_array_index(results, i);

        if (r->died) {
            fprintf(stderr, "bench: %s %s\n", r->op->name, r->left_out);
            died = true;
        }
    }
    return died;
}

bool bench_report_end(BenchReport *report)
{
    bool ok = !any_died(report->results);

    if (report->json) {
        printf("\n  ],\n  \"ratios\": [");
        print_goals(report);
        printf("\n  ]\n}\n");
    } else {
        print_goals(report);
    }
    g_ptr_array_unref(report->results);
    g_free(report);
    return ok;
}

bool bench_report_counted(GPtrArray *results)
{
    const char *separator = "\n    ";

    printf("{\n  ");
    print_environment();
    printf(",\n  \"left_out\": {");
    for (unsigned i = 0; i < results->len; i++) {
        BenchResult *r = g_ptr_array_index(results, i);

        if (r->left_out) {
            printf("%s", separator);
            print_json_member(r->op->name, r->left_out, "");
            separator = ",\n    ";
        }
    }
    printf("\n  }\n}\n");
    return !any_died(results);
}
