/*
 * From runs to verdicts: which arms can be compared, and what the comparison says.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RESULTS_JUDGE_H
#define RESULTS_JUDGE_H

#include "suite.h"

typedef enum {
    VERDICT_SAME,           /* the whole interval lies within the band */
    VERDICT_FASTER,         /* wholly beyond it on the better side, and p survives: better */
    VERDICT_SLOWER,         /* the same on the worse side */
    VERDICT_CANNOT_TELL,    /* neither; pairs_needed says how many pairs would */
    VERDICT_NOT_COMPARABLE, /* the arms did not do the same work */
} Verdict;

/* One metric of one arm against the first arm's, for one job of one case. */
typedef struct Comparison {
    guint kase, arm;
    const char *job, *host; /* the suite's; host NULL: no hosts, or all of them together */
    MetricId metric;
    guint pairs;             /* rounds in which both arms have a value */
    double base, value;      /* medians of the first arm and of this one; NAN without pairs */
    double ratio, low, high; /* Hodges-Lehmann of the paired ratios, and its interval; these and */
    double p, p_holm;        /* exact sign-flip, and after Holm over all comparisons; and */
    double smallest;         /* the smallest effect that so many pairs could show, 0.03 is 3 %: */
                             /* NAN without pairs, and where the arms cannot be compared */
    guint pairs_needed;      /* for VERDICT_CANNOT_TELL; 0: more than 10,000 */
    bool decides;            /* counts for the exit status */
    Verdict verdict;
} Comparison;

/* Why an arm's runs of one case cannot be compared. */
typedef struct Obstacle {
    guint kase, arm;
    char *reason; /* one line */
} Obstacle;

typedef struct JudgeOptions {
    double band;                /* 0.02 */
    double confidence;          /* 0.95 */
    guint64 seed;               /* of the bootstrap */
    bool decides[METRIC_COUNT]; /* which metrics the exit status is about */
    bool same_library;          /* a self-check: both arms are the same, by intention */
} JudgeOptions;

typedef struct Judgement {
    const Suite *suite; /* the caller keeps it alive */
    JudgeOptions options;
    GPtrArray *comparisons; /* Comparison *, by case, job, host, arm, metric */
    GPtrArray *obstacles;   /* Obstacle * */
    GPtrArray *notes;       /* char *, one line each: what to know before believing the rest */
    Verdict outcome;        /* of all: not comparable, slower, cannot tell, faster, same, in this
                             * order of precedence, among what decides */
} Judgement;

Judgement *judge(const Suite *suite, const JudgeOptions *options);
void judgement_free(Judgement *judgement);

/* "same", "faster", "slower", "cannot tell", "not comparable". */
const char *verdict_name(Verdict verdict);

/* The same as one word: "cannot-tell". */
const char *verdict_word(Verdict verdict);

#endif
