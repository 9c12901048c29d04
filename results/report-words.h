/*
 * What a judgement says, in the words that all reports share.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What returns a char * returns a new string of one line of valid UTF-8, made for a place where
 * nothing has a meaning of its own: the caller escapes it for its format, and frees it.
 */
#ifndef RESULTS_REPORT_WORDS_H
#define RESULTS_REPORT_WORDS_H

#include "judge.h"

/* @text with a '?' for all that is no visible character: names come from job files, and go to
 * terminals. NULL gives "". */
char *words_clean(const char *text);

/* The answer: "b is slower than a: IOPS 0.93 (0.91..0.95)". */
char *words_headline(const Judgement *judgement);

/* How many comparisons that decide came out how; NULL when that is in the headline already. */
char *words_tally(const Judgement *judgement);

/* With what the numbers were made: pairs, order, seed, band, interval, p. */
char *words_method(const Judgement *judgement);

/* How to read a ratio, by the first there is; NULL when there is none. */
char *words_legend(const Judgement *judgement);

/* "1.046"; "-" for what is not known. */
char *words_ratio(double ratio);
/* "0.912..0.948"; "-" when one pair or none gave none. */
char *words_interval(const Comparison *comparison);
char *words_p(double p);
/* A share as "3.1 %". */
char *words_percent(double share);

/* "slower"; "cannot tell: about 40 pairs would". */
char *words_verdict(const Comparison *comparison);

const Arm *judgement_arm(const Judgement *judgement, guint arm);
const Case *judgement_case(const Judgement *judgement, guint kase);

/* "10 pairs", "8 to 10 pairs", of @n comparisons. */
char *words_pairs(const Comparison *const *comparisons, guint n);

/* Whether the exit status takes it for a failure: slower, or a self-check that is not the same. */
bool comparison_fails(const Judgement *judgement, const Comparison *comparison);

/* Why @arm's runs of @kase cannot be compared; NULL when they can. Not a copy. */
const char *judgement_obstacle(const Judgement *judgement, guint kase, guint arm);

/* A case's, job's and host's comparisons: what reports have a table for. */
typedef struct ReportSection {
    guint kase;
    const char *job, *host;
    const Comparison *const *comparisons;
    guint n;
} ReportSection;

/* All of them in the judgement's order; the caller frees it with g_array_unref(). */
GArray *report_sections(const Judgement *judgement);

/* "randread, job read, on host1"; job and host only where there are several, or @all. */
char *words_section(const Judgement *judgement, guint kase, const char *job, const char *host,
                    bool all);

/* The judgement's notes as lines; none are an empty array. The caller frees it with
 * g_ptr_array_unref(). */
GPtrArray *words_notes(const Judgement *judgement);

/* What cannot be compared and why, as lines; NULL when all can. The caller frees it with
 * g_ptr_array_unref(). */
GPtrArray *words_obstacles(const Judgement *judgement);

/* Runs that failed, as lines; NULL when none did. The caller frees it with g_ptr_array_unref(). */
GPtrArray *words_problems(const Judgement *judgement);

#endif
