/*
 * Several hosts' samples of one job as one: rates added up, latencies merged, costs by their I/Os.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_ALL_HOSTS_H
#define RESULTS_ALL_HOSTS_H

#include "suite.h"

/* The sample of @job on all hosts of @run together, with host NULL; the caller frees it. NULL when
 * no host ran it. What one host did not measure is not known of all. */
Sample *sample_of_all_hosts(const Run *run, const char *job);

#endif
