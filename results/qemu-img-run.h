/*
 * The arm that is QEMU itself: "qemu-img bench" where it can do what a job says, and nothing else.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It reads or writes one file from its beginning on, over and over, with requests of one size, so
 * many of them in flight. Its result is written as fio would write it, with the options of fio's
 * job; it has no latencies.
 */
#ifndef RESULTS_QEMU_IMG_RUN_H
#define RESULTS_QEMU_IMG_RUN_H

#include "job-file.h"

typedef struct QemuImgJob {
    const JobFile *jobs;
    char *image; /* what --image-opts says */
    const char *aio, *cache;
    gboolean write;
    guint64 bs, depth;
    guint64 count; /* of requests; 0: as many as take so long */
    double runtime;

    /* Found out by the first run. */
    double start_cpu_ns; /* of a run of nearly nothing */
    double per_second;   /* requests, at the last count */
} QemuImgJob;

/*
 * What qemu-img does for @jobs (derived, kept alive by the caller) on @device with @arm's options.
 * NULL with one line in @why, which the caller frees, when the job cannot be expressed.
 */
QemuImgJob *qemu_img_job_new(const JobFile *jobs, const Arm *arm, const char *device, char **why);
void qemu_img_job_free(QemuImgJob *job);

/* Whether there is such a program. */
gboolean qemu_img_check(const char *program, GError **error);

/* Runs it, fills in @run's seconds and problem, and writes its result to @path. False with @error
 * set when it cannot be started, or @path not be written. */
gboolean qemu_img_run(QemuImgJob *job, const char *program, char *const *environment, double limit,
                      const char *path, Run *run, GError **error);

/* Runs @count requests by the command @before ("strace", ..., NULL), for what that finds out. */
gboolean qemu_img_run_by(const QemuImgJob *job, const char *program, const char *const *before,
                         char *const *environment, double limit, guint64 count, char **problem,
                         GError **error);

#define QEMU_IMG_ERROR (qemu_img_error_quark())
GQuark qemu_img_error_quark(void);

#endif
