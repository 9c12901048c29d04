/*
 * What is found out before the first round, so that nobody waits for runs that cannot succeed.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "runner-jobs.h"
#include <string.h>
#include "fio-run.h"
#include "interrupt.h"
#include "target.h"

#define READ_ONLY "read-only mode" /* in what fio --readonly says of a job that writes */

enum { TRIAL_LIMIT = 60 };

static gboolean fail(GError **error, const char *what, const char *why)
{
    g_set_error(error, RUNNER_ERROR, 0, "%s: %s", what, why);
    return FALSE;
}

/* Runs fio, with "arm b" as @who in the message when it fails. */
static gboolean ask_fio(FioRun *run, GError **error)
{
    return fio_run(run, error) && !interrupt_set_error(error);
}

static gboolean parse(const RunnerJobs *all, const RunnerJob *job, const RunnerOptions *options,
                      bool read_only, char **problem, GError **error)
{
    const char *const arguments[] = { "--parse-only", job->path, NULL };
    FioRun run = {
        .fio = options->fio,
        .environment = all->environment,
        .options = arguments,
        .read_only = read_only,
        .limit = TRIAL_LIMIT,
    };
    gboolean good = ask_fio(&run, error);

    *problem = run.problem;
    return good;
}

/* Whether fio understands @job, and whether that writes. */
static gboolean check_job(RunnerJobs *all, guint arm, guint kase, const RunnerOptions *options,
                          GError **error)
{
    const Arm *a = all->suite->arms->pdata[arm];
    const Case *k = all->suite->cases->pdata[kase];
    RunnerJob *job = runner_job(all, arm, kase);
    g_autofree char *what = g_strdup_printf("arm %s, %s", a->name, k->name);
    g_autofree char *problem = NULL;

    if (!parse(all, job, options, true, &problem, error)) {
        return FALSE;
    }
    job->writes = problem && strstr(problem, READ_ONLY);
    if (job->writes) {
        g_clear_pointer(&problem, g_free);
        if (!parse(all, job, options, false, &problem, error)) {
            return FALSE;
        }
    }
    return !problem || fail(error, what, problem);
}

/* On a device that is named to us nothing is written without permission. */
static gboolean check_permission(const RunnerJobs *all, const RunnerOptions *options,
                                 GError **error)
{
    bool writes = false;

    for (guint i = 0; i < all->suite->arms->len * all->suite->cases->len; i++) {
        const Case *kase = all->suite->cases->pdata[i / all->suite->arms->len];

        if (all->jobs[i].writes && options->device && !options->allow_write) {
            g_set_error(error, RUNNER_ERROR, 0, "%s writes: --allow-write lets it overwrite %s",
                        kase->job_file, options->device);
            return FALSE;
        }
        writes |= all->jobs[i].writes;
    }
    return !options->device || target_check(options->device, writes, error);
}

/* "--name=value" of each of the arm's options, which fio wants after the engine's name. */
static GPtrArray *trial_arguments(const Arm *arm, const RunnerJob *job, const char *device)
{
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(device, ":", -1);
    g_autofree char *escaped = g_strjoinv("\\:", parts);
    g_autofree char *direct = job_file_get(job->jobs, 0, "direct");

    g_ptr_array_add(arguments, g_strdup("--output-format=terse"));
    g_ptr_array_add(arguments, g_strdup("--name=trial"));
    g_ptr_array_add(arguments, g_strdup_printf("--ioengine=%s", arm->engine));
    for (char **option = arm->options; *option; option++) {
        g_ptr_array_add(arguments, g_strdup_printf("--%s", *option));
    }
    g_ptr_array_add(arguments, g_strdup("--rw=read"));
    g_ptr_array_add(arguments, g_strdup("--bs=4k"));
    g_ptr_array_add(arguments, g_strdup("--number_ios=1"));
    g_ptr_array_add(arguments, g_strdup_printf("--direct=%s", direct && *direct ? direct : "0"));
    g_ptr_array_add(arguments, g_strdup_printf("--filename=%s", escaped));
    g_ptr_array_add(arguments, NULL);
    return arguments;
}

/* Whether @arm's engine can read a block of the device; that shows what --parse-only does not. */
static gboolean try_arm(const RunnerJobs *all, guint arm, const RunnerOptions *options,
                        GError **error)
{
    const Arm *a = all->suite->arms->pdata[arm];
    g_autoptr(GPtrArray) arguments = trial_arguments(a, runner_job(all, arm, 0), options->device);
    g_autofree char *what = g_strdup_printf("arm %s cannot read %s", a->name, options->device);
    FioRun run = {
        .fio = options->fio,
        .environment = all->environment,
        .options = (const char *const *)arguments->pdata,
        .read_only = true,
        .limit = TRIAL_LIMIT,
    };
    gboolean good = ask_fio(&run, error);
    g_autofree char *problem = run.problem;

    return good && (!problem || fail(error, what, problem));
}

static gboolean check_arm(RunnerJobs *all, guint arm, const RunnerOptions *options, GError **error)
{
    const Arm *a = all->suite->arms->pdata[arm];

    if (a->kind == ARM_QEMU_IMG) {
        return qemu_img_check(options->qemu_img, error);
    }
    for (guint k = 0; k < all->suite->cases->len; k++) {
        if (!check_job(all, arm, k, options, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean runner_jobs_check(RunnerJobs *all, const RunnerOptions *options, GError **error)
{
    const GPtrArray *arms = all->suite->arms;
    g_autofree char *version = fio_version(options->fio, error);

    if (!version) {
        return FALSE;
    }
    for (guint a = 0; a < arms->len; a++) {
        if (!check_arm(all, a, options, error)) {
            return FALSE;
        }
    }
    if (!check_permission(all, options, error)) {
        return FALSE;
    }
    for (guint a = 0; options->device && a < arms->len; a++) {
        if (((const Arm *)arms->pdata[a])->kind == ARM_FIO && !try_arm(all, a, options, error)) {
            return FALSE;
        }
    }
    return TRUE;
}
