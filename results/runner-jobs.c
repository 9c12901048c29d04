/*
 * What each arm runs for each case.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "runner-jobs.h"
#include <errno.h>
#include <glib/gstdio.h>

enum { PATIENCE = 60 };

/* @text as a part of a file's name. */
static char *file_name_of(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=-_.";
    enum { LONGEST = 80 };

    return g_strcanon(g_strndup(text, LONGEST), allowed, '_');
}

/* The same job may take twice as long as it says, for what it does besides: laying out files, and
 * reading back. */
static void set_times(RunnerJob *job, const RunnerOptions *options)
{
    job->seconds = job_file_seconds(job->jobs);
    if (job->seconds > 0) {
        job->limit = 2 * job->seconds + (options->patience ? options->patience : PATIENCE);
    }
}

static gboolean write_job(RunnerJob *job, const Arm *arm, const Case *kase, const char *device,
                          GError **error)
{
    g_autofree char *variables =
        device ? g_strdup_printf("QAIO_DEV=%s QAIO_WRITE_DEV=%s ", device, device) : g_strdup("");
    g_autofree char *left_out = g_strjoinv(" ", job->jobs->left_out);
    g_autofree char *comment =
        g_strdup_printf("What qaio-compare runs for arm %s of %s. By hand:\n  %sfio "
                        "--output-format=json+ THIS_FILE%s%s",
                        arm->name, kase->job_file, variables,
                        *left_out ? "\nNot for this engine, and left out: " : "", left_out);
    g_autofree char *text = job_file_text(job->jobs, comment);

    return g_file_set_contents(job->path, text, -1, error);
}

/* qemu-img runs what fio would with this arm. */
static gboolean prepare_bench(RunnerJob *job, const JobFile *jobs, const Arm *arm, const Case *kase,
                              const RunnerOptions *options, GError **error)
{
    char *none[] = { NULL };
    const Arm stand_in = { .engine = (char *)"libaio", .options = none };

    job->jobs = job_file_derive(jobs, &stand_in, kase, options->device, error);
    if (!job->jobs) {
        return FALSE;
    }
    set_times(job, options);
    job->bench = qemu_img_job_new(job->jobs, arm, options->device, &job->refused);
    job->writes = job->bench && job->bench->write;
    return TRUE;
}

static gboolean prepare(RunnerJob *job, const JobFile *jobs, const Arm *arm, const Case *kase,
                        const RunnerOptions *options, GError **error)
{
    g_autofree char *text = g_strdup_printf("%s-%s", kase->name, arm->name);
    g_autofree char *file = NULL;

    job->name = file_name_of(text);
    if (arm->kind == ARM_QEMU_IMG) {
        return prepare_bench(job, jobs, arm, kase, options, error);
    }
    job->jobs = job_file_derive(jobs, arm, kase, options->device, error);
    if (!job->jobs) {
        return FALSE;
    }
    set_times(job, options);
    file = g_strdup_printf("%s.fio", job->name);
    job->path = g_build_filename(options->folder, "runs", file, NULL);
    return write_job(job, arm, kase, options->device, error);
}

static gboolean prepare_case(RunnerJobs *all, guint k, const RunnerOptions *options, GError **error)
{
    const Case *kase = all->suite->cases->pdata[k];
    JobFile *jobs = job_file_read(kase->job_file, error);
    gboolean good = jobs != NULL;

    for (guint a = 0; good && a < all->suite->arms->len; a++) {
        good =
            prepare(runner_job(all, a, k), jobs, all->suite->arms->pdata[a], kase, options, error);
    }
    job_file_free(jobs);
    return good;
}

/* What arms leave out, once each, as "ARM: NAME=VALUE". */
static void note_left_out(const RunnerJobs *all, Suite *suite)
{
    JsonArray *notes = json_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < suite->arms->len * suite->cases->len; i++) {
        const Arm *arm = suite->arms->pdata[i % suite->arms->len];

        for (char **option = all->jobs[i].jobs->left_out; *option; option++) {
            char *note = g_strdup_printf("%s: %s", arm->name, *option);

            if (g_hash_table_add(seen, note)) {
                json_array_add_string_element(notes, note);
            }
        }
    }
    json_object_set_array_member(suite->manifest, "left_out", notes);
}

static char **environment_for(const char *device)
{
    char **environment = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);

    if (device) {
        environment = g_environ_setenv(environment, "QAIO_DEV", device, TRUE);
        environment = g_environ_setenv(environment, "QAIO_WRITE_DEV", device, TRUE);
    }
    return environment;
}

RunnerJobs *runner_jobs_new(Suite *suite, const RunnerOptions *options, GError **error)
{
    g_autofree char *runs = g_build_filename(options->folder, "runs", NULL);
    RunnerJobs *all = g_new0(RunnerJobs, 1);

    all->suite = suite;
    all->jobs = g_new0(RunnerJob, suite->arms->len * suite->cases->len);
    all->environment = environment_for(options->device);
    if (g_mkdir_with_parents(runs, 0777) < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot make %s: %s", runs,
                    g_strerror(errno));
        runner_jobs_free(all);
        return NULL;
    }
    for (guint k = 0; k < suite->cases->len; k++) {
        if (!prepare_case(all, k, options, error)) {
            runner_jobs_free(all);
            return NULL;
        }
    }
    note_left_out(all, suite);
    return all;
}

void runner_jobs_free(RunnerJobs *all)
{
    if (!all) {
        return;
    }
    for (guint i = 0; i < all->suite->arms->len * all->suite->cases->len; i++) {
        RunnerJob *job = &all->jobs[i];

        g_free(job->name);
        g_free(job->path);
        g_free(job->refused);
        job_file_free(job->jobs);
        qemu_img_job_free(job->bench);
    }
    g_free(all->jobs);
    g_strfreev(all->environment);
    g_free(all);
}

RunnerJob *runner_job(const RunnerJobs *all, guint arm, guint kase)
{
    return &all->jobs[kase * all->suite->arms->len + arm];
}
