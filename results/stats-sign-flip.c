/*
 * The sign-flip test: if the arms are alike, each pair's difference could as well have had the
 * other sign, and all 2^n patterns of signs are equally likely. How many give a sum as far from
 * zero? SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Up to EXACT_PAIRS they are all counted, without adding up each: half of the pairs give 2^(n/2)
 * sums, the other half as many; both lists are made in sorted order, and a walk up one and down the
 * other counts those that together go far enough. Beyond that, random patterns are drawn, and the
 * observed one counts as one of them, so that p is never 0 and never too small on average.
 */
#include "stats.h"
#include "random.h"
#include <math.h>

#define EXACT_PAIRS 32

/* Random patterns: as many as take this many additions, within these bounds. */
#define DRAWN_ADDITIONS 200000000
#define DRAWN_LEAST     20000
#define DRAWN_MOST      100000

/* The sums of the same numbers in other order differ by rounding, by far less than this share of
 * the sum of their sizes. They are ties, and ties count. */
#define ROUNDING 1e-12

/* All sums of @n numbers of the sizes @a with every pattern of signs, rising; 2^@n of them. */
static double *all_sums(const double *a, guint n)
{
    double *sums = g_new(double, (gsize)1 << n), *wider = g_new(double, (gsize)1 << n);

    sums[0] = 0;
    for (guint i = 0; i < n; i++) {
        gsize count = (gsize)1 << i, minus = 0, plus = 0;
        double *done = wider;

        while (plus < count) { /* what a is subtracted from is used up first */
            if (minus < count && sums[minus] - a[i] <= sums[plus] + a[i]) {
                *done++ = sums[minus++] - a[i];
            } else {
                *done++ = sums[plus++] + a[i];
            }
        }
        done = sums;
        sums = wider;
        wider = done;
    }
    g_free(wider);
    return sums;
}

/* The share of patterns whose sum is at least @limit, which is above 0. */
static double share_beyond(const double *a, guint n, double limit)
{
    guint n1 = n / 2, n2 = n - n1;
    gsize count1 = (gsize)1 << n1, count2 = (gsize)1 << n2;
    g_autofree double *sums1 = all_sums(a, n1);
    g_autofree double *sums2 = all_sums(a + n1, n2);
    guint64 beyond = 0;
    gsize from = count2; /* sums2[from] and all after it reach the limit with sums1[i] */

    for (gsize i = 0; i < count1; i++) {
        while (from > 0 && sums1[i] + sums2[from - 1] >= limit) {
            from--;
        }
        beyond += count2 - from;
    }
    return (double)beyond / count1 / count2;
}

/* Sums of eight sizes for each pattern of signs, so that a byte of random bits adds up eight. */
static double *eights(const double *a, guint n)
{
    double *table = g_new(double, (gsize)(n + 7) / 8 * 256), *to = table;

    for (guint first = 0; first < n; first += 8) {
        for (guint pattern = 0; pattern < 256; pattern++, to++) {
            *to = 0;
            for (guint i = first; i < MIN(first + 8, n); i++) {
                *to += pattern >> (i - first) & 1 ? a[i] : -a[i];
            }
        }
    }
    return table;
}

static double drawn_sum(const double *table, guint n, guint64 *seed)
{
    double sum = 0;
    guint64 bits = 0;

    for (guint i = 0; i < (n + 7) / 8; i++) {
        bits = i % 8 ? bits >> 8 : random_bits(seed);
        sum += table[i * 256 + (bits & 255)];
    }
    return sum;
}

static double share_drawn(const double *a, guint n, double limit, guint64 seed)
{
    g_autofree double *table = eights(a, n);
    guint draws = CLAMP(DRAWN_ADDITIONS / n, DRAWN_LEAST, DRAWN_MOST) - 1;
    guint beyond = 1; /* the observed one */

    for (guint i = 0; i < draws; i++) {
        beyond += fabs(drawn_sum(table, n, &seed)) >= limit;
    }
    return (double)beyond / (draws + 1);
}

double stats_sign_flip(const double *d, guint n, guint64 seed)
{
    g_autofree double *a = g_new(double, n);
    double largest = 0, sum = 0, sizes = 0, limit;

    for (guint i = 0; i < n; i++) {
        largest = MAX(largest, fabs(d[i]));
    }
    for (guint i = 0; i < n && largest > 0; i++) {
        a[i] = fabs(d[i] / largest); /* so that no sum overflows */
        sum += d[i] / largest;
        sizes += a[i];
    }
    limit = fabs(sum) - ROUNDING * sizes;
    if (limit <= 0) {
        return 1;
    }
    return n <= EXACT_PAIRS ? 2 * share_beyond(a, n, limit) : share_drawn(a, n, limit, seed);
}
