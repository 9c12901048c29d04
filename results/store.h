/*
 * Suites on disk: results/<suite>/<fingerprint>/<time>-<revision>/ with raw outputs and a manifest.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     manifest.json    what was planned, what ran, with what and on what (manifest.h)
 *     jobs/NAME        the job files as they were
 *     runs/            a raw output for each run
 *     report.*         the judgement when it was measured
 */
#ifndef RESULTS_STORE_H
#define RESULTS_STORE_H

#include "suite.h"

/* A new folder for a suite of that name under @root; the caller frees it. The fingerprint is that
 * of suite->manifest, time and revision are its members. NULL with @error set. */
char *store_new_folder(const char *root, const Suite *suite, GError **error);

/* Copies the job files into @folder, where store_job_file() finds them. */
gboolean store_copy_jobs(const char *folder, const Suite *suite, GError **error);

/* The copy of a job file; the caller frees it. */
char *store_job_file(const char *folder, const Case *kase);

/* Writes manifest.json: what was planned, what ran, and suite->manifest. Called before the first
 * run and after the last (also an interrupted one), so that what is complete can always be read.
 * The file is replaced as a whole or not at all. */
gboolean store_write_manifest(const char *folder, const Suite *suite, GError **error);

/* Writes @text as @name in @folder, as a whole or not at all. */
gboolean store_write(const char *folder, const char *name, const GString *text, GError **error);

/* The suite in @folder, its raw outputs read again. A run whose file cannot be read has a problem.
 */
Suite *store_load(const char *folder, GError **error);

/* The same without raw outputs. */
Suite *store_load_manifest(const char *folder, GError **error);

/* Whether @name can be the name of a suite: a folder's, visible, and one word. */
gboolean store_name_fits(const char *name, GError **error);

/* Removes a set in which nothing was measured; as much of it as can be. */
void store_drop(const char *folder);

/* The folders of all sets of a suite, char *, the oldest first. The caller unrefs it. */
GPtrArray *store_list(const char *root, const char *suite);

#define STORE_ERROR (store_error_quark())
GQuark store_error_quark(void);

#endif
