/*
 * The points of a sweep, found in the names of cases and arms, as lines over the swept option.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * "randread iodepth=4" and "b qaio_merge=on" are a case's and an arm's names at a point of a sweep
 * (arm.h). All points that differ in one option only are a line; an arm that a sweep does not
 * concern, such as libaio with one of the engine's options swept, is a line with the same value at
 * every point.
 */
#ifndef RESULTS_REPORT_SWEEP_H
#define RESULTS_REPORT_SWEEP_H

#include "report-words.h"

typedef struct SweepPoint {
    guint x;                      /* index in the sweep's values */
    double y;                     /* the median of the metric */
    const Comparison *comparison; /* with the first arm at this point; NULL: it is the first arm */
} SweepPoint;

typedef struct SweepLine {
    char *name;     /* the arm's, and the other swept options' values */
    GArray *points; /* SweepPoint */
} SweepLine;

typedef struct Sweep {
    char *option;
    const char *job, *host; /* as in a comparison */
    MetricId metric;        /* the first that decides */
    GPtrArray *values;      /* char *, as the user wrote them */
    GPtrArray *lines;       /* SweepLine * */
} Sweep;

/* Sweep *; empty when nothing was swept. The caller frees it with g_ptr_array_unref(). */
GPtrArray *report_sweeps(const Judgement *judgement);

/* Whether all values are numbers. */
bool sweep_is_numeric(const Sweep *sweep);

#endif
