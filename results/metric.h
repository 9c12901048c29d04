/*
 * The quantities that are compared: their names, units, and which way is better.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_METRIC_H
#define RESULTS_METRIC_H

#include <stdbool.h>

typedef enum {
    METRIC_IOPS,
    METRIC_BW,       /* bytes per second */
    METRIC_LAT_MEAN, /* completion latencies, ns */
    METRIC_LAT_P50,
    METRIC_LAT_P99,
    METRIC_LAT_P999,
    METRIC_LAT_P9999,
    METRIC_CPU,      /* user and system time per I/O, ns */
    METRIC_SWITCHES, /* context switches per I/O */
    METRIC_SYSCALLS, /* system calls per I/O; only where they were counted */
    METRIC_COUNT
} MetricId;

typedef struct Metric {
    const char *name;  /* on the command line and in files: "iops", "lat-p99" */
    const char *title; /* in a report: "IOPS", "p99 latency" */
    const char *unit;  /* for people: "", "B/s", "s" */
    bool more_is_better;
} Metric;

/* Indexed by MetricId. */
extern const Metric metrics[METRIC_COUNT];

/* The metric of that name, or -1. */
int metric_by_name(const char *name);

/* @value with @metric's unit, for people: "212 k", "4.18 us"; "-" for NAN. The caller frees it. */
char *metric_format(MetricId metric, double value);

#endif
