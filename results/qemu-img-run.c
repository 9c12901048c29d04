/*
 * Runs of "qemu-img bench", and their results in fio's form.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qemu-img is told a number of requests. How many take as long as the job says is found out by runs
 * of more and more, once; later runs go by the one before. What it takes to start and to end is
 * measured once too, and is not of the requests.
 */
#include "qemu-img-run.h"
#include <math.h>
#include <string.h>
#include "interrupt.h"
#include "process.h"

G_DEFINE_QUARK(qaio - qemu - img - error, qemu_img_error)

enum { FIRST_COUNT = 1000, FACTOR = 8 };
static const double long_enough = 0.2; /* seconds that tell a rate */

typedef struct Bench {
    double seconds; /* as qemu-img says */
    double user_ns, system_ns, switches;
    char *problem;
} Bench;

static void append(const char *text, gsize length, gpointer opaque)
{
    GString *to = opaque;

    if (to->len < 4096) {
        g_string_append_len(to, text, length);
    }
}

/* The seconds in "Run completed in 1.234 seconds."; negative: they are not there. */
static double parse_seconds(const char *text)
{
    static const char before[] = "Run completed in ";
    const char *at = strstr(text, before);
    char *end;
    double seconds = at ? g_ascii_strtod(at + strlen(before), &end) : -1;

    return at && g_str_has_prefix(end, " seconds") && isfinite(seconds) ? seconds : -1;
}

static double ns(struct timeval time)
{
    return time.tv_sec * 1e9 + time.tv_usec * 1e3;
}

static char *problem_of(const Process *process, double seconds)
{
    g_autofree char *how = process_problem(process);

    if (how) {
        g_strdelimit(g_strchomp(process->errors), "\r\n", ' ');
        return g_strdup_printf("qemu-img: %s%s%s", process->errors, *process->errors ? ": " : "",
                               how);
    }
    return seconds < 0 ? g_strdup("qemu-img: it does not say how long it took") : NULL;
}

/* The command line for @count requests; the caller frees it. */
static char **command_line(const QemuImgJob *job, const char *program, const char *const *before,
                           guint64 count)
{
    GPtrArray *argv = g_ptr_array_new();
    const char *const fixed[] = {
        "-i", job->aio, "-t", job->cache, "--image-opts", job->image, job->write ? "-w" : NULL, NULL
    };

    for (; before && *before; before++) {
        g_ptr_array_add(argv, g_strdup(*before));
    }
    g_ptr_array_add(argv, g_strdup(program));
    g_ptr_array_add(argv, g_strdup("bench"));
    g_ptr_array_add(argv, g_strdup_printf("-c%" G_GUINT64_FORMAT, count));
    g_ptr_array_add(argv, g_strdup_printf("-d%" G_GUINT64_FORMAT, job->depth));
    g_ptr_array_add(argv, g_strdup_printf("-s%" G_GUINT64_FORMAT, job->bs));
    for (const char *const *word = fixed; *word; word++) {
        g_ptr_array_add(argv, g_strdup(*word));
    }
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

static gboolean run_command(char *const *argv, char *const *environment, double limit,
                            Bench *result, GError **error)
{
    GString *text = g_string_new(NULL);
    Process process = {
        .argv = (const char *const *)argv,
        .environment = environment,
        .limit = limit,
        .output = append,
        .opaque = text,
    };

    if (!process_run(&process, error)) {
        g_prefix_error(error, "cannot run %s (Debian: apt-get install qemu-utils): ", argv[0]);
        g_string_free(text, TRUE);
        return FALSE;
    }
    result->seconds = parse_seconds(text->str);
    result->user_ns = ns(process.usage.ru_utime);
    result->system_ns = ns(process.usage.ru_stime);
    result->switches = process.usage.ru_nvcsw + process.usage.ru_nivcsw;
    result->problem = problem_of(&process, result->seconds);
    g_free(process.errors);
    g_string_free(text, TRUE);
    return TRUE;
}

static gboolean bench(const QemuImgJob *job, const char *program, char *const *environment,
                      double limit, guint64 count, Bench *result, GError **error)
{
    g_auto(GStrv) argv = command_line(job, program, NULL, count);

    return run_command(argv, environment, limit, result, error);
}

gboolean qemu_img_run_by(const QemuImgJob *job, const char *program, const char *const *before,
                         char *const *environment, double limit, guint64 count, char **problem,
                         GError **error)
{
    g_auto(GStrv) argv = command_line(job, program, before, count);
    Bench result = { .problem = NULL };
    gboolean good = run_command(argv, environment, limit, &result, error);

    *problem = result.problem;
    return good;
}

/* --- Its result */

static void add_options(JsonObject *entry, const JobFile *jobs)
{
    JsonObject *options = json_object_new();
    g_autoptr(GPtrArray) names = job_file_options(jobs, 0);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *value = job_file_get(jobs, 0, names->pdata[i]);

        if (*value) { /* as fio: those without one are not reported */
            json_object_set_string_member(options, names->pdata[i], value);
        }
    }
    json_object_set_string_member(options, "ioengine", "qemu-img");
    json_object_set_object_member(entry, "job options", options);
}

static JsonObject *direction(const QemuImgJob *job, const Bench *result, guint64 count)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "io_bytes", count * job->bs);
    json_object_set_int_member(object, "bw_bytes", count * job->bs / result->seconds);
    json_object_set_double_member(object, "iops", count / result->seconds);
    json_object_set_int_member(object, "runtime", result->seconds * 1000);
    json_object_set_int_member(object, "total_ios", count);
    json_object_set_int_member(object, "short_ios", 0);
    json_object_set_int_member(object, "drop_ios", 0);
    return object;
}

static JsonObject *entry_of(const QemuImgJob *job, const Bench *result, guint64 count)
{
    JsonObject *entry = json_object_new();
    double percent = 100 / (result->seconds * 1e9);
    double cpu = result->user_ns + result->system_ns;
    double without_start = MAX(cpu - job->start_cpu_ns, 0) / MAX(cpu, 1);

    json_object_set_string_member(entry, "jobname", job_file_name(job->jobs, 0));
    json_object_set_int_member(entry, "error", 0);
    add_options(entry, job->jobs);
    json_object_set_object_member(entry, job->write ? "write" : "read",
                                  direction(job, result, count));
    json_object_set_double_member(entry, "job_runtime", result->seconds * 1000);
    json_object_set_double_member(entry, "usr_cpu", result->user_ns * without_start * percent);
    json_object_set_double_member(entry, "sys_cpu", result->system_ns * without_start * percent);
    json_object_set_int_member(entry, "ctx", result->switches);
    return entry;
}

static gboolean write_result(const QemuImgJob *job, const Bench *result, guint64 count,
                             const char *path, GError **error)
{
    JsonArray *entries = json_array_new();
    JsonObject *root = json_object_new();
    JsonNode *node = json_node_alloc();
    g_autofree char *text = NULL;

    json_array_add_object_element(entries, entry_of(job, result, count));
    json_object_set_string_member(root, "about", "qemu-img bench, in the form of fio's results");
    json_object_set_array_member(root, "jobs", entries);
    json_node_init_object(node, root);
    text = json_to_string(node, TRUE);
    json_node_unref(node);
    json_object_unref(root);
    return g_file_set_contents(path, text, -1, error);
}

/* --- Runs */

/* False when something went wrong, which is in @result or @error. */
static gboolean find_rate(QemuImgJob *job, const char *program, char *const *environment,
                          double limit, Bench *result, GError **error)
{
    guint64 count = FIRST_COUNT + 10 * job->depth;

    if (!bench(job, program, environment, limit, job->depth, result, error) || result->problem) {
        return FALSE;
    }
    job->start_cpu_ns = result->user_ns + result->system_ns;
    if (job->count > 0) {
        return TRUE;
    }
    do {
        if (!bench(job, program, environment, limit, count, result, error) || result->problem) {
            return FALSE;
        }
        job->per_second = count / MAX(result->seconds, 1e-3);
        count *= FACTOR;
    } while (result->seconds < long_enough && count < G_MAXINT32);
    return TRUE;
}

static guint64 count_of(const QemuImgJob *job)
{
    double count = job->count ? job->count : job->per_second * job->runtime;

    return CLAMP(count, job->depth, G_MAXINT32);
}

static gboolean measure(QemuImgJob *job, const char *program, char *const *environment,
                        double limit, guint64 *count, Bench *result, GError **error)
{
    if (job->start_cpu_ns == 0 && !find_rate(job, program, environment, limit, result, error)) {
        return FALSE;
    }
    *count = count_of(job);
    if (!bench(job, program, environment, limit, *count, result, error) || result->problem) {
        return FALSE;
    }
    result->seconds = MAX(result->seconds, 1e-3);
    job->per_second = *count / result->seconds;
    return TRUE;
}

gboolean qemu_img_run(QemuImgJob *job, const char *program, char *const *environment, double limit,
                      const char *path, Run *run, GError **error)
{
    gint64 start = g_get_monotonic_time();
    Bench result = { .problem = NULL };
    guint64 count;
    GError *why = NULL;
    gboolean good = measure(job, program, environment, limit, &count, &result, &why) &&
                    write_result(job, &result, count, path, &why);

    run->seconds = (g_get_monotonic_time() - start) / 1e6;
    run->problem = result.problem;
    if (why) {
        g_propagate_error(error, why);
        return FALSE;
    }
    return good || run->problem;
}

gboolean qemu_img_check(const char *program, GError **error)
{
    g_autofree char *path = g_find_program_in_path(program);

    if (!path) {
        g_set_error(error, QEMU_IMG_ERROR, 0, "no %s here (Debian: apt-get install qemu-utils)",
                    program);
    }
    return path != NULL;
}
