/*
 * Whether two arms did the same work, so that their figures can be compared.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_SAME_WORK_H
#define RESULTS_SAME_WORK_H

#include "suite.h"

/*
 * Looks at all runs of @kase of the arms 0 and @arm, complete rounds only: each has its samples, of
 * the same jobs and hosts; errors, short and dropped I/Os are 0; effective options differ only in
 * those that an arm names itself (its engine and options); jobs bound by size did the same number
 * of I/Os and bytes. NULL when all that holds, else the reason in one line; the caller frees it.
 */
char *same_work(const Suite *suite, guint kase, guint arm);

#endif
