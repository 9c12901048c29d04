/*
 * The pictures in a report: what is in them, as scripts for gnuplot.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Latencies are drawn as a distribution of which the tail can be seen: x is the latency, by its
 * logarithm, and y counts nines: -log10 of the share that took longer, so that 90 %, 99 % and
 * 99.9 % lie equally far apart.
 */
#include "figure.h"
#include <math.h>
#include "plot.h"

/* Small enough to be read on a phone, where it is drawn at three quarters of this. */
#define SIZE "480,300"

/* More points than this in a curve of 480 pixels cannot be seen. */
#define MOST_POINTS 400

static const int marks[PLOT_ARMS] = { 7, 9, 5, 13, 11, 6, 8, 4 };

static GString *script_new(void)
{
    GString *s = g_string_new("set encoding utf8\n"
                              "set terminal svg size " SIZE " font \"sans-serif,13\" noenhanced\n"
                              "set border 3 lc rgb \"" PLOT_GRID "\"\n"
                              "set tics nomirror scale 0.5 textcolor rgb \"" PLOT_INK "\"\n"
                              "set grid lt 1 lw 1 lc rgb \"" PLOT_GRID "\"\n"
                              "unset key\n");
    return s;
}

static void append_number(GString *s, double x)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    g_string_append(s, g_ascii_formatd(number, sizeof(number), "%.9g", x));
}

/* "name" x y: one of a list of tics. */
static void append_tic(GString *s, const char *label, double at, bool first)
{
    g_autofree char *word = plot_word(label);

    g_string_append_printf(s, "%s%s ", first ? "" : ", ", word);
    append_number(s, at);
}

static void append_range(GString *s, char axis, double low, double high)
{
    g_string_append_printf(s, "set %crange [", axis);
    append_number(s, low);
    g_string_append_c(s, ':');
    append_number(s, high);
    g_string_append(s, "]\n");
}

/* A step of 1, 2 or 5 by a power of ten that gives about @n tics. */
static double nice_step(double range, guint n)
{
    double power = pow(10, floor(log10(range / n)));
    double left = range / n / power;

    return power * (left <= 1.0001 ? 1 : left <= 2.0001 ? 2 : left <= 5.0001 ? 5 : 10);
}

static void append_metric_tics(GString *s, MetricId metric, double low, double high)
{
    double step = nice_step(high - low, 5);
    bool first = true;

    g_string_append(s, "set ytics (");
    for (double y = ceil(low / step) * step; y <= high + step / 100; y += step) {
        g_autofree char *label = metric_format(metric, fabs(y) < step / 100 ? 0 : y);

        append_tic(s, label, y, first);
        first = false;
    }
    g_string_append(s, ")\n");
}

/* The data of a curve: begin, points, end. */
static void begin_data(GString *s, guint i)
{
    g_string_append_printf(s, "$d%u << EOD\n", i);
}

static void append_point(GString *s, double x, double y)
{
    append_number(s, x);
    g_string_append_c(s, ' ');
    append_number(s, y);
    g_string_append_c(s, '\n');
}

static void end_data(GString *s)
{
    g_string_append(s, "EOD\n");
}

static void append_plot(GString *s, guint curve, guint colour, const char *with)
{
    guint i = colour % PLOT_ARMS;

    g_string_append_printf(s, "%s$d%u using 1:2 with %s", curve ? ", " : "plot ", curve, with);
    g_string_append_printf(s, " lw 2 lc rgb \"" PLOT_ARM "\"", i);
    if (g_str_has_suffix(with, "points")) {
        g_string_append_printf(s, " pt %d ps 0.7", marks[i]);
    } else {
        g_string_append_printf(s, " dt %u", i % 5 + 1);
    }
}

/* The sample of @section's job and host in a run of its case by @arm; NULL for other runs. */
static const Sample *sample_in(const ReportSection *section, const Run *run, guint arm)
{
    if (run->kase != section->kase || run->arm != arm || run->problem) {
        return NULL;
    }
    return run_sample(run, section->job, section->host);
}

/* Latencies. */

static Histogram *merge_latencies(const Judgement *judgement, const ReportSection *section,
                                  guint arm)
{
    Histogram *all = histogram_new();

    for (guint i = 0; i < judgement->suite->runs->len; i++) {
        const Run *run = g_ptr_array_index(judgement->suite->runs, i);
        const Sample *sample = sample_in(section, run, arm);

        if (sample) {
            histogram_merge(all, sample->clat);
        }
    }
    return all;
}

typedef struct Extent {
    double low, high; /* of x, seconds */
    double nines;     /* of y */
} Extent;

/* A curve of @h; false when there are too few latencies for one. */
static bool append_distribution(GString *s, guint curve, const Histogram *h, Extent *extent)
{
    guint n;
    const HistogramBin *bins = histogram_bins(h, &n);
    double all = histogram_count(h), below = 0, last = -1;

    if (all < 20) {
        return false;
    }
    begin_data(s, curve);
    for (guint i = 0; i < n; i++) {
        double longer = all - below - bins[i].count, x = MAX(bins[i].ns, 1) * 1e-9;
        double y = -log10(MAX(longer, 0.5) / all);

        below += bins[i].count;
        if (longer < 10) {
            break;
        }
        if (y - last > 6.0 / MOST_POINTS) {
            append_point(s, x, y);
            last = y;
            extent->low = MIN(extent->low, x);
            extent->high = MAX(extent->high, x);
            extent->nines = MAX(extent->nines, y);
        }
    }
    end_data(s);
    return last >= 0;
}

/* 1, 2, 5 and 10 where that is not too many, else powers of ten. */
static void append_latency_tics(GString *s, const Extent *e)
{
    static const double close[] = { 1, 1.5, 2, 3, 5, 7 }, wide[] = { 1, 2, 5 }, wider[] = { 1 };
    double decades = log10(e->high / e->low);
    const double *digits = decades < 0.7 ? close : decades < 1.7 ? wide : wider;
    guint n = decades < 0.7 ? 6 : decades < 1.7 ? 3 : 1;
    bool first = true;

    g_string_append(s, "set xtics (");
    for (double power = pow(10, floor(log10(e->low))); power <= e->high; power *= 10) {
        for (guint i = 0; i < n; i++) {
            double x = power * digits[i];

            if (x >= e->low && x <= e->high) {
                double unit = x < 0.99e-6 ? 1e-9 : x < 0.99e-3 ? 1e-6 : x < 0.99 ? 1e-3 : 1;
                const char *name = unit == 1e-9   ? "ns"
                                   : unit == 1e-6 ? "us"
                                   : unit == 1e-3 ? "ms"
                                                  : "s";
                g_autofree char *label = g_strdup_printf("%.3g %s", x / unit, name);

                append_tic(s, label, x, first);
                first = false;
            }
        }
    }
    g_string_append(s, ")\n");
}

static void append_share_tics(GString *s, double nines)
{
    static const char *const names[] = { "90 %",    "99 %",     "99.9 %",
                                         "99.99 %", "99.999 %", "99.9999 %" };

    g_string_append(s, "set ytics (\"0\" 0, \"50 %%\" 0.30103");
    for (guint i = 0; i < G_N_ELEMENTS(names) && i + 1 <= nines; i++) {
        append_tic(s, names[i], i + 1, false);
    }
    g_string_append(s, ")\n");
}

char *figure_latency(const Judgement *judgement, const ReportSection *section)
{
    GString *s = script_new();
    GString *plot = g_string_new(NULL);
    Extent extent = { INFINITY, 0, 1 };
    guint curves = 0;

    for (guint arm = 0; arm < judgement->suite->arms->len; arm++) {
        Histogram *h = merge_latencies(judgement, section, arm);

        if (append_distribution(s, curves, h, &extent)) {
            append_plot(plot, curves++, arm, "lines");
        }
        histogram_free(h);
    }
    if (curves) {
        extent.low /= 1.1;
        extent.high *= 1.1;
        g_string_append(s, "set logscale x\n");
        append_range(s, 'x', extent.low, extent.high);
        append_range(s, 'y', 0, extent.nines * 1.03);
        append_latency_tics(s, &extent);
        append_share_tics(s, extent.nines * 1.03);
        g_string_append_printf(s, "%s\n", plot->str);
    }
    g_string_free(plot, TRUE);
    return g_string_free(s, curves == 0);
}

/* Run by run. */

MetricId figure_metric(const ReportSection *section)
{
    const Comparison *best = NULL;

    for (guint i = 0; i < section->n; i++) {
        const Comparison *c = section->comparisons[i];

        if (c->pairs > 0 && (!best || (c->decides && !best->decides))) {
            best = c;
        }
    }
    return best ? best->metric : METRIC_IOPS;
}

typedef struct Span {
    double low, high;
    guint last; /* the last run that is drawn */
} Span;

static bool append_runs(GString *s, guint curve, const Judgement *judgement,
                        const ReportSection *section, guint arm, Span *span)
{
    MetricId metric = figure_metric(section);
    bool any = false;

    begin_data(s, curve);
    for (guint i = 0; i < judgement->suite->runs->len; i++) {
        const Run *run = g_ptr_array_index(judgement->suite->runs, i);
        const Sample *sample = sample_in(section, run, arm);

        if (sample && isfinite(sample->value[metric])) {
            append_point(s, run->order + 1, sample->value[metric]);
            span->low = MIN(span->low, sample->value[metric]);
            span->high = MAX(span->high, sample->value[metric]);
            span->last = MAX(span->last, run->order + 1);
            any = true;
        }
    }
    end_data(s);
    return any;
}

static void append_run_axes(GString *s, MetricId metric, const Span *span)
{
    double room = MAX((span->high - span->low) * 0.08, fabs(span->high) * 0.005 + 1e-9);
    double step = MAX(1, nice_step(span->last, 8));

    append_range(s, 'x', 0.5, span->last + 0.5);
    append_range(s, 'y', span->low - room, span->high + room);
    append_metric_tics(s, metric, span->low - room, span->high + room);
    g_string_append(s, "set xtics ");
    append_number(s, step);
    g_string_append(s, "\nset xlabel \"run\" textcolor rgb \"" PLOT_INK "\"\n");
}

char *figure_order(const Judgement *judgement, const ReportSection *section)
{
    GString *s = script_new();
    GString *plot = g_string_new(NULL);
    Span span = { INFINITY, -INFINITY, 0 };
    guint curves = 0;

    for (guint arm = 0; arm < judgement->suite->arms->len; arm++) {
        if (append_runs(s, curves, judgement, section, arm, &span)) {
            append_plot(plot, curves++, arm, "linespoints");
        }
    }
    if (curves) {
        append_run_axes(s, figure_metric(section), &span);
        g_string_append_printf(s, "%s\n", plot->str);
    }
    g_string_free(plot, TRUE);
    return g_string_free(s, curves == 0);
}

/* Sweeps. */

static void append_line(GString *s, guint curve, const Sweep *sweep, const SweepLine *line,
                        double *highest)
{
    begin_data(s, curve);
    for (guint x = 0; x < sweep->values->len; x++) {
        for (guint i = 0; i < line->points->len; i++) {
            const SweepPoint *point = &g_array_index(line->points, SweepPoint, i);

            if (point->x == x && isfinite(point->y)) {
                append_point(s, x, point->y);
                *highest = MAX(*highest, point->y);
            }
        }
    }
    end_data(s);
}

static void append_value_tics(GString *s, const Sweep *sweep)
{
    g_string_append(s, "set xtics (");
    for (guint x = 0; x < sweep->values->len; x++) {
        g_autofree char *label = g_strndup(g_ptr_array_index(sweep->values, x), 12);

        append_tic(s, label, x, x == 0);
    }
    g_string_append(s, ")\n");
}

char *figure_sweep(const Sweep *sweep)
{
    GString *s = script_new();
    GString *plot = g_string_new(NULL);
    double highest = 0;

    for (guint i = 0; i < sweep->lines->len; i++) {
        append_line(s, i, sweep, g_ptr_array_index(sweep->lines, i), &highest);
        append_plot(plot, i, i, sweep_is_numeric(sweep) ? "linespoints" : "points");
    }
    if (highest > 0) {
        append_range(s, 'x', -0.3, sweep->values->len - 0.7);
        append_range(s, 'y', 0, highest * 1.08);
        append_metric_tics(s, sweep->metric, 0, highest * 1.08);
        append_value_tics(s, sweep);
        g_string_append_printf(s, "%s\n", plot->str);
    }
    g_string_free(plot, TRUE);
    return g_string_free(s, highest <= 0);
}
