/*
 * Two suites of different times as one that can be judged: then against now.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Runs of different days are not pairs: whatever the machine did differently on the second day is
 * in the ratio, in every round, so that no number of rounds and no test shows it. What helps is an
 * arm that was measured in both suites and is the same thing in both, as fio's libaio is: what it
 * lost or gained is the machine's doing. So where both suites have the same first arm, each figure
 * of now is divided by what that arm gained in the same round,
 *
 *     ratio = (now's arm / now's first arm) / (then's arm / then's first arm)
 *
 * and both quotients are of runs that lay seconds apart. Counts (context switches, system calls) do
 * not depend on a machine's pace and stay as they are. Where there is no such arm the figures are
 * compared as they are, and notes say what that is worth.
 */
#ifndef RESULTS_THEN_NOW_H
#define RESULTS_THEN_NOW_H

#include "suite.h"

/*
 * A suite with the arms "then" and "now". Its cases are those that both have, by name; with several
 * arms to compare, a case for each. @then_arm and @now_arm name one arm of each; NULL: all but the
 * first, or the only one, with their counterparts of that name. Lines for the reader are added to
 * @notes (char *). The result shares nothing with what it was made of. NULL with @error set when
 * the two have nothing in common.
 */
Suite *then_now(const Suite *then, const Suite *now, const char *then_arm, const char *now_arm,
                GPtrArray *notes, GError **error);

#define THEN_NOW_ERROR (then_now_error_quark())
GQuark then_now_error_quark(void);

#endif
