/*
 * A hash over what makes figures comparable. SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fingerprint.h"
#include "json-member.h"

enum { DIGITS = 12 };

typedef struct Fact {
    const char *section, *name;
} Fact;

static const Fact facts[] = {
    { "machine", "arch" },       { "machine", "cpu" },
    { "machine", "cpus" },       { "machine", "smt" },
    { "machine", "governor" },   { "machine", "turbo" },
    { "machine", "kernel" },     { "target", "kind" },
    { "target", "model" },       { "target", "device_size_bytes" },
    { "target", "scheduler" },   { "target", "nomerges" },
    { "target", "rq_affinity" }, { "target", "rotational" },
    { "target", "filesystem" },  { "target", "mount_options" },
    { "fio", "version" },        { "fio", "sha256" },
};

static char *fact_text(JsonObject *measured, const Fact *fact)
{
    JsonObject *section = json_object(measured, fact->section);

    return section ? json_as_text(section, fact->name) : g_strdup("unknown");
}

char *fingerprint_of(JsonObject *measured)
{
    GString *all = g_string_new(NULL);
    char *sum;

    for (guint i = 0; i < G_N_ELEMENTS(facts); i++) {
        char *text = fact_text(measured, &facts[i]);

        g_string_append_printf(all, "%s.%s=%s\n", facts[i].section, facts[i].name, text);
        g_free(text);
    }
    sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, all->str, all->len);
    sum[DIGITS] = '\0';
    g_string_free(all, TRUE);
    return sum;
}

char *fingerprint_difference(JsonObject *then, JsonObject *now)
{
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(facts); i++) {
        char *before = fact_text(then, &facts[i]), *after = fact_text(now, &facts[i]);

        if (!g_str_equal(before, after)) {
            g_string_append_printf(line, "%s%s's %s: %s then, %s now", line->len ? "; " : "",
                                   facts[i].section, facts[i].name, before, after);
        }
        g_free(before);
        g_free(after);
    }
    return g_string_free(line, line->len == 0);
}
