/*
 * What each arm runs for each case: its job file in the suite's folder, how long it may take.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_RUNNER_JOBS_H
#define RESULTS_RUNNER_JOBS_H

#include <stdbool.h>
#include "job-file.h"
#include "qemu-img-run.h"
#include "runner.h"

typedef struct RunnerJob {
    char *name;            /* for names of files: "randread_iodepth=1-b" */
    char *path;            /* its job file; NULL for qemu-img */
    JobFile *jobs;         /* what is in it */
    bool writes;           /* else fio is told to refuse that */
    double seconds, limit; /* that a run takes, and may take; 0: as long as it likes */
    QemuImgJob *bench;     /* for qemu-img, NULL when it cannot do this job */
    char *refused;         /* then, why not */
} RunnerJob;

typedef struct RunnerJobs {
    const Suite *suite;
    RunnerJob *jobs;    /* of each arm of each case */
    char **environment; /* for fio: the device as our own job files name it, messages in English */
} RunnerJobs;

/*
 * Reads the job files, derives the arms' and writes them to runs/ in @options' folder. Options of
 * qaio's that other arms leave out are noted in the suite's manifest, as left_out. NULL with @error
 * set when a file cannot be read or written.
 */
RunnerJobs *runner_jobs_new(Suite *suite, const RunnerOptions *options, GError **error);
void runner_jobs_free(RunnerJobs *jobs);

RunnerJob *runner_job(const RunnerJobs *jobs, guint arm, guint kase);

/*
 * Asks fio whether it knows all that they say, and finds out which of them write; has each arm read
 * a block of the device. False with @error set, which says what to do, when a run could not succeed
 * for what the user can change; and when there was an interrupt.
 */
gboolean runner_jobs_check(RunnerJobs *jobs, const RunnerOptions *options, GError **error);

#endif
