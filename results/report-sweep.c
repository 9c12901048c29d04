/*
 * The points of a sweep, found in the names of cases and arms, as lines over the swept option.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "report-sweep.h"
#include <math.h>
#include <string.h>

/* "b qaio_merge=on x=1" is NAME and then points of sweeps. */
static char **points_of(const char *name)
{
    const char *space = strchr(name, ' ');

    return g_strsplit(space ? space + 1 : "", " ", -1);
}

/* The value of @option among the points in @name; NULL when it is not swept there. */
static char *value_in(const char *name, const char *option)
{
    g_auto(GStrv) points = points_of(name);
    gsize length = strlen(option);

    for (guint i = 0; points[i]; i++) {
        if (strncmp(points[i], option, length) == 0 && points[i][length] == '=') {
            return g_strdup(points[i] + length + 1);
        }
    }
    return NULL;
}

/* @name without its point of @option. */
static char *without(const char *name, const char *option)
{
    g_auto(GStrv) points = points_of(name);
    gsize length = strlen(option);
    GString *rest = g_string_new_len(name, strcspn(name, " "));

    for (guint i = 0; points[i]; i++) {
        if (strncmp(points[i], option, length) != 0 || points[i][length] != '=') {
            g_string_append_printf(rest, " %s", points[i]);
        }
    }
    return g_string_free(rest, FALSE);
}

static void add_options(GPtrArray *options, const char *name)
{
    g_auto(GStrv) points = points_of(name);

    for (guint i = 0; points[i]; i++) {
        char *equals = strchr(points[i], '=');

        if (equals) {
            *equals = '\0';
            if (!g_ptr_array_find_with_equal_func(options, points[i], g_str_equal, NULL)) {
                g_ptr_array_add(options, g_strdup(points[i]));
            }
        }
    }
}

static void line_free(gpointer data)
{
    SweepLine *line = data;

    g_free(line->name);
    g_array_unref(line->points);
    g_free(line);
}

static void sweep_free(gpointer data)
{
    Sweep *sweep = data;

    g_free(sweep->option);
    g_ptr_array_unref(sweep->values);
    g_ptr_array_unref(sweep->lines);
    g_free(sweep);
}

static Sweep *find_sweep(GPtrArray *sweeps, const char *option, const Comparison *c)
{
    Sweep *sweep;

    for (guint i = 0; i < sweeps->len; i++) {
        sweep = g_ptr_array_index(sweeps, i);
        if (g_str_equal(sweep->option, option) && g_str_equal(sweep->job, c->job) &&
            g_strcmp0(sweep->host, c->host) == 0) {
            return sweep;
        }
    }
    sweep = g_new0(Sweep, 1);
    sweep->option = g_strdup(option);
    sweep->job = c->job;
    sweep->host = c->host;
    sweep->metric = c->metric;
    sweep->values = g_ptr_array_new_with_free_func(g_free);
    sweep->lines = g_ptr_array_new_with_free_func(line_free);
    g_ptr_array_add(sweeps, sweep);
    return sweep;
}

static guint find_value(Sweep *sweep, const char *value)
{
    guint i;

    if (!g_ptr_array_find_with_equal_func(sweep->values, value, g_str_equal, &i)) {
        i = sweep->values->len;
        g_ptr_array_add(sweep->values, g_strdup(value));
    }
    return i;
}

static SweepLine *find_line(Sweep *sweep, const char *name)
{
    SweepLine *line;

    for (guint i = 0; i < sweep->lines->len; i++) {
        line = g_ptr_array_index(sweep->lines, i);
        if (g_str_equal(line->name, name)) {
            return line;
        }
    }
    line = g_new0(SweepLine, 1);
    line->name = g_strdup(name);
    line->points = g_array_new(FALSE, FALSE, sizeof(SweepPoint));
    g_ptr_array_add(sweep->lines, line);
    return line;
}

/* A point once: the first arm comes along with every other arm's comparison. */
static void add_point(SweepLine *line, guint x, double y, const Comparison *c)
{
    SweepPoint point = { x, y, c };

    for (guint i = 0; i < line->points->len; i++) {
        if (g_array_index(line->points, SweepPoint, i).x == x) {
            return;
        }
    }
    g_array_append_val(line->points, point);
}

/* What distinguishes a line: its arm, and its case where there are several, without the option. */
static char *line_name(const Judgement *judgement, guint kase, guint arm, const char *option)
{
    g_autofree char *arm_name = without(judgement_arm(judgement, arm)->name, option);
    g_autofree char *case_name = without(judgement_case(judgement, kase)->name, option);

    for (guint i = 0; i < judgement->suite->cases->len; i++) {
        g_autofree char *other = without(judgement_case(judgement, i)->name, option);

        if (!g_str_equal(other, case_name)) {
            return g_strdup_printf("%s, %s", arm_name, case_name);
        }
    }
    return g_steal_pointer(&arm_name);
}

static void add_arm_point(const Judgement *judgement, Sweep *sweep, const Comparison *c, guint arm,
                          const char *at)
{
    g_autofree char *name = line_name(judgement, c->kase, arm, sweep->option);
    g_autofree char *own = value_in(judgement_arm(judgement, arm)->name, sweep->option);

    add_point(find_line(sweep, name), find_value(sweep, own ? own : at),
              arm == 0 ? c->base : c->value, arm == 0 ? NULL : c);
}

/* @c, and the first arm with it, if it lies at a point of @option. */
static void add_comparison(const Judgement *judgement, GPtrArray *sweeps, const char *option,
                           const Comparison *c)
{
    g_autofree char *of_case = value_in(judgement_case(judgement, c->kase)->name, option);
    g_autofree char *of_arm = value_in(judgement_arm(judgement, c->arm)->name, option);
    const char *at = of_arm ? of_arm : of_case;
    Sweep *sweep;

    if (at) {
        sweep = find_sweep(sweeps, option, c);
        add_arm_point(judgement, sweep, c, 0, at);
        add_arm_point(judgement, sweep, c, c->arm, at);
    }
}

/* The metric that sweeps are shown in: the first that decides and has values. */
static int metric_of(const Judgement *judgement)
{
    int best = METRIC_COUNT;

    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (c->decides && isfinite(c->ratio)) {
            best = MIN(best, (int)c->metric);
        }
    }
    return best;
}

GPtrArray *report_sweeps(const Judgement *judgement)
{
    GPtrArray *sweeps = g_ptr_array_new_with_free_func(sweep_free);
    g_autoptr(GPtrArray) options = g_ptr_array_new_with_free_func(g_free);
    int metric = metric_of(judgement);

    for (guint i = 0; i < judgement->suite->cases->len; i++) {
        add_options(options, judgement_case(judgement, i)->name);
    }
    for (guint i = 0; i < judgement->suite->arms->len; i++) {
        add_options(options, judgement_arm(judgement, i)->name);
    }
    for (guint o = 0; o < options->len; o++) {
        for (guint i = 0; i < judgement->comparisons->len; i++) {
            const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

            if ((int)c->metric == metric) {
                add_comparison(judgement, sweeps, g_ptr_array_index(options, o), c);
            }
        }
    }
    return sweeps;
}

bool sweep_is_numeric(const Sweep *sweep)
{
    for (guint i = 0; i < sweep->values->len; i++) {
        const char *value = g_ptr_array_index(sweep->values, i);
        char *end;

        if (!isfinite(g_ascii_strtod(value, &end)) || *end || end == value) {
            return false;
        }
    }
    return true;
}
