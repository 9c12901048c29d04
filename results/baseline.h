/*
 * Which stored set of runs a suite is held against. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * results/<suite>/baseline.json names one set of that suite, by its folder below the suite's; so
 * the whole tree can be moved, and kept in a repository or a CI cache.
 */
#ifndef RESULTS_BASELINE_H
#define RESULTS_BASELINE_H

#include <glib.h>

/* The folder of the kept set; the caller frees it. NULL with @error set, which says how to get one
 * when there is none. */
char *baseline_find(const char *root, const char *suite, GError **error);

/* Keeps the set in @folder, one of @suite's; NULL: the newest that was not interrupted. Returns its
 * folder, which the caller frees. */
char *baseline_keep(const char *root, const char *suite, const char *folder, GError **error);

/* The names of the suites that have one, char *, sorted. The caller unrefs it. */
GPtrArray *baseline_suites(const char *root);

#define BASELINE_ERROR (baseline_error_quark())
GQuark baseline_error_quark(void);

#endif
