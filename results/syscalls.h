/*
 * System calls per I/O, counted by strace in runs of their own, which are not compared otherwise.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One run of each arm of each case, whose job file has one job: what it calls for I/O and for
 * waiting, less what it calls for a single request, per request. It is slower under strace, and so
 * may gather fewer requests per call than it does otherwise. The figures are in the suite's
 * manifest, as syscalls, and in the samples of the first round only: one pair proves nothing.
 */
#ifndef RESULTS_SYSCALLS_H
#define RESULTS_SYSCALLS_H

#include "progress.h"
#include "runner-jobs.h"

/* Where it cannot be counted the progress says why. False with @error set only when nothing can be
 * started at all, or after an interrupt. */
gboolean syscalls_count(Suite *suite, const RunnerJobs *jobs, const RunnerOptions *options,
                        Progress *progress, GError **error);

/* Puts what the manifest has into the samples; for suites that were read again. */
void syscalls_apply(Suite *suite);

/* The number of calls in the table that "strace -c" wrote; negative when it is none. */
gint64 syscalls_parse(const char *table);

#endif
