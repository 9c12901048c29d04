/*
 * Latencies as counts per value, as json+ gives them: they can be added, percentiles cannot.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_HISTOGRAM_H
#define RESULTS_HISTOGRAM_H

#include <glib.h>

typedef struct HistogramBin {
    guint64 ns, count;
} HistogramBin;

typedef struct Histogram Histogram;

Histogram *histogram_new(void);
void histogram_free(Histogram *h);

/* Adds @count latencies of @ns; in any order, also of one value several times. Sums saturate. */
void histogram_add(Histogram *h, guint64 ns, guint64 count);

/* Gives back memory that only further additions would need. */
void histogram_compact(Histogram *h);

/* Adds all of @other to @h. */
void histogram_merge(Histogram *h, const Histogram *other);

guint64 histogram_count(const Histogram *h);
double histogram_mean(const Histogram *h);

/* The smallest value that at least the share @q (0..1) of all latencies do not exceed; NAN when
 * there are none, and when fewer than ten of them would lie beyond it: that is no measurement. */
double histogram_quantile(const Histogram *h, double q);

/* The bins by rising value, and their number in @n; valid until the histogram changes. */
const HistogramBin *histogram_bins(const Histogram *h, guint *n);

#endif
