/*
 * The statistics of paired runs: estimate, interval, p, and how many pairs it would take.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All take @n differences (of logarithms, from the caller) that are finite; n = 0 is the caller's
 * mistake except where said. Nothing here has state: random numbers come from the seed given.
 */
#ifndef RESULTS_STATS_H
#define RESULTS_STATS_H

#include <glib.h>

typedef struct StatsInterval {
    double low, high;
} StatsInterval;

/* The middle one, or the mean of the two in the middle. Reorders nothing. */
double stats_median(const double *x, guint n);

/* Hodges-Lehmann: the median of the means of all pairs, each with itself too. */
double stats_hodges_lehmann(const double *d, guint n);

/* A bootstrap interval of the Hodges-Lehmann estimate; wider than all data could say when n is
 * small: (-INFINITY, INFINITY) for n < 2. */
StatsInterval stats_bootstrap(const double *d, guint n, double confidence, guint64 seed);

/* Two-sided p of the sign-flip test on the mean: the share of all 2^n changes of signs that give a
 * sum at least as far from zero. Exact up to 20 pairs and more where it can be counted, beyond that
 * from random flips, with the observed one among them. 1 for n = 0. */
double stats_sign_flip(const double *d, guint n, guint64 seed);

/* Holm: @p adjusted in place for @n tests at once. */
void stats_holm(double *p, guint n);

/* The effect (of logarithms, beyond @band) that @n pairs as noisy as @d would show as such with
 * probability 0.8. */
double stats_smallest_effect(const double *d, guint n, guint pairs, double band, double confidence,
                             guint tests);

/* How many pairs as noisy as @d it takes to tell an effect of this size (or its absence) with
 * probability 0.8; 0: more than 10,000. */
guint stats_pairs_needed(const double *d, guint n, double effect, double band, double confidence,
                         guint tests);

#endif
