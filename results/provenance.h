/*
 * What a suite is measured with: programs, libraries, the command, the revision.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_PROVENANCE_H
#define RESULTS_PROVENANCE_H

#include "command-line.h"
#include "suite.h"

/*
 * Fills suite->manifest, all but "machine" and "target": program, time, revision, seed, command,
 * fio, engines. False with @error set when fio is not there or does not run.
 */
gboolean provenance_describe(Suite *suite, const Options *options, guint32 seed, GError **error);

#endif
