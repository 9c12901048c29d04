/*
 * Two sets of runs of different times, compared and reported. SPDX-License-Identifier:
 * GPL-2.0-or-later
 */
#ifndef RESULTS_COMMAND_THEN_H
#define RESULTS_COMMAND_THEN_H

#include "command.h"

/* False with @error set when the two were measured with different things and --across-hosts was not
 * given. */
gboolean command_may_compare(const Suite *then, const Suite *now, const Options *options,
                             GError **error);

/* Judges @now against @then; refuses when command_may_compare() does. @folder and @problem as for
 * command_conclude(). Returns the exit status. */
int command_then_now(const Suite *then, const Suite *now, const Options *options,
                     const char *folder, GError *problem);

#endif
