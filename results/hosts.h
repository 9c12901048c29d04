/*
 * The machines that run the jobs, through fio's own client and servers.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * On each of them "fio --server" runs, and an arm's engine is where it is here: its path means a
 * file there. All run the same jobs at the same time, and each round gives samples of each host;
 * those are compared host by host, and together as all-hosts.h adds them up.
 */
#ifndef RESULTS_HOSTS_H
#define RESULTS_HOSTS_H

#include "suite.h"

typedef struct Hosts Hosts;

/*
 * The servers in the file @path: one on a line, HOST, HOST:PORT, HOST,PORT or [IPV6]:PORT; a '#'
 * begins a comment. The port is 8765, fio's, unless said. NULL with @error set when the file cannot
 * be read, names none, or has a line that is no server or one twice.
 */
Hosts *hosts_read(const char *path, GError **error);
void hosts_free(Hosts *hosts);

/* How samples name the server @name at @port: "HOST:PORT". The caller frees it. */
char *hosts_label(const char *name, guint64 port);

/* What fio is called with so that each host runs @job_file, NULL at the end; for g_strfreev(). */
char **hosts_arguments(const Hosts *hosts, const char *job_file);

/* Whether the arms of @suite can run on hosts: real QEMU's program knows none. */
gboolean hosts_fit(const Suite *suite, GError **error);

/*
 * fio's client ends well also when a server could not load the engine: then there is nothing of
 * that host in what it wrote to @output, which gave @samples. Which hosts lack which job, and what
 * fio said, in one line that the caller frees; NULL when all ran all.
 */
char *hosts_problem(const Hosts *hosts, const GPtrArray *samples, const char *output);

#define HOSTS_ERROR (hosts_error_quark())
GQuark hosts_error_quark(void);

#endif
