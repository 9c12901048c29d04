/*
 * Reads what fio writes with --output-format=json+: samples, and whatever is wrong with them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The text may be anything: error lines before the first '{', cut short, not JSON, JSON of other
 * shapes, numbers out of range. What cannot be read is an error of one line, never more.
 */
#ifndef RESULTS_FIO_JSON_H
#define RESULTS_FIO_JSON_H

#include "suite.h"

/*
 * Adds a sample for each job name (and host, with client_stats) to @samples. Jobs of one name are
 * added up: rates and counts summed, latencies merged, CPU and switches by their I/Os.
 * False with @error set, and nothing added, when @text is not what fio writes; lines before the
 * JSON are in the error's message then. A job that failed is a sample too, with its errors counted.
 */
gboolean fio_json_read(const char *text, gsize length, GPtrArray *samples, GError **error);

/* The same from a file. */
gboolean fio_json_read_file(const char *path, GPtrArray *samples, GError **error);

/* What ended the first job that failed, "job read: Permission denied", as fio may say it nowhere
 * else; NULL when the file @path does not tell. The caller frees it. */
char *fio_json_failure(const char *path);

#endif
