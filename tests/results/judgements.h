/*
 * Judgements for tests of reports: made by hand, with runs that look like a machine's.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_TESTS_RESULTS_JUDGEMENTS_H
#define QAIO_TESTS_RESULTS_JUDGEMENTS_H

#include "judge.h"

typedef struct Fixture {
    Suite *suite;
    Judgement judgement;
} Fixture;

/* Names that hurt whoever forgets to escape them, in every format. */
#define HOSTILE_JOB    "</script><img src=x onerror=alert(1)>|`*_[x](y)\\ # ]]> \"'&\n\t\x1b[31m\xff"
#define HOSTILE_REASON "1 \"<error>\" & 'two' --> \x01 %s %n"

/*
 * By name, NULL at the end of all names: "slower", "same", "cannot-tell", "one-pair",
 * "not-comparable", "hostile", "empty", "interrupted", "three-arms", "arm-sweep", "case-sweep",
 * "word-sweep", "hosts", "self-check", "self-check-bad", "unknown-values".
 */
extern const char *const fixture_names[];

/* NULL for no such name. */
Fixture *fixture_new(const char *name);
void fixture_free(Fixture *fixture);

/* The comparison of @metric of @arm in @kase, of no host; it may be changed. */
Comparison *fixture_comparison(Fixture *fixture, guint kase, guint arm, MetricId metric);

#endif
