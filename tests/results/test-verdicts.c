/*
 * How often verdicts are wrong: suites made of recorded runs of one and the same job, so that any
 * "faster" or "slower" is false; in block order instead, where that happens; and with one arm made
 * slower on paper, where "slower" is right.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * timeout: 300
 *
 * A suite takes consecutive recorded runs from somewhere in a series, in the order in which they
 * ran, and says of each which arm it was: what plan_runs() says, or the first half the one and the
 * second half the other. judge() does the rest. So the noise is the machine's own: its drift, its
 * neighbours, its stalls. tests/results/record-runs records a series.
 *
 * Spread is (max - min) / median of IOPS. Because that hangs on the one run that something
 * disturbed most, there is also the spread without the 5 % of the runs at either end.
 */
#include <glib.h>
#include <math.h>
#include <string.h>
#include "judge.h"
#include "plan.h"
#include "random.h"
#include "stats.h"

#define SUITES 200
#define FEWER  100  /* where several series are counted together */
#define SLOWER 0.95 /* the speed of an arm that is 5 % slower */

typedef double Figures[METRIC_COUNT];

typedef struct Series {
    const char *name;
    GArray *runs; /* Figures, in the order in which they ran */
} Series;

/* ABBA as planned, or AAAA BBBB. */
typedef enum { ALTERNATING, BLOCKS } Order;

typedef struct Rates {
    guint suites;
    guint wrong;  /* suites with a verdict "faster" or "slower" on whatever metric */
    guint same;   /* of which IOPS are "same" */
    guint slower; /* of which IOPS are "slower" */
    guint crude;  /* whose median IOPS are more than 5 % apart */
} Rates;

/* The columns of a file, after seconds and load; bandwidth follows from IOPS. */
static const MetricId columns[] = {
    METRIC_IOPS,     METRIC_LAT_MEAN,  METRIC_LAT_P50, METRIC_LAT_P99,
    METRIC_LAT_P999, METRIC_LAT_P9999, METRIC_CPU,     METRIC_SWITCHES,
};

static void read_line(GArray *runs, const char *line)
{
    g_auto(GStrv) fields = g_strsplit(line, "\t", -1);
    Figures figures;

    g_assert_cmpuint(g_strv_length(fields), ==, 2 + G_N_ELEMENTS(columns));
    for (guint i = 0; i < METRIC_COUNT; i++) {
        figures[i] = NAN;
    }
    for (guint i = 0; i < G_N_ELEMENTS(columns); i++) {
        figures[columns[i]] = g_ascii_strtod(fields[2 + i], NULL);
    }
    figures[METRIC_BW] = figures[METRIC_IOPS] * 4096;
    g_array_append_val(runs, figures);
}

static Series *series_read(const char *name)
{
    Series *series = g_new(Series, 1);
    g_autofree char *path =
        g_strdup_printf("%s/tests/results/data/%s.tsv", g_getenv("srcdir"), name);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GError *error = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    lines = g_strsplit(text, "\n", -1);
    series->name = name;
    series->runs = g_array_new(FALSE, FALSE, sizeof(Figures));
    for (guint i = 0; lines[i]; i++) {
        if (lines[i][0] != '#' && lines[i][0] != '\0') {
            read_line(series->runs, lines[i]);
        }
    }
    g_assert_cmpuint(series->runs->len, >=, 200);
    return series;
}

static void series_free(Series *series)
{
    g_array_unref(series->runs);
    g_free(series);
}

static const double *figures_of(const Series *series, guint i)
{
    return g_array_index(series->runs, Figures, i);
}

/* Of @n runs, without the share @trimmed of them at either end. */
static double spread(const Series *series, guint from, guint n, double trimmed)
{
    g_autofree double *iops = g_new(double, n);
    g_autofree double *sorted = NULL;
    guint cut = trimmed * n;

    for (guint i = 0; i < n; i++) {
        iops[i] = figures_of(series, from + i)[METRIC_IOPS];
    }
    sorted = stats_sorted(iops, n);
    return (sorted[n - 1 - cut] - sorted[cut]) / stats_median(iops, n);
}

/* Where @n runs begin: anywhere; or, with @trimmed, where their spread is 8 to 12 %. */
static guint draw_place(const Series *series, guint n, const double *trimmed, guint64 *state)
{
    for (;;) {
        guint from = random_below(state, series->runs->len - n + 1);
        double s = trimmed ? spread(series, from, n, *trimmed) : 0.1;

        if (s >= 0.08 && s <= 0.12) {
            return from;
        }
    }
}

/* Making a suite. */

static Arm *arm_new(const char *name)
{
    Arm *arm = g_new0(Arm, 1);

    arm->kind = ARM_FIO;
    arm->name = g_strdup(name);
    arm->spec = g_strdup("libaio");
    arm->engine = g_strdup("libaio");
    arm->options = g_new0(char *, 1);
    return arm;
}

static Case *case_new(void)
{
    Case *kase = g_new0(Case, 1);

    kase->name = g_strdup("job");
    kase->job_file = g_strdup("job.fio");
    kase->options = g_new0(char *, 1);
    return kase;
}

/* What the arm would have given, were it as fast as @speed says: time per I/O, of whatever kind,
 * is longer; the number of switches is not. */
static void fill_sample(Sample *sample, const double *figures, double speed)
{
    for (guint i = 0; i < METRIC_COUNT; i++) {
        sample->value[i] = metrics[i].more_is_better ? figures[i] * speed : figures[i] / speed;
    }
    sample->value[METRIC_SWITCHES] = figures[METRIC_SWITCHES];
    sample->time_based = true;
    sample->ios = figures[METRIC_IOPS] * speed * 0.4;
    sample->bytes = sample->ios * 4096;
}

static Run *run_new(const PlannedRun *planned, guint order, const double *figures, double speed)
{
    Run *run = g_new0(Run, 1);
    Sample *sample = sample_new("job", NULL);

    run->arm = planned->arm;
    run->kase = planned->kase;
    run->round = planned->round;
    run->order = order;
    run->seconds = 0.4;
    run->samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    fill_sample(sample, figures, planned->arm == 1 ? speed : 1);
    g_ptr_array_add(run->samples, sample);
    return run;
}

static PlannedRun *plan(Order order, guint pairs, guint32 seed)
{
    PlannedRun *planned = plan_runs(2, 1, pairs, seed);

    for (guint i = 0; order == BLOCKS && i < 2 * pairs; i++) {
        planned[i] = (PlannedRun){ .arm = i / pairs, .round = i % pairs };
    }
    return planned;
}

static Suite *suite_of(const Series *series, guint from, const PlannedRun *planned, guint pairs,
                       double speed)
{
    Suite *suite = suite_new(series->name);

    suite->rounds = pairs;
    g_ptr_array_add(suite->arms, arm_new("a"));
    g_ptr_array_add(suite->arms, arm_new("b"));
    g_ptr_array_add(suite->cases, case_new());
    for (guint i = 0; i < 2 * pairs; i++) {
        g_ptr_array_add(suite->runs, run_new(&planned[i], i, figures_of(series, from + i), speed));
    }
    return suite;
}

/* Judging it. */

static gboolean is_difference(Verdict verdict)
{
    return verdict == VERDICT_FASTER || verdict == VERDICT_SLOWER;
}

static void count_verdicts(const Judgement *judgement, Rates *rates)
{
    gboolean wrong = FALSE;

    g_assert_cmpuint(judgement->obstacles->len, ==, 0);
    g_assert_cmpuint(judgement->comparisons->len, >=, METRIC_COUNT - 2); /* p99.99, syscalls */
    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        wrong |= is_difference(c->verdict);
        if (c->metric == METRIC_IOPS) {
            rates->same += c->verdict == VERDICT_SAME;
            rates->slower += c->verdict == VERDICT_SLOWER;
            rates->crude += fabs(c->value / c->base - 1) > 0.05;
        }
    }
    rates->wrong += wrong;
}

static void judge_one(const Series *series, guint from, const PlannedRun *planned, guint pairs,
                      double speed, Rates *rates)
{
    JudgeOptions options = { .band = 0.02, .confidence = 0.95, .seed = from };
    Suite *suite = suite_of(series, from, planned, pairs, speed);
    Judgement *judgement;

    options.decides[METRIC_IOPS] = true;
    judgement = judge(suite, &options);
    count_verdicts(judgement, rates);
    judgement_free(judgement);
    suite_free(suite);
}

static Rates simulate(const Series *series, guint suites, Order order, guint pairs, double speed,
                      const double *trimmed)
{
    Rates rates = { .suites = suites };

    for (guint i = 0; i < suites; i++) {
        guint64 state = i;
        guint from = draw_place(series, 2 * pairs, trimmed, &state);
        g_autofree PlannedRun *planned = plan(order, pairs, i);

        judge_one(series, from, planned, pairs, speed, &rates);
    }
    return rates;
}

static double percent(guint suites, const Rates *rates)
{
    return 100. * suites / rates->suites;
}

static void add(Rates *sum, const Rates *rates)
{
    sum->suites += rates->suites;
    sum->wrong += rates->wrong;
    sum->slower += rates->slower;
}

static void say(const Series *series, const char *what, guint pairs, const Rates *rates)
{
    g_test_message("%s, %s, %u suites of %u pairs: on any metric \"faster\" or \"slower\" %.1f %%; "
                   "IOPS \"same\" %.1f %%, \"slower\" %.1f %%, medians 5 %% apart %.1f %%",
                   series->name, what, rates->suites, pairs, percent(rates->wrong, rates),
                   percent(rates->same, rates), percent(rates->slower, rates),
                   percent(rates->crude, rates));
}

static const char *const all_series[] = {
    "libaio-first", "qaio-first", "libaio-loop", "qaio-loop", "libaio-depth1",
};

/* Those whose spread is about 10 %. */
static const char *const steady_series[] = { "libaio-first", "qaio-first" };

static void test_spread(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(all_series); i++) {
        Series *series = series_read(all_series[i]);
        double whole = spread(series, 0, series->runs->len, 0);
        double middle = spread(series, 0, series->runs->len, 0.05);

        g_test_message("%s: %u runs; spread %.1f %%, without the ends %.1f %%", series->name,
                       series->runs->len, 100 * whole, 100 * middle);
        g_assert_cmpfloat(whole, >, 0.2);
        if (i < G_N_ELEMENTS(steady_series)) {
            g_assert_cmpfloat(fabs(middle - 0.1), <, 0.05);
        }
        series_free(series);
    }
}

/* A/A as planned: in each series at most one suite in twenty says anything. */
static void test_alternating(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(all_series); i++) {
        Series *series = series_read(all_series[i]);

        for (guint pairs = 10; pairs <= 20; pairs += 10) {
            Rates rates = simulate(series, SUITES, ALTERNATING, pairs, 1, NULL);

            say(series, "A/A alternating", pairs, &rates);
            g_assert_cmpfloat(percent(rates.wrong, &rates), <=, 5);
        }
        series_free(series);
    }
}

/* The same runs and the same judge, but first the one arm and then the other: drift is taken for a
 * difference. If this found nothing either, the test above would prove nothing. */
static void test_blocks(void)
{
    Rates sum = { 0 };

    for (guint i = 0; i < G_N_ELEMENTS(all_series); i++) {
        Series *series = series_read(all_series[i]);
        Rates rates = simulate(series, FEWER, BLOCKS, 20, 1, NULL);

        say(series, "A/A in blocks", 20, &rates);
        add(&sum, &rates);
        series_free(series);
    }
    g_assert_cmpfloat(percent(sum.wrong, &sum), >, 10);
}

/* An arm that is 5 % slower, somewhere in the steady series. */
static void test_slower(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(steady_series); i++) {
        Series *series = series_read(steady_series[i]);
        Rates rates = simulate(series, FEWER, ALTERNATING, 20, SLOWER, NULL);

        say(series, "one arm 5 % slower", 20, &rates);
        g_assert_cmpfloat(percent(rates.slower, &rates), >=, 65);
        series_free(series);
    }
}

/* The same where the spread of the 40 runs themselves is 10 %, with all of them or without the
 * ends: seen in four of five suites. */
static void test_slower_at_10_percent(void)
{
    const double trimmed[] = { 0, 0.05 };

    for (guint t = 0; t < G_N_ELEMENTS(trimmed); t++) {
        Rates sum = { 0 };

        for (guint i = 0; i < G_N_ELEMENTS(steady_series); i++) {
            Series *series = series_read(steady_series[i]);
            Rates rates = simulate(series, FEWER, ALTERNATING, 20, SLOWER, &trimmed[t]);

            say(series,
                t ? "one arm 5 % slower, spread 10 % without the ends"
                  : "one arm 5 % slower, spread 10 %",
                20, &rates);
            add(&sum, &rates);
            series_free(series);
        }
        g_assert_cmpfloat(percent(sum.slower, &sum), >=, 80);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/verdicts/spread", test_spread);
    g_test_add_func("/verdicts/alternating", test_alternating);
    g_test_add_func("/verdicts/blocks", test_blocks);
    g_test_add_func("/verdicts/slower", test_slower);
    g_test_add_func("/verdicts/slower-at-10-percent", test_slower_at_10_percent);
    return g_test_run();
}
