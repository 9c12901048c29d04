/*
 * Carries out a plan.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Before the first round each arm shows, without being timed, that fio knows it and all its jobs,
 * and that it can read a block of the device (runner-check.c). That is the only warming up: rounds
 * mirror each other, so what the first runs cost more weighs on every arm, in one pair of many.
 *
 * What fails twice in a row is not tried again: there is nothing left to compare it with, and each
 * try of what hangs takes longer than a good run.
 */
#include "runner.h"
#include <errno.h>
#include <sys/statvfs.h>
#include <glib/gstdio.h>
#include "fio-json.h"
#include "fio-run.h"
#include "hosts.h"
#include "interrupt.h"
#include "plan.h"
#include "progress.h"
#include "runner-jobs.h"
#include "syscalls.h"
#include "target.h"

G_DEFINE_QUARK(qaio - runner - error, runner_error)

enum { GIVE_UP_AFTER = 2, ROOM_NEEDED = 4 << 20 };

typedef struct Runner {
    Suite *suite;
    const RunnerOptions *options;
    RunnerJobs *jobs;
    Hosts *hosts; /* NULL: this machine */
    Progress *progress;
    guint64 device_size;
    guint *failures; /* in a row, of each arm of each case */
} Runner;

/* --- Whether there is a point in going on */

static gboolean check_room(const char *folder, GError **error)
{
    struct statvfs fs;

    if (statvfs(folder, &fs) < 0) {
        g_set_error(error, RUNNER_ERROR, 0, "%s has gone: %s", folder, g_strerror(errno));
        return FALSE;
    }
    if ((guint64)fs.f_bavail * fs.f_frsize < ROOM_NEEDED || (fs.f_files > 0 && fs.f_favail == 0)) {
        g_set_error(error, RUNNER_ERROR, 0,
                    "no room left in %s for results: at least %u MiB, please", folder,
                    ROOM_NEEDED >> 20);
        return FALSE;
    }
    return TRUE;
}

static gboolean check_device(const Runner *r, GError **error)
{
    const char *device = r->options->device;
    guint64 size = device ? target_size(device) : 0;

    if (device && size == 0) {
        g_set_error(error, RUNNER_ERROR, 0, "%s has gone", device);
        return FALSE;
    }
    if (device && size < r->device_size) {
        g_set_error(error, RUNNER_ERROR, 0, "%s has become smaller", device);
        return FALSE;
    }
    return TRUE;
}

static gboolean can_go_on(const Runner *r, GError **error)
{
    return check_room(r->options->folder, error) && check_device(r, error);
}

/* --- One run */

static void show_iops(const char *text, gsize length, gpointer opaque)
{
    progress_fio(opaque, text, length);
}

static gboolean run_fio(const Runner *r, const RunnerJob *job, const char *path, Run *run,
                        GError **error)
{
    char *const here[] = { job->path, NULL };
    g_auto(GStrv) there = r->hosts ? hosts_arguments(r->hosts, job->path) : NULL;
    FioRun fio = {
        .fio = r->options->fio,
        .environment = r->jobs->environment,
        .options = (const char *const *)(there ? there : here),
        .output = path,
        .read_only = !job->writes && r->options->device,
        .limit = job->limit,
        .progress = show_iops,
        .opaque = r->progress,
    };
    gboolean good = fio_run(&fio, error);

    run->seconds = fio.seconds;
    run->problem = fio.problem;
    return good;
}

static gboolean carry_out(const Runner *r, const RunnerJob *job, const char *path, Run *run,
                          GError **error)
{
    if (job->refused) {
        run->problem = g_strdup(job->refused);
        return TRUE;
    }
    if (job->bench) {
        return qemu_img_run(job->bench, r->options->qemu_img, r->jobs->environment, job->limit,
                            path, run, error);
    }
    return run_fio(r, job, path, run, error);
}

/* A job that did nothing is no measurement, even if fio does not mind. */
static void check_samples(Run *run)
{
    for (guint i = 0; i < run->samples->len; i++) {
        const Sample *sample = run->samples->pdata[i];

        if (sample->ios == 0 && !run->problem) {
            run->problem = g_strdup_printf("job %s did no I/O", sample->job);
        }
    }
}

/* A host that lacks results is worth more than what fio's status says. */
static void name_hosts(const Runner *r, Run *run, const char *path)
{
    char *which;

    if (run->problem) {
        fio_json_read_file(path, run->samples, NULL);
    }
    which = hosts_problem(r->hosts, run->samples, path);
    if (which) {
        g_free(run->problem);
        run->problem = which;
    }
}

static void read_samples(const Runner *r, Run *run, const char *path)
{
    g_autoptr(GError) error = NULL;

    if (!run->problem && !fio_json_read_file(path, run->samples, &error)) {
        run->problem = g_strdup(error->message);
    }
    if (r->hosts) {
        name_hosts(r, run, path);
    }
    check_samples(run);
    if (run->problem) {
        g_ptr_array_set_size(run->samples, 0);
    }
}

static Run *run_new(const PlannedRun *planned, guint order, const char *name)
{
    Run *run = g_new0(Run, 1);

    run->arm = planned->arm;
    run->kase = planned->kase;
    run->round = planned->round;
    run->order = order;
    run->started = g_get_real_time();
    run->file = g_strdup_printf("runs/%04u-%s.json", order, name);
    run->samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    return run;
}

/* Keeps @run, or drops it when it was interrupted. */
static void keep(Runner *r, Run *run, const char *path)
{
    if (interrupt_count() > 0) {
        g_unlink(path);
        run_free(run);
        r->suite->interrupted = true;
        return;
    }
    read_samples(r, run, path);
    progress_done(r->progress, run->seconds);
    g_ptr_array_add(r->suite->runs, run);
}

static void say_problem(const Runner *r, const char *what, const char *problem)
{
    g_autofree char *line = problem ? g_strdup_printf("%s: %s", what, problem) : NULL;

    if (line) {
        progress_say(r->progress, line);
    }
}

static gboolean one_run(Runner *r, const PlannedRun *planned, guint order, GError **error)
{
    const Arm *arm = r->suite->arms->pdata[planned->arm];
    const Case *kase = r->suite->cases->pdata[planned->kase];
    const RunnerJob *job = runner_job(r->jobs, planned->arm, planned->kase);
    guint *failures = &r->failures[planned->kase * r->suite->arms->len + planned->arm];
    Run *run = run_new(planned, order, job->name);
    g_autofree char *path = g_build_filename(r->options->folder, run->file, NULL);
    g_autofree char *what = g_strdup_printf("%s, %s", kase->name, arm->name);

    progress_run(r->progress, what);
    if (!carry_out(r, job, path, run, error)) {
        run_free(run);
        return FALSE;
    }
    keep(r, run, path);
    if (!r->suite->interrupted) {
        say_problem(r, what, run->problem);
        *failures = job->refused ? GIVE_UP_AFTER : run->problem ? *failures + 1 : 0;
    }
    return TRUE;
}

/* --- All runs */

static gboolean any_good(const Suite *suite)
{
    for (guint i = 0; i < suite->runs->len; i++) {
        if (!((const Run *)suite->runs->pdata[i])->problem) {
            return TRUE;
        }
    }
    return suite->interrupted || suite->runs->len == 0;
}

static gboolean all_runs(Runner *r, const PlannedRun *plan, guint n, GError **error)
{
    for (guint i = 0; i < n; i++) {
        guint pair = plan[i].kase * r->suite->arms->len + plan[i].arm;

        if (interrupt_count() > 0) {
            r->suite->interrupted = true;
        }
        if (r->suite->interrupted) {
            return TRUE;
        }
        if (r->failures[pair] >= GIVE_UP_AFTER) {
            progress_skip(r->progress);
            continue;
        }
        if (!can_go_on(r, error) || !one_run(r, &plan[i], i, error)) {
            return FALSE;
        }
    }
    if (!any_good(r->suite)) {
        const Run *first = r->suite->runs->pdata[0];

        g_set_error(error, RUNNER_ERROR, 0, "every run failed: %s", first->problem);
        return FALSE;
    }
    return can_go_on(r, error) &&
           (!r->options->count_syscalls ||
            syscalls_count(r->suite, r->jobs, r->options, r->progress, error));
}

/* Seconds of a run on average; 0 when one of them does not tell. */
static double mean_seconds(const RunnerJobs *jobs)
{
    guint n = jobs->suite->arms->len * jobs->suite->cases->len;
    double sum = 0;

    for (guint i = 0; i < n; i++) {
        if (jobs->jobs[i].seconds <= 0) {
            return 0;
        }
        sum += jobs->jobs[i].seconds;
    }
    return sum / n;
}

static gboolean run_plan(Runner *r, GError **error)
{
    Suite *suite = r->suite;
    guint each = suite->arms->len * suite->cases->len;
    g_autofree PlannedRun *plan =
        plan_runs(suite->arms->len, suite->cases->len, suite->rounds, r->options->seed);
    gboolean good;

    r->device_size = r->options->device ? target_size(r->options->device) : 0;
    r->failures = g_new0(guint, each);
    r->progress = progress_new(each * suite->rounds, mean_seconds(r->jobs), r->options->quiet);
    good = all_runs(r, plan, each * suite->rounds, error);
    progress_free(r->progress);
    g_free(r->failures);
    return good;
}

/* What is made, counted or asked for here is not there. */
static gboolean open_hosts(Runner *r, GError **error)
{
    const RunnerOptions *options = r->options;

    if (!options->hosts) {
        return TRUE;
    }
    if (options->device || options->count_syscalls) {
        g_set_error(error, RUNNER_ERROR, 0, "--hosts and %s do not go together: %s",
                    options->device ? "a device named here" : "counting system calls",
                    options->device ? "the job files name it, as it is called there"
                                    : "those of servers are not seen here");
        return FALSE;
    }
    r->hosts = hosts_read(options->hosts, error);
    return r->hosts && hosts_fit(r->suite, error);
}

gboolean runner_run(Suite *suite, const RunnerOptions *options, GError **error)
{
    Runner r = { .suite = suite, .options = options };
    gboolean good;

    interrupt_catch();
    r.jobs = open_hosts(&r, error) ? runner_jobs_new(suite, options, error) : NULL;
    good = r.jobs && check_room(options->folder, error) &&
           runner_jobs_check(r.jobs, options, error) && run_plan(&r, error);
    runner_jobs_free(r.jobs);
    hosts_free(r.hosts);
    if (!good && interrupt_count() > 0) {
        g_clear_error(error);
        suite->interrupted = true;
        return TRUE;
    }
    return good;
}
