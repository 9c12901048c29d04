/*
 * Suites on disk: results/<suite>/<fingerprint>/<time>-<revision>/ with raw outputs and a manifest.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_STORE_H
#define RESULTS_STORE_H

#include "suite.h"

/* A new folder for a suite of that name under @root; the caller frees it. NULL with @error set. */
char *store_new_folder(const char *root, const Suite *suite, GError **error);

/* Writes manifest.json: what was planned, what ran, and suite->manifest. Called before the first
 * run and after the last (also an interrupted one), so that what is complete can always be read. */
gboolean store_write_manifest(const char *folder, const Suite *suite, GError **error);

/* The suite in @folder, its raw outputs read again. A run whose file cannot be read has a problem.
 */
Suite *store_load(const char *folder, GError **error);

#endif
