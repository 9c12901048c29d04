/*
 * The options of a job as fio's JSON has them: texts by name, and what can be told from them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fio-options.h"
#include <string.h>
#include "job-line.h"

/* So many values of one option are enough to see that they differ. */
#define MAX_JOINED 1000

void fio_options_join(GHashTable *all, GHashTable *entry)
{
    GHashTableIter iter;
    gpointer name, value;

    g_hash_table_iter_init(&iter, entry);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const char *old = g_hash_table_lookup(all, name);

        if (!old || g_str_equal(old, value)) {
            g_hash_table_insert(all, g_strdup(name), g_strdup(value));
        } else if (strlen(old) < MAX_JOINED) {
            g_hash_table_insert(all, g_strdup(name),
                                g_strdup_printf("%s | %s", old, (char *)value));
        }
    }
}

bool fio_options_on(GHashTable *options, const char *name)
{
    const char *value = g_hash_table_lookup(options, name);

    return value && !g_str_equal(value, "0");
}

/* A percent less than the limit: fio rounds. */
bool fio_options_ended_by_time(GHashTable *options, double runtime_ms)
{
    const char *runtime = g_hash_table_lookup(options, "runtime");
    double limit = runtime ? job_line_parse_time(runtime) * 1000 : 0;

    return fio_options_on(options, "time_based") || fio_options_on(options, "steadystate") ||
           (limit > 0 && !(runtime_ms < 0.99 * limit));
}
