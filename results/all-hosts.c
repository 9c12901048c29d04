/*
 * Several hosts' samples of one job as one. SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "all-hosts.h"
#include <math.h>

static gboolean is_rate(int metric)
{
    return metric == METRIC_IOPS || metric == METRIC_BW;
}

/* Adds @part's value, weighed, to the sum that @all has so far. */
static void add_values(Sample *all, const Sample *part)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        all->value[i] += part->value[i] * (is_rate(i) ? 1 : (double)part->ios);
    }
}

static void finish(Sample *all)
{
    static const double shares[METRIC_COUNT] = { [METRIC_LAT_P50] = 0.5,
                                                 [METRIC_LAT_P99] = 0.99,
                                                 [METRIC_LAT_P999] = 0.999,
                                                 [METRIC_LAT_P9999] = 0.9999 };

    for (int i = 0; i < METRIC_COUNT; i++) {
        if (shares[i] > 0) {
            all->value[i] = histogram_quantile(all->clat, shares[i]);
        } else if (!is_rate(i)) {
            all->value[i] = all->ios ? all->value[i] / all->ios : NAN;
        }
    }
}

static void add(Sample *all, const Sample *part)
{
    add_values(all, part);
    histogram_merge(all->clat, part->clat);
    all->ios += part->ios;
    all->bytes += part->bytes;
    all->errors += part->errors;
    all->short_ios += part->short_ios;
    all->dropped_ios += part->dropped_ios;
    all->time_based |= part->time_based;
}

Sample *sample_of_all_hosts(const Run *run, const char *job)
{
    Sample *all = NULL;

    for (guint i = 0; i < run->samples->len; i++) {
        const Sample *part = g_ptr_array_index(run->samples, i);

        if (part->host && g_str_equal(part->job, job)) {
            if (!all) {
                all = sample_new(job, NULL);
                for (int k = 0; k < METRIC_COUNT; k++) {
                    all->value[k] = 0;
                }
            }
            add(all, part);
        }
    }
    if (all) {
        finish(all);
    }
    return all;
}
