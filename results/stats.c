/*
 * Estimates from a handful of numbers: median, Hodges-Lehmann; and Holm's adjustment.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * There are n(n+1)/2 means of two (Walsh averages), too many to list for thousands of runs. Over
 * sorted data they form a table whose rows and columns rise, in which one walk along the border
 * counts those that do not exceed a value. The k-th is the smallest value of which the count is k;
 * it is found by halving the range of doubles, at most 64 times, and so is exact.
 */
#include "stats.h"
#include <math.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double *stats_sorted(const double *x, guint n)
{
    double *sorted = g_memdup2(x, n * sizeof(*x));

    qsort(sorted, n, sizeof(*sorted), by_value);
    return sorted;
}

double stats_median(const double *x, guint n)
{
    g_autofree double *sorted = stats_sorted(x, n);

    return sorted[(n - 1) / 2] / 2 + sorted[n / 2] / 2;
}

/* Of the sums of two of @half, each with itself too, how many do not exceed @limit. */
static guint64 count_up_to(const double *half, guint n, double limit)
{
    guint64 count = 0;
    guint end = n; /* half[i] with all below end */

    for (guint i = 0; i < end; i++) {
        while (end > i && half[i] + half[end - 1] > limit) {
            end--;
        }
        count += end - i;
    }
    return count;
}

/* Doubles in their order as integers, and back. */
static gint64 key_of(double value)
{
    gint64 bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits < 0 ? G_MININT64 - bits : bits;
}

static double value_of(gint64 key)
{
    gint64 bits = key < 0 ? G_MININT64 - key : key;
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

double stats_walsh(const double *sorted, guint n, guint64 k)
{
    g_autofree double *half = g_new(double, n);
    gint64 low, high;

    for (guint i = 0; i < n; i++) {
        half[i] = sorted[i] / 2; /* so that no sum overflows */
    }
    low = key_of(half[0] + half[0]);
    high = key_of(half[n - 1] + half[n - 1]);
    while (low < high) {
        gint64 middle = (low & high) + ((low ^ high) >> 1);

        if (count_up_to(half, n, value_of(middle)) >= k) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return value_of(low);
}

double stats_hodges_lehmann(const double *d, guint n)
{
    g_autofree double *sorted = stats_sorted(d, n);
    guint64 count = (guint64)n * (n + 1) / 2;
    double lower = stats_walsh(sorted, n, (count + 1) / 2);

    return count % 2 ? lower : lower / 2 + stats_walsh(sorted, n, count / 2 + 1) / 2;
}

static int by_pointed_value(const void *a, const void *b)
{
    return by_value(*(double *const *)a, *(double *const *)b);
}

void stats_holm(double *p, guint n)
{
    g_autofree double **order = g_new(double *, n);
    double adjusted = 0;

    for (guint i = 0; i < n; i++) {
        order[i] = &p[i];
    }
    if (n > 0) { /* qsort() takes no NULL */
        qsort(order, n, sizeof(*order), by_pointed_value);
    }
    for (guint i = 0; i < n; i++) {
        adjusted = MAX(adjusted, MIN(1, *order[i] * (n - i)));
        *order[i] = adjusted;
    }
}
