/*
 * A judgement's comparisons as tables of strings.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two arms                                        More arms
 *
 *   metric  a      b      ratio interval verdict    metric  arm  value  ratio interval verdict
 *   IOPS    212 k  198 k  0.93  ...      slower     IOPS    a    212 k
 *                                                           b    198 k  0.93  ...      slower
 */
#include "report-table.h"
#include <math.h>

static void row_free(gpointer data)
{
    ReportRow *row = data;

    g_strfreev(row->cells);
    g_free(row);
}

void report_table_free(ReportTable *table)
{
    g_strfreev(table->head);
    g_ptr_array_unref(table->rows);
    g_free(table);
}

/* In brackets when the outcome is not about it. */
static char *verdict_cell(const Comparison *c, bool wide)
{
    char *verdict = wide ? words_verdict(c) : g_strdup(verdict_name(c->verdict));
    char *cell = c->decides ? g_strdup(verdict) : g_strdup_printf("(%s)", verdict);

    g_free(verdict);
    return cell;
}

/* The comparison's own cells, to the end of the row. */
static void add_comparison(GPtrArray *cells, const Comparison *c, bool wide)
{
    g_ptr_array_add(cells, words_ratio(c->ratio));
    g_ptr_array_add(cells, words_interval(c));
    g_ptr_array_add(cells, words_p(c->p_holm));
    if (wide) {
        g_ptr_array_add(cells, words_percent(c->smallest));
    }
    g_ptr_array_add(cells, verdict_cell(c, wide));
}

static void add_row(ReportTable *table, GPtrArray *cells, const Comparison *c, bool first)
{
    ReportRow *row = g_new0(ReportRow, 1);

    while (cells->len < g_strv_length(table->head)) {
        g_ptr_array_add(cells, g_strdup(""));
    }
    g_ptr_array_add(cells, NULL);
    row->cells = (char **)g_ptr_array_free(cells, FALSE);
    row->comparison = c;
    row->first = first;
    g_ptr_array_add(table->rows, row);
}

static void add_arms_side_by_side(ReportTable *table, const Comparison *c, bool wide)
{
    GPtrArray *cells = g_ptr_array_new();

    g_ptr_array_add(cells, g_strdup(metrics[c->metric].title));
    g_ptr_array_add(cells, metric_format(c->metric, c->base));
    g_ptr_array_add(cells, metric_format(c->metric, c->value));
    add_comparison(cells, c, wide);
    add_row(table, cells, c, true);
}

static void add_arm(ReportTable *table, const Judgement *judgement, const Comparison *c, bool base,
                    bool wide)
{
    GPtrArray *cells = g_ptr_array_new();

    g_ptr_array_add(cells, g_strdup(base ? metrics[c->metric].title : ""));
    g_ptr_array_add(cells, words_clean(judgement_arm(judgement, base ? 0 : c->arm)->name));
    g_ptr_array_add(cells, metric_format(c->metric, base ? c->base : c->value));
    if (!base) {
        add_comparison(cells, c, wide);
    }
    add_row(table, cells, base ? NULL : c, base);
}

/* All arms of a metric together, the first arm with the first of them. */
static void add_metric(ReportTable *table, const Judgement *judgement, const ReportSection *section,
                       int metric, bool wide)
{
    bool first = true;

    for (guint i = 0; i < section->n; i++) {
        const Comparison *c = section->comparisons[i];

        if ((int)c->metric == metric) {
            if (first) {
                add_arm(table, judgement, c, true, wide);
            }
            add_arm(table, judgement, c, false, wide);
            first = false;
        }
    }
}

/* @first heads the first column; with two arms the next two are theirs. */
static char **head_new(const Judgement *judgement, const char *first, bool two, bool wide)
{
    GPtrArray *head = g_ptr_array_new();

    g_ptr_array_add(head, words_clean(first));
    if (two) {
        g_ptr_array_add(head, words_clean(judgement_arm(judgement, 0)->name));
        g_ptr_array_add(head, words_clean(judgement_arm(judgement, 1)->name));
    } else {
        g_ptr_array_add(head, g_strdup("arm"));
        g_ptr_array_add(head, g_strdup("value"));
    }
    g_ptr_array_add(head, g_strdup("ratio"));
    g_ptr_array_add(head, g_strdup("interval"));
    g_ptr_array_add(head, g_strdup("p"));
    if (wide) {
        g_ptr_array_add(head, g_strdup("could show"));
    }
    g_ptr_array_add(head, g_strdup("verdict"));
    g_ptr_array_add(head, NULL);
    return (char **)g_ptr_array_free(head, FALSE);
}

static ReportTable *table_new(const Judgement *judgement, const char *first, bool two, bool wide)
{
    ReportTable *table = g_new0(ReportTable, 1);

    table->head = head_new(judgement, first, two, wide);
    table->align = two ? (wide ? "lrrrrrrl" : "lrrrrrl") : (wide ? "llrrrrrl" : "llrrrrl");
    table->rows = g_ptr_array_new_with_free_func(row_free);
    return table;
}

ReportTable *report_table_section(const Judgement *judgement, const ReportSection *section,
                                  bool wide)
{
    bool two = judgement->suite->arms->len == 2;
    ReportTable *table = table_new(judgement, "metric", two, wide);

    for (guint i = 0; two && i < section->n; i++) {
        add_arms_side_by_side(table, section->comparisons[i], wide);
    }
    for (int m = 0; !two && m < METRIC_COUNT; m++) {
        add_metric(table, judgement, section, m, wide);
    }
    return table;
}

/* The point of @line at @x, or NULL. */
static const SweepPoint *point_at(const SweepLine *line, guint x)
{
    for (guint i = 0; i < line->points->len; i++) {
        const SweepPoint *point = &g_array_index(line->points, SweepPoint, i);

        if (point->x == x) {
            return point;
        }
    }
    return NULL;
}

static void add_point(ReportTable *table, const Sweep *sweep, const SweepLine *line,
                      const SweepPoint *point, bool first, bool wide)
{
    GPtrArray *cells = g_ptr_array_new();

    g_ptr_array_add(cells, words_clean(first ? g_ptr_array_index(sweep->values, point->x) : ""));
    g_ptr_array_add(cells, words_clean(line->name));
    g_ptr_array_add(cells, metric_format(sweep->metric, point->y));
    if (point->comparison) {
        add_comparison(cells, point->comparison, wide);
    }
    add_row(table, cells, point->comparison, first);
}

ReportTable *report_table_sweep(const Judgement *judgement, const Sweep *sweep, bool wide)
{
    ReportTable *table = table_new(judgement, sweep->option, false, wide);

    g_free(table->head[2]);
    table->head[2] = g_strdup(metrics[sweep->metric].title);
    for (guint x = 0; x < sweep->values->len; x++) {
        bool first = true;

        for (guint l = 0; l < sweep->lines->len; l++) {
            const SweepLine *line = g_ptr_array_index(sweep->lines, l);
            const SweepPoint *point = point_at(line, x);

            if (point) {
                add_point(table, sweep, line, point, first, wide);
                first = false;
            }
        }
    }
    return table;
}
