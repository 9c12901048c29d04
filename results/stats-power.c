/*
 * What so many pairs can show, and how many it takes: from the standard deviation of those at hand,
 * as for a test by Student's t, which the sign-flip test is close to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stats.h"
#include <math.h>

#define POWER      0.8
#define MOST_PAIRS 10000

double stats_normal_quantile(double q)
{
    double low = -40, high = 40;

    for (guint i = 0; i < 64; i++) {
        double middle = (low + high) / 2;

        *(erfc(-middle * M_SQRT1_2) / 2 < q ? &low : &high) = middle;
    }
    return low / 2 + high / 2;
}

/* Abramowitz and Stegun, 26.7.5: powers of 1 / @freedom, the normal quantile first. */
double stats_t_quantile(double q, guint freedom)
{
    double z = stats_normal_quantile(q), y = z * z, f = 1. / freedom;
    double g1 = (y + 1) * z / 4;
    double g2 = ((5 * y + 16) * y + 3) * z / 96;
    double g3 = (((3 * y + 19) * y + 17) * y - 15) * z / 384;
    double g4 = ((((79 * y + 776) * y + 1482) * y - 1920) * y - 945) * z / 92160;

    return z + f * (g1 + f * (g2 + f * (g3 + f * g4)));
}

static double standard_deviation(const double *d, guint n)
{
    double mean = 0, squares = 0;

    for (guint i = 0; i < n; i++) {
        mean += d[i] / n;
    }
    for (guint i = 0; i < n; i++) {
        squares += (d[i] - mean) / (n - 1) * (d[i] - mean);
    }
    return sqrt(squares);
}

/*
 * How far the middle must be from a limit so that with @power the limit is outside the interval of
 * @confidence. The estimated deviation varies too, more than the middle when pairs are few: that is
 * the noncentral t distribution, of which this is the usual approximation (A&S 26.7.10).
 */
static double reach(double deviation, guint pairs, double confidence, double power)
{
    double t = stats_t_quantile((1 + confidence) / 2, pairs - 1), f = 1. / (pairs - 1);

    return (t * (1 - f / 4) + stats_normal_quantile(power) * sqrt(1 + t * t * f / 2)) * deviation /
           sqrt(pairs);
}

/* The largest p of @pairs pairs that survives @tests: all p are multiples of 2^(1 - @pairs), so it
 * may be 0. */
static double largest_p(guint pairs, double confidence, guint tests)
{
    double unit = ldexp(1, 1 - (int)MIN(pairs, 50));

    return floor((1 - confidence) / tests / unit) * unit;
}

static double smallest_effect(double deviation, guint pairs, double band, double confidence,
                              guint tests)
{
    double p = largest_p(pairs, confidence, tests);

    if (p == 0) {
        return INFINITY;
    }
    return MAX(band + reach(deviation, pairs, confidence, POWER),
               reach(deviation, pairs, 1 - p, POWER));
}

double stats_smallest_effect(const double *d, guint n, guint pairs, double band, double confidence,
                             guint tests)
{
    if (n < 2 || pairs < 2) {
        return INFINITY;
    }
    return smallest_effect(standard_deviation(d, n), pairs, band, confidence, tests);
}

/* An effect inside the band is told when the interval leaves it on neither side. */
static gboolean tells(double deviation, guint pairs, double effect, double band, double confidence,
                      guint tests)
{
    if (effect > band) {
        return smallest_effect(deviation, pairs, band, confidence, tests) <= effect;
    }
    return largest_p(pairs, confidence, 1) > 0 &&
           effect + reach(deviation, pairs, confidence, (1 + POWER) / 2) < band;
}

guint stats_pairs_needed(const double *d, guint n, double effect, double band, double confidence,
                         guint tests)
{
    guint no = MAX(n, 1), yes = MOST_PAIRS; /* of the answer one is too few, the other enough */
    double deviation;

    if (n < 2) {
        return 0;
    }
    deviation = standard_deviation(d, n);
    if (n >= MOST_PAIRS || !tells(deviation, yes, fabs(effect), band, confidence, tests)) {
        return 0;
    }
    while (yes - no > 1) {
        guint middle = no + (yes - no) / 2;

        *(tells(deviation, middle, fabs(effect), band, confidence, tests) ? &yes : &no) = middle;
    }
    return yes;
}
