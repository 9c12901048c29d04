/*
 * Latencies as counts per value: a list that is sorted when it is looked at.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "histogram.h"
#include <math.h>

/* A share of fewer latencies than this is chance. */
#define ENOUGH_BEYOND 10

struct Histogram {
    GArray *bins;
    gboolean sorted; /* by rising ns, each once */
    guint64 count;
};

Histogram *histogram_new(void)
{
    Histogram *h = g_new0(Histogram, 1);

    h->bins = g_array_new(FALSE, FALSE, sizeof(HistogramBin));
    h->sorted = TRUE;
    return h;
}

void histogram_free(Histogram *h)
{
    if (h) {
        g_array_unref(h->bins);
        g_free(h);
    }
}

static guint64 saturating_add(guint64 a, guint64 b)
{
    return a > G_MAXUINT64 - b ? G_MAXUINT64 : a + b;
}

void histogram_add(Histogram *h, guint64 ns, guint64 count)
{
    HistogramBin bin = { .ns = ns, .count = count };

    if (count == 0) {
        return;
    }
    h->count = saturating_add(h->count, count);
    h->sorted = h->sorted && (h->bins->len == 0 ||
                              g_array_index(h->bins, HistogramBin, h->bins->len - 1).ns < ns);
    g_array_append_val(h->bins, bin);
}

void histogram_merge(Histogram *h, const Histogram *other)
{
    for (guint i = 0; i < other->bins->len; i++) {
        const HistogramBin *bin = &g_array_index(other->bins, HistogramBin, i);

        histogram_add(h, bin->ns, bin->count);
    }
}

static gint by_ns(gconstpointer a, gconstpointer b)
{
    const HistogramBin *x = a, *y = b;

    return (x->ns > y->ns) - (x->ns < y->ns);
}

/* By rising value, each once. */
static void sort(GArray *bins)
{
    guint last = 0;

    g_array_sort(bins, by_ns);
    for (guint i = 1; i < bins->len; i++) {
        HistogramBin *to = &g_array_index(bins, HistogramBin, last);
        HistogramBin *bin = &g_array_index(bins, HistogramBin, i);

        if (bin->ns == to->ns) {
            to->count = saturating_add(to->count, bin->count);
        } else {
            g_array_index(bins, HistogramBin, ++last) = *bin;
        }
    }
    g_array_set_size(bins, last + 1);
}

const HistogramBin *histogram_bins(const Histogram *h, guint *n)
{
    GArray *bins = h->bins;

    if (!h->sorted) {
        sort(bins);
        ((Histogram *)h)->sorted = TRUE; /* nothing that can be seen from outside has changed */
    }
    *n = bins->len;
    return (const HistogramBin *)bins->data;
}

void histogram_compact(Histogram *h)
{
    guint n;
    const HistogramBin *bins = histogram_bins(h, &n);
    GArray *compact = g_array_sized_new(FALSE, FALSE, sizeof(HistogramBin), n);

    g_array_append_vals(compact, bins, n);
    g_array_unref(h->bins);
    h->bins = compact;
}

guint64 histogram_count(const Histogram *h)
{
    return h->count;
}

double histogram_mean(const Histogram *h)
{
    double sum = 0;

    for (guint i = 0; i < h->bins->len; i++) {
        const HistogramBin *bin = &g_array_index(h->bins, HistogramBin, i);

        sum += (double)bin->ns * bin->count;
    }
    return h->count ? sum / h->count : NAN;
}

double histogram_quantile(const Histogram *h, double q)
{
    double rank = ceil(q * h->count);
    guint64 below = 0;
    guint n;
    const HistogramBin *bins = histogram_bins(h, &n);

    if (h->count - rank < ENOUGH_BEYOND) {
        return NAN;
    }
    for (guint i = 0; i < n; i++) {
        below = saturating_add(below, bins[i].count);
        if (below >= rank) {
            return bins[i].ns;
        }
    }
    return NAN;
}
