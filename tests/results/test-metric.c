/* Tests of metric.h: names lead to metrics and back, and values are written for people.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "metric.h"
#include <glib.h>
#include <math.h>

static void test_names(void)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        g_assert_cmpint(metric_by_name(metrics[i].name), ==, i);
        g_assert_nonnull(metrics[i].title);
        g_assert_nonnull(metrics[i].unit);
    }
    g_assert_cmpint(metric_by_name("latency"), ==, -1);
    g_assert_cmpint(metric_by_name(""), ==, -1);
}

static void test_format(void)
{
    static const struct {
        MetricId metric;
        double value;
        const char *text;
    } cases[] = {
        { METRIC_IOPS, 212345, "212 k" },      { METRIC_IOPS, 0, "0" },
        { METRIC_IOPS, 999.4, "999" },         { METRIC_IOPS, 999.6, "1.00 k" },
        { METRIC_IOPS, 12.34, "12.3" },        { METRIC_BW, 2.1e9, "2.10 GB/s" },
        { METRIC_BW, 512, "512 B/s" },         { METRIC_BW, 3e15, "3000 TB/s" },
        { METRIC_LAT_MEAN, 4180, "4.18 us" },  { METRIC_LAT_P99, 999600, "1.00 ms" },
        { METRIC_LAT_P99, 12, "12.0 ns" },     { METRIC_LAT_P99, 0.25, "0.25 ns" },
        { METRIC_LAT_P9999, 2.5e9, "2.50 s" }, { METRIC_SWITCHES, 0.00321, "0.00321" },
        { METRIC_SWITCHES, 1.5, "1.50" },      { METRIC_CPU, NAN, "-" },
        { METRIC_CPU, INFINITY, "-" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = metric_format(cases[i].metric, cases[i].value);

        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/metric/names", test_names);
    g_test_add_func("/metric/format", test_format);
    return g_test_run();
}
