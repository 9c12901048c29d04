/*
 * The quantities that are compared, in the order in which reports have them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "metric.h"
#include <glib.h>
#include <math.h>

const Metric metrics[METRIC_COUNT] = {
    [METRIC_IOPS] = { "iops", "IOPS", "", true },
    [METRIC_BW] = { "bw", "bandwidth", "B/s", true },
    [METRIC_LAT_MEAN] = { "lat-mean", "mean latency", "s", false },
    [METRIC_LAT_P50] = { "lat-p50", "p50 latency", "s", false },
    [METRIC_LAT_P99] = { "lat-p99", "p99 latency", "s", false },
    [METRIC_LAT_P999] = { "lat-p99.9", "p99.9 latency", "s", false },
    [METRIC_LAT_P9999] = { "lat-p99.99", "p99.99 latency", "s", false },
    [METRIC_CPU] = { "cpu", "CPU per I/O", "s", false },
    [METRIC_SWITCHES] = { "switches", "switches per I/O", "", false },
    [METRIC_SYSCALLS] = { "syscalls", "system calls per I/O", "", false },
};

int metric_by_name(const char *name)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (g_str_equal(metrics[i].name, name)) {
            return i;
        }
    }
    return -1;
}

static bool is_time(MetricId metric)
{
    return g_str_equal(metrics[metric].unit, "s");
}

char *metric_format(MetricId metric, double value)
{
    static const char *const prefix[] = { "n", "u", "m", "", "k", "M", "G", "T" };
    const char *unit = metrics[metric].unit;
    double v = is_time(metric) ? value * 1e-9 : value;
    int i = 3; /* no prefix */
    int digits;
    char *number, *text;

    if (!isfinite(value)) {
        return g_strdup("-");
    }
    while (i < (int)G_N_ELEMENTS(prefix) - 1 && fabs(v) >= 999.5) {
        v /= 1000;
        i++;
    }
    while (is_time(metric) && i > 0 && v != 0 && fabs(v) < 0.9995) {
        v *= 1000;
        i--;
    }
    digits = fabs(v) < 9.995 ? 2 : fabs(v) < 99.95 ? 1 : 0;
    number = fabs(v) < 0.9995 ? g_strdup_printf("%.3g", v) : g_strdup_printf("%.*f", digits, v);
    text = g_strdup_printf("%s%s%s%s", number, *prefix[i] || *unit ? " " : "", prefix[i], unit);
    g_free(number);
    return text;
}
