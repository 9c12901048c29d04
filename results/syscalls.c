/*
 * System calls per I/O, counted by strace.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "syscalls.h"
#include <math.h>
#include <string.h>
#include <glib/gstdio.h>
#include "fio-json.h"
#include "fio-run.h"
#include "interrupt.h"

/* What requests are made and waited for with. fio's main process sleeps by none of these. */
#define CALLS                                                                                      \
    "trace=io_submit,io_getevents,io_pgetevents,io_uring_enter,read,write,pread64,pwrite64,"       \
    "preadv,pwritev,preadv2,pwritev2,ppoll,poll,epoll_wait,epoll_pwait,epoll_ctl,select,pselect6," \
    "futex,fsync,fdatasync,sync_file_range,ioctl,fallocate,sched_yield"

enum { SLOWER = 10, SINGLE_LIMIT = 60, BENCH_COUNT = 10000 };

typedef struct Count {
    gint64 calls;
    guint64 ios;
} Count;

gint64 syscalls_parse(const char *table)
{
    g_auto(GStrv) lines = g_strsplit(table, "\n", -1);

    for (char **line = lines; *line; line++) {
        char name[8] = "";
        guint64 calls;

        if (g_str_has_suffix(g_strchomp(*line), " total") &&
            sscanf(*line, "%*f %*f %*u %" G_GUINT64_FORMAT " %7s", &calls, name) == 2) {
            return calls;
        }
    }
    return -1;
}

/* What is run: a job and the files that it leaves. */
typedef struct Traced {
    const RunnerJobs *jobs;
    const RunnerJob *job;
    const RunnerOptions *options;
    const char *const *before; /* the command that counts */
    char *table, *result;
} Traced;

/* The number of I/Os in @path; 0: it has none. */
static guint64 ios_in(const char *path)
{
    g_autoptr(GPtrArray) samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);

    return fio_json_read_file(path, samples, NULL) && samples->len == 1
               ? ((const Sample *)samples->pdata[0])->ios
               : 0;
}

/* What strace has counted for so many @ios. */
static void take_count(const Traced *t, guint64 ios, Count *count, char **problem)
{
    g_autofree char *table = NULL;

    g_file_get_contents(t->table, &table, NULL, NULL);
    count->calls = syscalls_parse(table ? table : "");
    count->ios = ios;
    if (count->calls < 0 || count->ios == 0) {
        *problem = g_strdup("strace has counted nothing");
    }
}

/* Runs @job_file under strace. False when it cannot be started; @problem: it failed. */
static gboolean trace_fio(const Traced *t, const char *job_file, double limit, Count *count,
                          char **problem, GError **error)
{
    const char *const arguments[] = { job_file, NULL };
    FioRun run = {
        .fio = t->options->fio,
        .environment = t->jobs->environment,
        .before = t->before,
        .options = arguments,
        .output = t->result,
        .read_only = !t->job->writes && t->options->device,
        .limit = limit,
    };

    if (!fio_run(&run, error) || interrupt_set_error(error)) {
        return FALSE;
    }
    *problem = run.problem;
    if (!run.problem) {
        take_count(t, ios_in(t->result), count, problem);
    }
    return TRUE;
}

static gboolean trace_bench(const Traced *t, guint64 ios, Count *count, char **problem,
                            GError **error)
{
    if (!qemu_img_run_by(t->job->bench, t->options->qemu_img, t->before, t->jobs->environment,
                         SINGLE_LIMIT, ios, problem, error) ||
        interrupt_set_error(error)) {
        return FALSE;
    }
    if (!*problem) {
        take_count(t, ios, count, problem);
    }
    return TRUE;
}

/* The same job with one request. */
static char *single_job(const RunnerJob *job, const Arm *arm, const RunnerOptions *options)
{
    char *one[] = { (char *)"number_ios=1", (char *)"time_based=0", NULL };
    const Case single = { .options = one };
    JobFile *jobs = job_file_derive(job->jobs, arm, &single, options->device, NULL);
    g_autofree char *text = jobs ? job_file_text(jobs, NULL) : NULL;
    g_autofree char *path = g_strdup_printf("%s.single", job->path);

    job_file_free(jobs);
    return text && g_file_set_contents(path, text, -1, NULL) ? g_steal_pointer(&path) : NULL;
}

static gboolean count_fio(const Traced *t, const Arm *arm, Count *one, Count *all, char **problem,
                          GError **error)
{
    g_autofree char *single = single_job(t->job, arm, t->options);
    gboolean good;

    if (!single) {
        *problem = g_strdup("no job file of a single request");
        return TRUE;
    }
    good = trace_fio(t, single, SINGLE_LIMIT, one, problem, error) &&
           (*problem || trace_fio(t, t->job->path, SLOWER * t->job->limit, all, problem, error));
    g_unlink(single);
    return good;
}

static gboolean count_bench(const Traced *t, Count *one, Count *all, char **problem, GError **error)
{
    guint64 least = t->job->bench->depth;

    return trace_bench(t, least, one, problem, error) &&
           (*problem || trace_bench(t, least + BENCH_COUNT, all, problem, error));
}

/* Calls per I/O; NAN when they cannot be told, and then perhaps a @problem. */
static gboolean per_io(const Traced *t, const Arm *arm, double *value, char **problem,
                       GError **error)
{
    Count one = { 0 }, all = { 0 };
    gboolean good = t->job->bench ? count_bench(t, &one, &all, problem, error)
                                  : count_fio(t, arm, &one, &all, problem, error);

    *value = NAN;
    if (good && !*problem && all.ios > one.ios) {
        *value = MAX((double)(all.calls - one.calls), 0) / (all.ios - one.ios);
    }
    return good;
}

/* --- What becomes of it */

static void note(Suite *suite, guint arm, guint kase, double value)
{
    JsonArray *all = json_object_get_array_member(suite->manifest, "syscalls");
    JsonObject *entry = json_object_new();

    json_object_set_int_member(entry, "arm", arm);
    json_object_set_int_member(entry, "case", kase);
    json_object_set_double_member(entry, "per_io", value);
    json_array_add_object_element(all, entry);
}

static gboolean count_one(Suite *suite, const RunnerJobs *jobs, const RunnerOptions *options,
                          guint a, guint k, Progress *progress, GError **error)
{
    const Arm *arm = suite->arms->pdata[a];
    const Case *kase = suite->cases->pdata[k];
    const RunnerJob *job = runner_job(jobs, a, k);
    g_autofree char *base = g_build_filename(options->folder, "runs", job->name, NULL);
    g_autofree char *table = g_strdup_printf("%s.strace", base);
    g_autofree char *result = g_strdup_printf("%s.strace.json", base);
    const char *const before[] = { "strace", "-f", "-c", "-e", CALLS, "-o", table, NULL };
    Traced traced = { jobs, job, options, before, table, result };
    g_autofree char *problem = NULL, *what = NULL;
    double value;

    what = g_strdup_printf("%s, %s: counting system calls", kase->name, arm->name);
    progress_say(progress, what);
    if (!per_io(&traced, arm, &value, &problem, error)) {
        return FALSE;
    }
    if (problem) {
        g_autofree char *line = g_strdup_printf("%s: %s", what, problem);

        progress_say(progress, line);
    } else if (isfinite(value)) {
        note(suite, a, k, value);
    }
    return TRUE;
}

gboolean syscalls_count(Suite *suite, const RunnerJobs *jobs, const RunnerOptions *options,
                        Progress *progress, GError **error)
{
    g_autofree char *strace = g_find_program_in_path("strace");

    if (!strace) {
        progress_say(progress, "system calls are not counted: no strace here (Debian: apt-get "
                               "install strace)");
        return TRUE;
    }
    json_object_set_array_member(suite->manifest, "syscalls", json_array_new());
    for (guint k = 0; k < suite->cases->len; k++) {
        for (guint a = 0; a < suite->arms->len; a++) {
            const RunnerJob *job = runner_job(jobs, a, k);

            if (!job->refused && job_file_count(job->jobs) == 1 &&
                !count_one(suite, jobs, options, a, k, progress, error)) {
                return FALSE;
            }
        }
    }
    syscalls_apply(suite);
    return TRUE;
}

/* The manifest may come from anybody. */
static gboolean get_entry(JsonNode *node, gint64 *arm, gint64 *kase, double *value)
{
    JsonObject *entry = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    static const char *const names[] = { "arm", "case", "per_io" };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        JsonNode *member = entry ? json_object_get_member(entry, names[i]) : NULL;

        if (!member || !JSON_NODE_HOLDS_VALUE(member)) {
            return FALSE;
        }
    }
    *arm = json_object_get_int_member(entry, "arm");
    *kase = json_object_get_int_member(entry, "case");
    *value = json_object_get_double_member(entry, "per_io");
    return *arm >= 0 && *arm <= G_MAXINT32 && *kase >= 0 && *kase <= G_MAXINT32 &&
           isfinite(*value) && *value >= 0;
}

void syscalls_apply(Suite *suite)
{
    JsonNode *node = json_object_get_member(suite->manifest, "syscalls");
    JsonArray *all = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    for (guint i = 0; all && i < json_array_get_length(all); i++) {
        gint64 arm, kase;
        double value;
        const Run *run;

        if (!get_entry(json_array_get_element(all, i), &arm, &kase, &value)) {
            continue;
        }
        run = suite_run(suite, arm, kase, 0);
        if (run && run->samples->len == 1) {
            ((Sample *)run->samples->pdata[0])->value[METRIC_SYSCALLS] = value;
        }
    }
}
