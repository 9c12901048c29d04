/* Fuzz target: results/fio-json.h reads anything, and says in one line what is wrong with it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it takes for good must be fit for those who work with samples. */
#include "fio-json.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const GError *error)
{
    g_assert_nonnull(error);
    g_assert_cmpuint(strlen(error->message), >, 0);
    g_assert_cmpuint(strlen(error->message), <, 1500);
    g_assert_null(strpbrk(error->message, "\r\n\033"));
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
}

static void check_sample(const Sample *sample)
{
    const HistogramBin *bins;
    guint64 sum = 0;
    guint n;

    g_assert_nonnull(sample->job);
    for (int i = 0; i < METRIC_COUNT; i++) {
        g_assert_true(isnan(sample->value[i]) ||
                      (isfinite(sample->value[i]) && sample->value[i] >= 0));
    }
    bins = histogram_bins(sample->clat, &n);
    for (guint i = 0; i < n; i++) {
        g_assert_true(i == 0 || bins[i - 1].ns < bins[i].ns);
        sum += bins[i].count;
    }
    g_assert_true(sum == histogram_count(sample->clat) ||
                  histogram_count(sample->clat) == G_MAXUINT64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GPtrArray *samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    GError *error = NULL;
    gboolean good = fio_json_read((const char *)data, size, samples, &error);

    g_assert_true(good == (samples->len > 0));
    if (!good) {
        check_error(error);
    }
    g_ptr_array_foreach(samples, (GFunc)(void (*)(void))check_sample, NULL);
    g_clear_error(&error);
    g_ptr_array_unref(samples);
    return 0;
}
