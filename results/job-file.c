/*
 * fio's job files: sections of lines, an option each; [global] ones hold for the jobs behind them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Read as fio reads them: a ';' or '#' ends a line wherever it stands, a section whose name begins
 * with "global" is one, "include FILE" stands for the lines of FILE, which is looked for from the
 * current folder and then beside the file that includes it.
 */
#include "job-file.h"
#include "job-line.h"
#include "option.h"
#include <string.h>

G_DEFINE_QUARK(qaio - job - file - error, job_file_error)

enum { INCLUDES_MAX = 16, FILE_MAX = 1 << 20 };

static void section_free(gpointer data)
{
    JobSection *section = data;

    g_free(section->name);
    g_ptr_array_unref(section->lines);
    g_free(section);
}

JobSection *job_section_new(const char *name, gsize length)
{
    JobSection *section = g_new0(JobSection, 1);

    section->name = g_strndup(name, length);
    section->global = g_str_has_prefix(section->name, "global");
    section->lines = g_ptr_array_new_with_free_func(g_free);
    return section;
}

JobFile *job_file_new(const char *path)
{
    JobFile *jobs = g_new0(JobFile, 1);

    jobs->path = g_strdup(path);
    jobs->sections = g_ptr_array_new_with_free_func(section_free);
    jobs->left_out = g_new0(char *, 1);
    return jobs;
}

void job_file_free(JobFile *jobs)
{
    if (jobs) {
        g_free(jobs->path);
        g_ptr_array_unref(jobs->sections);
        g_strfreev(jobs->left_out);
        g_free(jobs);
    }
}

static gboolean fail(const JobFile *jobs, GError **error, const char *what, const char *why)
{
    g_autofree char *shown = option_for_people(what);

    g_set_error(error, JOB_FILE_ERROR, 0, "%s: '%s': %s", jobs->path, shown, why);
    return FALSE;
}

static gboolean read_file(JobFile *jobs, const char *path, guint depth, GError **error);

static gboolean include(JobFile *jobs, const char *from, const char *line, guint depth,
                        GError **error)
{
    const char *name = line + strlen("include");
    g_autofree char *folder = g_path_get_dirname(from);
    g_autofree char *beside = NULL;

    name += *name != '\0';
    beside = g_build_filename(folder, name, NULL);
    if (jobs->sections->len == 0 || depth == INCLUDES_MAX) {
        return fail(jobs, error, line,
                    depth ? "too many files include each other" : "outside of a [job]");
    }
    return read_file(jobs, g_file_test(name, G_FILE_TEST_EXISTS) ? name : beside, depth + 1, error);
}

static gboolean add_section(JobFile *jobs, const char *line, GError **error)
{
    if (strlen(line) < 3) {
        return fail(jobs, error, line, "a section needs a name");
    }
    g_ptr_array_add(jobs->sections, job_section_new(line + 1, strlen(line) - 2));
    return TRUE;
}

static gboolean add_line(JobFile *jobs, const char *from, const char *text, guint depth,
                         GError **error)
{
    g_autofree char *line = job_line_clean(text);
    JobSection *section;

    if (!*line) {
        return TRUE;
    }
    if (*line == '[') {
        if (depth) {
            return fail(jobs, error, line, "an included file cannot have sections");
        }
        return add_section(jobs, line, error);
    }
    if (g_str_has_prefix(line, "include")) {
        return include(jobs, from, line, depth, error);
    }
    if (jobs->sections->len == 0) {
        return fail(jobs, error, line, "an option outside of a [job]");
    }
    section = jobs->sections->pdata[jobs->sections->len - 1];
    g_ptr_array_add(section->lines, g_steal_pointer(&line));
    return TRUE;
}

static gboolean read_file(JobFile *jobs, const char *path, guint depth, GError **error)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, error)) {
        return FALSE;
    }
    if (strlen(text) != length || length > FILE_MAX) {
        return fail(jobs, error, path, "this is no job file");
    }
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        if (!add_line(jobs, path, lines[i], depth, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

JobFile *job_file_read(const char *path, GError **error)
{
    JobFile *jobs = job_file_new(path);

    if (!read_file(jobs, path, 0, error)) {
        job_file_free(jobs);
        return NULL;
    }
    if (job_file_count(jobs) == 0) {
        g_set_error(error, JOB_FILE_ERROR, 0, "%s: there is no job in it", path);
        job_file_free(jobs);
        return NULL;
    }
    return jobs;
}

static void write_comment(GString *out, const char *comment)
{
    g_auto(GStrv) lines = g_strsplit(comment, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_string_append_printf(out, "# %s\n", *line);
    }
}

char *job_file_text(const JobFile *jobs, const char *comment)
{
    GString *out = g_string_new(NULL);

    if (comment) {
        write_comment(out, comment);
    }
    for (guint i = 0; i < jobs->sections->len; i++) {
        const JobSection *section = jobs->sections->pdata[i];

        g_string_append_printf(out, "\n[%s]\n", section->name);
        for (guint j = 0; j < section->lines->len; j++) {
            g_string_append_printf(out, "%s\n", (char *)section->lines->pdata[j]);
        }
    }
    return g_string_free(out, FALSE);
}

/* --- Looking */

/* The place of the @job-th section that is not global. */
static guint job_place(const JobFile *jobs, guint job)
{
    guint at = 0;

    while (((const JobSection *)jobs->sections->pdata[at])->global || job-- > 0) {
        at++;
    }
    return at;
}

guint job_file_count(const JobFile *jobs)
{
    guint n = 0;

    for (guint i = 0; i < jobs->sections->len; i++) {
        n += !((const JobSection *)jobs->sections->pdata[i])->global;
    }
    return n;
}

const char *job_file_name(const JobFile *jobs, guint job)
{
    return ((const JobSection *)jobs->sections->pdata[job_place(jobs, job)])->name;
}

/* Calls @each for every line in force for @job, in order. */
static void for_each_line(const JobFile *jobs, guint job,
                          void (*each)(const char *line, gpointer opaque), gpointer opaque)
{
    guint last = job_place(jobs, job);

    for (guint i = 0; i <= last; i++) {
        const JobSection *section = jobs->sections->pdata[i];

        for (guint j = 0; (section->global || i == last) && j < section->lines->len; j++) {
            each(section->lines->pdata[j], opaque);
        }
    }
}

typedef struct Wanted {
    const char *option, *line;
} Wanted;

static void keep_wanted(const char *line, gpointer opaque)
{
    Wanted *wanted = opaque;

    if (job_line_is(line, wanted->option)) {
        wanted->line = line;
    }
}

/* @text with the environment's values in place of ${VARIABLE}s. */
static char *expand(const char *text)
{
    GString *out = g_string_new(NULL);
    const char *start, *end;

    while ((start = strstr(text, "${")) && (end = strchr(start, '}'))) {
        g_autofree char *name = g_strndup(start + 2, end - start - 2);
        const char *value = g_getenv(name);

        g_string_append_len(out, text, start - text);
        g_string_append(out, value ? value : "");
        text = end + 1;
    }
    g_string_append(out, text);
    return g_string_free(out, FALSE);
}

char *job_file_get(const JobFile *jobs, guint job, const char *option)
{
    Wanted wanted = { option, NULL };
    const char *value;

    for_each_line(jobs, job, keep_wanted, &wanted);
    if (!wanted.line) {
        return NULL;
    }
    value = strchr(wanted.line, '=');
    return expand(value ? value + 1 : "");
}

static void add_name(const char *line, gpointer opaque)
{
    GPtrArray *names = opaque;
    char *name = job_line_name(line);

    if (g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL)) {
        g_free(name);
        return;
    }
    g_ptr_array_add(names, name);
}

GPtrArray *job_file_options(const JobFile *jobs, guint job)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for_each_line(jobs, job, add_name, names);
    return names;
}

/* Seconds of @option, 0 when it is not set; -1 when it cannot be told. */
static double seconds_of(const JobFile *jobs, guint job, const char *option)
{
    g_autofree char *value = job_file_get(jobs, job, option);

    return value ? job_line_parse_time(value) : 0;
}

double job_file_seconds(const JobFile *jobs)
{
    double all = 0;

    for (guint job = 0; job < job_file_count(jobs); job++) {
        double runtime = seconds_of(jobs, job, "runtime");
        double ramp = seconds_of(jobs, job, "ramp_time");
        double delay = seconds_of(jobs, job, "startdelay");

        if (runtime <= 0 || ramp < 0 || delay < 0) {
            return 0;
        }
        all += runtime + ramp + delay;
    }
    return all;
}
