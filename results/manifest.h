/*
 * manifest.json: a suite but for its samples, which are in the raw outputs beside it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_MANIFEST_H
#define RESULTS_MANIFEST_H

#include "suite.h"

/* What this program writes, and the newest that it reads. */
#define MANIFEST_SCHEMA 1

/* The caller unrefs it. */
JsonObject *manifest_from_suite(const Suite *suite);

/*
 * The suite with its arms, cases and runs; the runs without samples. Nothing in @manifest is
 * believed: indexes are within bounds, each run is there once, and files lie below the suite's own
 * folder. NULL with @error set, one line.
 */
Suite *manifest_to_suite(JsonObject *manifest, GError **error);

#define MANIFEST_ERROR (manifest_error_quark())
GQuark manifest_error_quark(void);

#endif
