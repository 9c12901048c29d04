/*
 * Which of fio's jobs "qemu-img bench" can do, and how it is told to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every option of the job must be known here, as one that is expressed or one that changes nothing
 * for qemu-img: what is not known might be different work.
 */
#include "qemu-img-run.h"
#include <sys/stat.h>
#include "job-line.h"
#include "option.h"
#include "target.h"

static char *refuse(const char *format, ...) G_GNUC_PRINTF(1, 2);

static char *refuse(const char *format, ...)
{
    va_list args;
    char *what, *line;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    line = g_strdup_printf("qemu-img cannot do this job: %s", what);
    g_free(what);
    return line;
}

/* The option that says something qemu-img cannot be told; NULL: none. */
static char *unknown_option(const JobFile *jobs)
{
    static const char *const known[] = {
        "rw",
        "bs",
        "iodepth",
        "direct",
        "size",
        "io_size",
        "runtime",
        "time_based",
        "numjobs",
        "filename",
        "ioengine",
        /* What changes only what fio reports, or what it does beside its I/O. */
        "description",
        "norandommap",
        "randrepeat",
        "stonewall",
        "thread",
        "invalidate",
        "percentile_list",
        "clat_percentiles",
        "lat_percentiles",
        "slat_percentiles",
        "significant_figures",
        "exec_prerun",
        "exec_postrun",
        "refill_buffers",
        "unified_rw_reporting",
        NULL,
    };
    g_autoptr(GPtrArray) names = job_file_options(jobs, 0);

    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];

        if (!g_strv_contains(known, name)) {
            g_autofree char *value = job_file_get(jobs, 0, name);

            return g_strdup_printf("%s%s%s", name, *value ? "=" : "", value);
        }
    }
    return NULL;
}

/* A size, @otherwise when the job does not say. */
static gboolean get_size(const JobFile *jobs, const char *option, guint64 otherwise, guint64 *size)
{
    g_autofree char *value = job_file_get(jobs, 0, option);

    *size = otherwise;
    return !value || job_line_parse_size(value, size);
}

static gboolean get_flag(const JobFile *jobs, const char *option)
{
    g_autofree char *value = job_file_get(jobs, 0, option);

    return value && !g_str_equal(value, "0");
}

static char *set_direction(QemuImgJob *job)
{
    g_autofree char *rw = job_file_get(job->jobs, 0, "rw");

    job->write = g_strcmp0(rw, "write") == 0;
    if (rw && !job->write && !g_str_equal(rw, "read")) {
        return refuse("rw=%s; its requests are sequential, and all reads or all writes", rw);
    }
    return NULL;
}

static char *set_requests(QemuImgJob *job)
{
    guint64 numjobs;

    if (!get_size(job->jobs, "bs", 4096, &job->bs) || job->bs == 0 || job->bs > 1 << 30 ||
        !get_size(job->jobs, "iodepth", 1, &job->depth) || job->depth == 0 || job->depth > 65536) {
        return refuse("its bs and iodepth must each be one plain number");
    }
    if (!get_size(job->jobs, "numjobs", 1, &numjobs) || numjobs != 1) {
        return refuse("it is one job at a time, and numjobs are more");
    }
    return NULL;
}

/* How much: by time or by size. */
static char *set_amount(QemuImgJob *job, guint64 size)
{
    g_autofree char *runtime = job_file_get(job->jobs, 0, "runtime");
    guint64 bytes;

    if (get_flag(job->jobs, "time_based")) {
        job->runtime = runtime ? job_line_parse_time(runtime) : 0;
        return job->runtime > 0 ? NULL : refuse("time_based without a plain runtime=");
    }
    if (runtime) {
        return refuse("runtime= without time_based, which ends it by size or time");
    }
    if (!get_size(job->jobs, "io_size", size, &bytes) || bytes / job->bs == 0 ||
        bytes / job->bs > G_MAXINT32) {
        return refuse("its amount is not plain");
    }
    job->count = bytes / job->bs;
    return NULL;
}

static char *set_aio(QemuImgJob *job, const Arm *arm)
{
    static const char *const direct_caches[] = { "none", "directsync", NULL };
    static const char *const other_caches[] = { "writeback", "writethrough", "unsafe", NULL };
    gboolean direct = get_flag(job->jobs, "direct");
    const char *aio = options_get(arm->options, "aio");
    const char *cache = options_get(arm->options, "cache");

    job->aio = aio ? aio : direct ? "native" : "threads";
    job->cache = cache ? cache : direct ? "none" : "writeback";
    if (!g_strv_contains(direct ? direct_caches : other_caches, job->cache)) {
        return refuse("direct=%d is not cache=%s", direct, job->cache);
    }
    return NULL;
}

/* Commas separate options there, and are doubled in values. */
static char *image_of(const char *device, guint64 size)
{
    g_auto(GStrv) parts = g_strsplit(device, ",", -1);
    g_autofree char *path = g_strjoinv(",,", parts);
    struct stat st;
    gboolean block = stat(device, &st) == 0 && S_ISBLK(st.st_mode);

    return g_strdup_printf("driver=raw,size=%" G_GUINT64_FORMAT ",file.driver=%s,file.filename=%s",
                           size, block ? "host_device" : "file", path);
}

static char *set_up(QemuImgJob *job, const Arm *arm, const char *device)
{
    guint64 all = device ? target_size(device) : 0, size;
    char *why = NULL;
    g_autofree char *unknown = unknown_option(job->jobs);

    if (job_file_count(job->jobs) != 1) {
        return refuse("it is one job at a time, and the file has %u", job_file_count(job->jobs));
    }
    if (!device) {
        return refuse("it needs --device or --ram");
    }
    if ((why = set_direction(job)) || (why = set_requests(job))) {
        return why;
    }
    if (unknown) {
        return refuse("it has no %s", unknown);
    }
    if (!get_size(job->jobs, "size", all, &size) || size > all || size < job->bs) {
        return refuse("its size= is not a plain number of bytes that the device has");
    }
    job->image = image_of(device, size / job->bs * job->bs);
    (void)((why = set_amount(job, size)) || (why = set_aio(job, arm)));
    return why;
}

QemuImgJob *qemu_img_job_new(const JobFile *jobs, const Arm *arm, const char *device, char **why)
{
    QemuImgJob *job = g_new0(QemuImgJob, 1);

    job->jobs = jobs;
    *why = set_up(job, arm, device);
    if (*why) {
        g_clear_pointer(&job, qemu_img_job_free);
    }
    return job;
}

void qemu_img_job_free(QemuImgJob *job)
{
    if (job) {
        g_free(job->image);
        g_free(job);
    }
}
