/* Tests of histogram.h: adding in any order, merging, quantiles by their definition, saturation.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "histogram.h"
#include <math.h>

static void test_bins(void)
{
    static const HistogramBin added[] = { { 30, 1 }, { 10, 2 }, { 20, 0 }, { 30, 4 }, { 15, 1 } };
    static const HistogramBin expected[] = { { 10, 2 }, { 15, 1 }, { 30, 5 } };
    Histogram *h = histogram_new();
    const HistogramBin *bins;
    guint n;

    for (guint i = 0; i < G_N_ELEMENTS(added); i++) {
        histogram_add(h, added[i].ns, added[i].count);
    }
    for (int compacted = 0; compacted < 2; compacted++) {
        bins = histogram_bins(h, &n);
        g_assert_cmpmem(bins, n * sizeof(*bins), expected, sizeof(expected));
        histogram_compact(h);
    }
    g_assert_cmpuint(histogram_count(h), ==, 8);
    g_assert_cmpfloat_with_epsilon(histogram_mean(h), (2 * 10 + 15 + 5 * 30) / 8.0, 1e-9);
    histogram_free(h);
}

static void test_empty(void)
{
    Histogram *h = histogram_new();
    guint n;

    histogram_compact(h);
    histogram_bins(h, &n);
    g_assert_cmpuint(n, ==, 0);
    g_assert_cmpuint(histogram_count(h), ==, 0);
    g_assert_true(isnan(histogram_mean(h)));
    g_assert_true(isnan(histogram_quantile(h, 0.5)));
    histogram_free(h);
    histogram_free(NULL);
}

/* A quantile is by definition in the sorted list of all: its smallest element that so many do not
 * exceed. Not known when fewer than ten are beyond. */
static double quantile_of_list(const guint64 *sorted, guint n, guint per_mille)
{
    guint rank = (n * per_mille + 999) / 1000;

    return n - rank >= 10 && rank > 0 ? sorted[rank - 1] : NAN;
}

static gint by_value(gconstpointer a, gconstpointer b)
{
    const guint64 *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void compare_with_list(guint n)
{
    static const guint per_mille[] = { 500, 900, 990, 999 };
    g_autofree guint64 *list = g_new(guint64, n);
    Histogram *h[2] = { histogram_new(), histogram_new() };

    for (guint i = 0; i < n; i++) {
        list[i] = g_test_rand_int_range(1, 200);
        histogram_add(h[i % 2], list[i], 1);
    }
    histogram_merge(h[0], h[1]);
    qsort(list, n, sizeof(*list), by_value);
    g_assert_cmpuint(histogram_count(h[0]), ==, n);
    for (guint i = 0; i < G_N_ELEMENTS(per_mille); i++) {
        double expected = quantile_of_list(list, n, per_mille[i]);
        double got = histogram_quantile(h[0], per_mille[i] / 1000.0);

        g_assert_true(isnan(expected) ? isnan(got) : got == expected);
    }
    histogram_free(h[0]);
    histogram_free(h[1]);
}

static void test_quantiles(void)
{
    for (guint n = 1; n < 40; n++) {
        compare_with_list(n);
    }
    for (guint n = 90; n < 20000; n = n * 10 / 9) {
        compare_with_list(n);
    }
    compare_with_list(1000);
    compare_with_list(10000);
}

/* Ten beyond, exactly, where the share is no binary number. */
static void test_just_enough(void)
{
    for (guint nines = 1, n = 100; nines <= 5; nines++, n *= 10) {
        Histogram *h = histogram_new();

        histogram_add(h, 1, n - 10);
        histogram_add(h, 2, 10);
        g_assert_cmpfloat(histogram_quantile(h, 1 - 10.0 / n), ==, 1);
        g_assert_true(isnan(histogram_quantile(h, 1 - 9.0 / n)));
        histogram_free(h);
    }
}

static void test_saturation(void)
{
    Histogram *h = histogram_new();
    const HistogramBin *bins;
    guint n;

    histogram_add(h, 7, G_MAXUINT64 - 1);
    histogram_add(h, 7, 5);
    histogram_add(h, G_MAXUINT64, 5);
    bins = histogram_bins(h, &n);
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpuint(bins[0].count, ==, G_MAXUINT64);
    g_assert_cmpuint(histogram_count(h), ==, G_MAXUINT64);
    g_assert_cmpfloat(histogram_quantile(h, 0.5), ==, 7);
    histogram_free(h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/histogram/bins", test_bins);
    g_test_add_func("/histogram/empty", test_empty);
    g_test_add_func("/histogram/quantiles", test_quantiles);
    g_test_add_func("/histogram/just-enough", test_just_enough);
    g_test_add_func("/histogram/saturation", test_saturation);
    return g_test_run();
}
