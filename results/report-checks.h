/*
 * A judgement as CI systems count it: checks that pass, fail, or could not be made.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One check for each comparison that decides; one for each arm and case that cannot be compared and
 * has no such comparison; and one that says so if that is none at all: no checks would be green.
 */
#ifndef RESULTS_REPORT_CHECKS_H
#define RESULTS_REPORT_CHECKS_H

#include "report-words.h"

typedef enum {
    CHECK_PASS,  /* same or faster */
    CHECK_FAIL,  /* slower; in a self-check also faster */
    CHECK_ERROR, /* not comparable */
    CHECK_SKIP,  /* cannot tell */
} CheckResult;

typedef struct ReportCheck {
    char *name;    /* "randread: b against a: IOPS" */
    char *message; /* "slower: 0.931 (0.912..0.948)", "not comparable: b had 3 I/O errors" */
    CheckResult result;
    const Comparison *comparison; /* NULL: there is none */
} ReportCheck;

/* ReportCheck *; the caller frees it with g_ptr_array_unref(). */
GPtrArray *report_checks(const Judgement *judgement);

guint report_checks_count(const GPtrArray *checks, CheckResult result);

#endif
