/*
 * Carries out a plan: a process per run, their output kept, progress shown, interrupts obeyed.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_RUNNER_H
#define RESULTS_RUNNER_H

#include "suite.h"

typedef struct RunnerOptions {
    const char *fio;      /* the program; "fio" */
    const char *qemu_img; /* "qemu-img" */
    const char *device;   /* NULL: what the job files say */
    bool allow_write;     /* a job that writes may write to @device */
    guint32 seed;
    const char *folder; /* where raw outputs go, as runs/NNNN-CASE-ARM.json */
    bool quiet;
    const char *hosts;   /* file of fio servers, or NULL */
    bool count_syscalls; /* one more run of each arm of each case, under strace (syscalls.h) */
    guint patience;      /* seconds that a run may take beyond what its job says; 0: 60 */
} RunnerOptions;

/*
 * Runs all rounds of @suite (its arms, cases, rounds are filled in) and adds the runs. A run that
 * fails is kept with its problem, and the others go on; a suite that can go nowhere (the program is
 * not there, the disk is full, the device has gone) ends with false and @error, with what is
 * complete. SIGINT and SIGTERM end it at once, the running child too: suite->interrupted, and true.
 */
gboolean runner_run(Suite *suite, const RunnerOptions *options, GError **error);

#define RUNNER_ERROR (runner_error_quark())
GQuark runner_error_quark(void);

#endif
