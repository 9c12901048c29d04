/*
 * Lines of fio's job files: which option one is, and what its value says.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "job-line.h"
#include <stdlib.h>
#include <string.h>

/* fio's two names of one option: the one that it lists first, and the other. */
static const char *const aliases[][2] = {
    { "rw", "readwrite" },
    { "bs", "blocksize" },
    { "ba", "blockalign" },
    { "bsrange", "blocksize_range" },
    { "bs_unaligned", "blocksize_unaligned" },
    { "io_size", "io_limit" },
    { "offset", "fileoffset" },
    { "nrfiles", "nr_files" },
    { "runtime", "timeout" },
    { "stonewall", "wait_for_previous" },
    { "iodepth_batch", "iodepth_batch_submit" },
    { "iodepth_batch_complete_min", "iodepth_batch_complete" },
    { "fill_device", "fill_fs" },
    { "mem", "iomem" },
    { "iomem_align", "mem_align" },
    { "rate_min", "ratemin" },
    { "rate_cycle", "ratecycle" },
    { "disable_bw_measurement", "disable_bw" },
    { "steadystate", "ss" },
    { "steadystate_duration", "ss_dur" },
    { "steadystate_ramp_time", "ss_ramp" },
};

char *job_line_name(const char *line)
{
    char *name = g_strndup(line, strcspn(line, "="));

    for (guint i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (g_str_equal(name, aliases[i][1])) {
            g_free(name);
            return g_strdup(aliases[i][0]);
        }
    }
    return name;
}

gboolean job_line_is(const char *line, const char *option)
{
    g_autofree char *name = job_line_name(line);
    g_autofree char *wanted = job_line_name(option);

    return g_str_equal(name, wanted);
}

gboolean job_line_is_one_of(const char *line, const char *const *options)
{
    for (; *options; options++) {
        if (job_line_is(line, *options)) {
            return TRUE;
        }
    }
    return FALSE;
}

char *job_line_clean(const char *line)
{
    g_autofree char *text = g_strndup(line, strcspn(line, ";#"));
    char *value = strchr(g_strstrip(text), '=');

    if (!value || *text == '[') {
        return g_strdup(text);
    }
    *value++ = '\0';
    return g_strconcat(g_strstrip(text), "=", g_strstrip(value), NULL);
}

gboolean job_line_parse_size(const char *text, guint64 *size)
{
    static const char units[] = "kmgt";
    char *end;
    guint64 n = g_ascii_strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, g_ascii_tolower(*end)) : NULL;
    guint shift = unit ? 10 * (unit - units + 1) : 0;

    if (end == text || *text == '-' || end[unit != NULL] || n > G_MAXUINT64 >> shift) {
        return FALSE;
    }
    *size = n << shift;
    return TRUE;
}

double job_line_parse_time(const char *text)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {
        { "", 1 },         { "s", 1 },       { "sec", 1 },      { "ms", 1e-3 }, { "msec", 1e-3 },
        { "us", 1e-6 },    { "usec", 1e-6 }, { "m", 60 },       { "min", 60 },  { "h", 3600 },
        { "hours", 3600 }, { "d", 86400 },   { "days", 86400 },
    };
    char *end;
    double n = g_ascii_strtod(text, &end);

    if (end == text || !(n >= 0 && n < 1e9)) {
        return -1;
    }
    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        if (g_ascii_strcasecmp(end, units[i].name) == 0) {
            return n * units[i].seconds;
        }
    }
    return -1;
}
