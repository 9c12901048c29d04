/*
 * In what order the runs go: each round has every arm of every case once, the next one mirrored.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ABBA, or BAAB as the seed decides, block by block: so that drift of the machine, which is slow
 * beside a round, weighs on all arms alike.
 */
#ifndef RESULTS_PLAN_H
#define RESULTS_PLAN_H

#include <glib.h>

typedef struct PlannedRun {
    guint arm, kase, round;
} PlannedRun;

/* @arms * @cases * @rounds of them; the caller frees them with g_free(). */
PlannedRun *plan_runs(guint arms, guint cases, guint rounds, guint32 seed);

#endif
