/*
 * The statistics of paired runs: estimate, interval, p, and how many pairs it would take.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All take @n differences (of logarithms, from the caller) that are finite; n = 0 is the caller's
 * mistake except where said. Nothing here has state: random numbers come from the seed given, and
 * the same seed gives the same result on every machine. docs/statistics.md says why these.
 */
#ifndef RESULTS_STATS_H
#define RESULTS_STATS_H

#include <glib.h>

typedef struct StatsInterval {
    double low, high;
} StatsInterval;

/* A sorted copy of @x; the caller frees it with g_free(). */
double *stats_sorted(const double *x, guint n);

/* The middle one, or the mean of the two in the middle. Reorders nothing. */
double stats_median(const double *x, guint n);

/* Hodges-Lehmann: the median of the means of all pairs, each with itself too. */
double stats_hodges_lehmann(const double *d, guint n);

/* The @k-th smallest, from 1, of the n(n+1)/2 means of two (each with itself too) of @sorted. */
double stats_walsh(const double *sorted, guint n, guint64 k);

/*
 * A bootstrap interval of the Hodges-Lehmann estimate: percentiles of 2000 resamples, drawn out
 * from the estimate as Student's t is wider than the normal curve. The percentiles alone hold the
 * truth too rarely when pairs are few. More than 256 pairs: the interval of the signed-rank test.
 *
 * (-INFINITY, INFINITY) when pairs are so few that all of them lie on the same side of the truth
 * more often than the interval may fail: fewer than 6 at a @confidence of 0.95. Fine with n = 0.
 */
StatsInterval stats_bootstrap(const double *d, guint n, double confidence, guint64 seed);

/* Two-sided p of the sign-flip test on the mean: the share of all 2^n changes of signs that give a
 * sum at least as far from zero. Exact up to 32 pairs; beyond that from random flips, with the
 * observed one among them, and not below 1 / 100,000. 1 for n = 0. */
double stats_sign_flip(const double *d, guint n, guint64 seed);

/* Holm: @p adjusted in place for @n tests at once. Fine with n = 0. */
void stats_holm(double *p, guint n);

/*
 * The size of effect (of logarithms, the band included) that @pairs pairs as noisy as @d show as
 * faster or slower with probability 0.8: interval beyond @band, and p below 1 - @confidence after
 * Holm over @tests. INFINITY when so few pairs can never show any, or n < 2.
 */
double stats_smallest_effect(const double *d, guint n, guint pairs, double band, double confidence,
                             guint tests);

/*
 * How many pairs as noisy as @d, more than @n, it takes to tell with probability 0.8 an effect of
 * this size; one smaller than @band, to tell that it is. 0: more than 10,000, or n < 2.
 */
guint stats_pairs_needed(const double *d, guint n, double effect, double band, double confidence,
                         guint tests);

/* The value that a normal variable, or Student's t with @freedom degrees, does not exceed with
 * probability @q (0 < q < 1). For t from an expansion, good to 3 digits from 5 degrees on. */
double stats_normal_quantile(double q);
double stats_t_quantile(double q, guint freedom);

#endif
