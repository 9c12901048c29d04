/*
 * The interval of the Hodges-Lehmann estimate, by bootstrap: how far would the estimate move, had
 * we drawn other pairs from where these came from?
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A resample takes n of the n differences, some several times, some not at all. Its means of two
 * are those of the original, each as often as its two together; so they are listed and sorted once,
 * and the median of a resample is found by walking up the list.
 */
#include "stats.h"
#include <math.h>
#include <stdlib.h>
#include "random.h"

#define REPLICATES 2000

/* Beyond this the list gets long, and what the signed-rank test says is the same. */
#define LISTED_PAIRS 256

/* A mean of two of the sorted differences, and which two. */
typedef struct Walsh {
    double mean;
    guint16 i, j;
} Walsh;

static int by_mean(const void *a, const void *b)
{
    const Walsh *x = a, *y = b;

    return (x->mean > y->mean) - (x->mean < y->mean);
}

static Walsh *list_walsh(const double *sorted, guint n)
{
    Walsh *list = g_new(Walsh, n * (n + 1) / 2), *to = list;

    for (guint i = 0; i < n; i++) {
        for (guint j = i; j < n; j++) {
            *to++ = (Walsh){ sorted[i] / 2 + sorted[j] / 2, i, j };
        }
    }
    qsort(list, to - list, sizeof(*list), by_mean);
    return list;
}

/* How often the mean @w is there when each difference is there @times times. */
static guint occurrences(const Walsh *w, const guint16 *times)
{
    return w->i == w->j ? times[w->i] * (times[w->i] + 1) / 2 : times[w->i] * times[w->j];
}

static double resampled_estimate(const Walsh *list, guint n, const guint16 *times)
{
    guint all = n * (n + 1) / 2, seen = 0;
    const Walsh *w = list, *next;

    while (seen += occurrences(w, times), seen * 2 < all) {
        w++;
    }
    for (next = w; seen * 2 == all;) {
        seen += occurrences(++next, times);
    }
    return w->mean / 2 + next->mean / 2;
}

/* The estimates of all resamples, rising; the caller frees them. */
static double *resample(const Walsh *list, guint n, guint64 seed)
{
    double estimates[REPLICATES];

    for (guint r = 0; r < REPLICATES; r++) {
        guint16 times[LISTED_PAIRS] = { 0 };

        for (guint i = 0; i < n; i++) {
            times[random_below(&seed, n)]++;
        }
        estimates[r] = resampled_estimate(list, n, times);
    }
    return stats_sorted(estimates, REPLICATES);
}

static StatsInterval bootstrap_interval(const double *sorted, guint n, double confidence,
                                        guint64 seed)
{
    g_autofree Walsh *list = list_walsh(sorted, n);
    g_autofree double *estimates = resample(list, n, seed);
    double estimate = stats_hodges_lehmann(sorted, n);
    double side = (1 + confidence) / 2;
    double wider = stats_t_quantile(side, n - 1) / stats_normal_quantile(side) * sqrt(n / (n - 1.));
    guint cut = (1 - side) * REPLICATES;

    return (StatsInterval){ estimate - wider * (estimate - estimates[cut]),
                            estimate + wider * (estimates[REPLICATES - 1 - cut] - estimate) };
}

/* The means of two that the signed-rank test would just not reject as the middle. */
static StatsInterval signed_rank_interval(const double *sorted, guint n, double confidence)
{
    double all = n * (n + 1.) / 2, z = stats_normal_quantile((1 + confidence) / 2);
    guint64 cut = all / 2 - z * sqrt(all * (2 * n + 1.) / 12);

    return (StatsInterval){ stats_walsh(sorted, n, cut),
                            stats_walsh(sorted, n, (guint64)all + 1 - cut) };
}

StatsInterval stats_bootstrap(const double *d, guint n, double confidence, guint64 seed)
{
    g_autofree double *sorted = NULL;

    if (n < 2 || ldexp(1, 1 - (int)n) > 1 - confidence) {
        return (StatsInterval){ -INFINITY, INFINITY };
    }
    sorted = stats_sorted(d, n);
    return n <= LISTED_PAIRS ? bootstrap_interval(sorted, n, confidence, seed)
                             : signed_rank_interval(sorted, n, confidence);
}
