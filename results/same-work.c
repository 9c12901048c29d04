/*
 * Whether two arms did the same work: round by round, job by job, until something differs.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fio and qemu-img give little in common: of qemu-img is known which jobs it ran and whether it
 * failed, not with which options, nor how much fio would have done in its place.
 *
 * Each function returns the reason why not, which the caller frees, or NULL.
 */
#include "same-work.h"
#include <stdbool.h>
#include <string.h>
#include "job-line.h"
#include "text.h"

#define MAX_REASON 500

/* What is compared at the moment: for what is looked for and for messages. */
typedef struct Sides {
    const Arm *arm[2];
    guint round;
    const Sample *sample[2]; /* of one job */
} Sides;

/* "round 3, job x on h: " and what follows. */
G_GNUC_PRINTF(2, 3)
static char *reason(const Sides *s, const char *format, ...)
{
    va_list args;
    char *what, *text, *line;
    const Sample *sample = s->sample[0] ?: s->sample[1];

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    text = g_strdup_printf("round %u%s%s%s%s: %s", s->round + 1, sample ? ", job " : "",
                           sample ? sample->job : "", sample && sample->host ? " on " : "",
                           sample && sample->host ? sample->host : "", what);
    line = text_one_line(text, strlen(text), MAX_REASON);
    g_free(what);
    g_free(text);
    return line;
}

static bool is_fio(const Sides *s)
{
    return s->arm[0]->kind == ARM_FIO && s->arm[1]->kind == ARM_FIO;
}

static char *check_run(const Sides *s, int side, const Run *run)
{
    const char *arm = s->arm[side]->name;

    if (!run) {
        return reason(s, "arm %s did not run", arm);
    }
    if (run->problem) {
        return reason(s, "arm %s: %s", arm, run->problem);
    }
    return run->samples->len == 0 ? reason(s, "arm %s gave no result", arm) : NULL;
}

static char *check_sample(const Sides *s, int side)
{
    const Sample *sample = s->sample[side];
    const struct {
        guint64 count;
        const char *one, *many;
    } bad[] = {
        { sample->errors, "error", "errors" },
        { sample->short_ios, "short I/O", "short I/Os" },
        { sample->dropped_ios, "dropped I/O", "dropped I/Os" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        if (bad[i].count > 0) {
            return reason(s, "arm %s had %" G_GUINT64_FORMAT " %s", s->arm[side]->name,
                          bad[i].count, bad[i].count == 1 ? bad[i].one : bad[i].many);
        }
    }
    return sample->ios == 0 ? reason(s, "arm %s did no I/O", s->arm[side]->name) : NULL;
}

/* Whether an arm names the option itself. */
static bool names(const Arm *arm, const char *option)
{
    for (char **own = arm->options; own && *own; own++) {
        if (job_line_is(*own, option)) {
            return true;
        }
    }
    return false;
}

/* Whether the arms may differ in @option. Options of qaio's that a job file has are left out for
 * other engines, which do not know them. */
static bool may_differ(const Sides *s, const char *option, const char *const value[2])
{
    bool left_out = g_str_has_prefix(option, "qaio_") && (!value[0] || !value[1]) &&
                    g_strcmp0(s->arm[0]->engine, s->arm[1]->engine) != 0;

    return left_out || g_str_equal(option, "ioengine") || names(s->arm[0], option) ||
           names(s->arm[1], option);
}

/* The first in the alphabet of the options that differ and must not, among those of @side; @found
 * or an earlier one. */
static const char *find_difference(const Sides *s, int side, const char *found)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, s->sample[side]->options);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        const char *const value[2] = { g_hash_table_lookup(s->sample[0]->options, name),
                                       g_hash_table_lookup(s->sample[1]->options, name) };

        if (g_strcmp0(value[0], value[1]) != 0 && (!found || strcmp(name, found) < 0) &&
            !may_differ(s, name, value)) {
            found = name;
        }
    }
    return found;
}

static char *compare_options(const Sides *s)
{
    const char *name = find_difference(s, 1, find_difference(s, 0, NULL));
    char *text[2], *result;

    if (!name) {
        return NULL;
    }
    for (int side = 0; side < 2; side++) {
        const char *value = g_hash_table_lookup(s->sample[side]->options, name);

        text[side] = value ? g_strconcat(name, "=", value, NULL) : g_strconcat("no ", name, NULL);
    }
    result = reason(s, "arm %s has %s and arm %s has %s", s->arm[0]->name, text[0], s->arm[1]->name,
                    text[1]);
    g_free(text[0]);
    g_free(text[1]);
    return result;
}

/* Where time ended one side and not the other, that is slower, and not less work. */
static char *compare_amounts(const Sides *s)
{
    const Sample *a = s->sample[0], *b = s->sample[1];

    if (a->time_based || b->time_based || (a->ios == b->ios && a->bytes == b->bytes)) {
        return NULL;
    }
    return reason(s,
                  "arm %s did %" G_GUINT64_FORMAT " I/Os of %" G_GUINT64_FORMAT
                  " bytes and arm %s %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                  ", and it was not time that ended them",
                  s->arm[0]->name, a->ios, a->bytes, s->arm[1]->name, b->ios, b->bytes);
}

static char *compare_samples(const Sides *s)
{
    char *result = check_sample(s, 0) ?: check_sample(s, 1);

    if (!result && is_fio(s)) {
        result = compare_options(s) ?: compare_amounts(s);
    }
    return result;
}

/* Each job of @side's run against the other's of that name and host. */
static char *compare_jobs(Sides *s, int side, const Run *const run[2])
{
    char *result = NULL;

    for (guint i = 0; i < run[side]->samples->len && !result; i++) {
        const Sample *sample = g_ptr_array_index(run[side]->samples, i);

        s->sample[side] = sample;
        s->sample[!side] = run_sample(run[!side], sample->job, sample->host);
        if (!s->sample[!side]) {
            result = reason(s, "arm %s did not run it", s->arm[!side]->name);
        } else if (side == 0) {
            result = compare_samples(s);
        }
    }
    s->sample[0] = s->sample[1] = NULL;
    return result;
}

char *same_work(const Suite *suite, guint kase, guint arm)
{
    Sides s = { .arm = { g_ptr_array_index(suite->arms, 0), g_ptr_array_index(suite->arms, arm) } };
    bool whole = false;
    char *result = NULL;

    for (s.round = 0; s.round < suite->rounds && !result; s.round++) {
        const Run *const run[2] = { suite_run(suite, 0, kase, s.round),
                                    suite_run(suite, arm, kase, s.round) };

        if (suite->interrupted && (!run[0] || !run[1])) {
            continue;
        }
        whole = true;
        result = check_run(&s, 0, run[0]) ?: check_run(&s, 1, run[1]);
        if (!result) {
            result = compare_jobs(&s, 0, run) ?: compare_jobs(&s, 1, run);
        }
    }
    return result || whole ? result : g_strdup("no round is complete");
}
