/*
 * The options of a job as fio's JSON has them: texts by name, and what can be told from them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fio-options.h"
#include <string.h>

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

/* A time as fio's options have it, "10", "10s", "500ms", in ms; 0 when it is none. */
static double option_ms(const char *text)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = { { "", 1000 }, { "s", 1000 }, { "m", 60e3 },  { "h", 3600e3 }, { "d", 86400e3 },
                  { "ms", 1 },  { "msec", 1 }, { "us", 1e-3 }, { "usec", 1e-3 } };
    char *unit;
    double number = text ? g_ascii_strtod(text, &unit) : 0;

    for (guint i = 0; number > 0 && i < G_N_ELEMENTS(units); i++) {
        if (g_ascii_strcasecmp(unit, units[i].name) == 0) {
            return number * units[i].ms;
        }
    }
    return 0;
}

/* A percent less than the limit: fio rounds. */
bool fio_options_ended_by_time(GHashTable *options, double runtime_ms)
{
    double limit = option_ms(g_hash_table_lookup(options, "runtime"));

    return fio_options_on(options, "time_based") || fio_options_on(options, "steadystate") ||
           (limit > 0 && !(runtime_ms < 0.99 * limit));
}
