/*
 * The job file that an arm runs, derived from the user's.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Of an option that is there twice fio takes the later one, as long as its C library's qsort() is
 * stable, and of filename= both. So what is set here is first removed wherever it was, and then put
 * at the end of each job, once.
 *
 * fio reads a [global] section's options knowing only the engine that is named there or before. So
 * options of qaio's, which people give by a file that names no engine, move from [global] to the
 * jobs. An engine that [global] names stays there when it is the arm's own: other options of that
 * engine may be beside it.
 */
#include "arm.h"
#include "job-file.h"
#include "job-line.h"
#include "option.h"
#include <string.h>

typedef struct Derivation {
    const Arm *arm;
    const Case *kase;
    const char *device;
    char *engine_line, *file_line; /* what is set in each job; file_line NULL without a device */
    GPtrArray *moved;              /* qaio's options in [global] sections so far */
    GPtrArray *left_out;           /* char * */
} Derivation;

static gboolean is_qaio_option(const char *line)
{
    return g_str_has_prefix(line, "qaio_");
}

/* Whether @line sets what one of @options sets. */
static gboolean is_set_by(const char *line, char *const *options)
{
    return job_line_is_one_of(line, (const char *const *)options);
}

/* Whether @line is about what is set at the end of each job, or not at all. */
static gboolean is_ours(const Derivation *d, const char *line)
{
    /* group_reporting reports jobs of a group as one, by the first one's name. */
    static const char *const always[] = { "ioengine", "ioengine_so_path", "group_reporting", NULL };
    /* What says which files there are and where, or removes them. */
    static const char *const files[] = { "filename",         "directory", "opendir",
                                         "filename_format",  "nrfiles",   "unlink",
                                         "unlink_each_loop", NULL };

    return job_line_is_one_of(line, always) || (d->device && job_line_is_one_of(line, files)) ||
           is_set_by(line, d->arm->options) || is_set_by(line, d->kase->options);
}

static void leave_out(Derivation *d, const char *line)
{
    if (!g_ptr_array_find_with_equal_func(d->left_out, line, g_str_equal, NULL)) {
        g_ptr_array_add(d->left_out, g_strdup(line));
    }
}

/* Adds @line; one of qaio's takes the place of an earlier one. fio does not report flags that have
 * no value, and whether a job ends by its time must be known. */
static void add(GPtrArray *lines, const char *line)
{
    for (guint i = 0; is_qaio_option(line) && i < lines->len; i++) {
        if (job_line_is(lines->pdata[i], line)) {
            g_ptr_array_remove_index(lines, i);
            break;
        }
    }
    g_ptr_array_add(lines, g_strdup(g_str_equal(line, "time_based") ? "time_based=1" : line));
}

static void derive_global(Derivation *d, const JobSection *from, JobSection *to)
{
    for (guint i = 0; i < from->lines->len; i++) {
        const char *line = from->lines->pdata[i];

        if (is_qaio_option(line)) {
            add(d->moved, line);
        } else if (g_str_equal(line, d->engine_line) || !is_ours(d, line)) {
            add(to->lines, line);
        }
    }
}

/* The user's own lines of a job, with those of qaio's that its [global] sections had. */
static void derive_own(Derivation *d, const GPtrArray *from, JobSection *to)
{
    for (guint i = 0; i < from->len; i++) {
        const char *line = from->pdata[i];

        if (is_ours(d, line)) {
            continue;
        }
        if (is_qaio_option(line) && !arm_is_qaio(d->arm)) {
            leave_out(d, line);
        } else {
            add(to->lines, line);
        }
    }
}

static void derive_job(Derivation *d, const JobSection *from, JobSection *to)
{
    derive_own(d, d->moved, to);
    derive_own(d, from->lines, to);
    add(to->lines, d->engine_line);
    for (char **option = d->kase->options; *option; option++) {
        if (!is_set_by(*option, d->arm->options)) {
            add(to->lines, *option);
        }
    }
    for (char **option = d->arm->options; *option; option++) {
        add(to->lines, *option);
    }
    if (d->file_line) {
        add(to->lines, d->file_line);
    }
}

/* filename=@device, in which a ':' would separate files. */
static char *file_line(const char *device)
{
    g_auto(GStrv) parts = g_strsplit(device, ":", -1);
    g_autofree char *escaped = g_strjoinv("\\:", parts);

    return g_strconcat("filename=", escaped, NULL);
}

static JobFile *derive(Derivation *d, const JobFile *jobs)
{
    JobFile *derived = job_file_new(jobs->path);

    for (guint i = 0; i < jobs->sections->len; i++) {
        const JobSection *from = jobs->sections->pdata[i];
        JobSection *to = job_section_new(from->name, strlen(from->name));

        (from->global ? derive_global : derive_job)(d, from, to);
        g_ptr_array_add(derived->sections, to);
    }
    g_strfreev(derived->left_out);
    g_ptr_array_add(d->left_out, NULL);
    derived->left_out = (char **)g_ptr_array_free(d->left_out, FALSE);
    return derived;
}

JobFile *job_file_derive(const JobFile *jobs, const Arm *arm, const Case *kase, const char *device,
                         GError **error)
{
    g_autofree char *engine = g_strconcat("ioengine=", arm->engine, NULL);
    g_autofree char *file = device ? file_line(device) : NULL;
    g_autoptr(GPtrArray) moved = g_ptr_array_new_with_free_func(g_free);
    Derivation d = { arm, kase, device, engine, file, moved, g_ptr_array_new() };

    if (device && !option_fits_a_line(device)) {
        g_set_error(error, JOB_FILE_ERROR, 0,
                    "--device: a job file cannot hold ';', '#' and control characters");
        g_ptr_array_free(d.left_out, TRUE);
        return NULL;
    }
    return derive(&d, jobs);
}
