/*
 * In what order the runs go.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two rounds make a block, of which the second is the first one's mirror image:
 *
 *     round 0:  case 1: B A   case 0: A B
 *     round 1:                              case 0: B A   case 1: A B
 *
 * so that over a block everything has the same mean position, and what drifts steadily weighs on
 * all alike. The arms of a case stay together: they are compared with each other, and so are those
 * that lie nearest in time. The order of cases, and of the arms in each, is drawn for each block.
 */
#include "plan.h"
#include "random.h"

/* The numbers below @n, shuffled; the bias of the remainder is beyond noticing for such small n. */
static void shuffle(guint *order, guint n, guint64 *state)
{
    for (guint i = 0; i < n; i++) {
        guint j = random_bits(state) % (i + 1);

        order[i] = order[j];
        order[j] = i;
    }
}

static void first_round(PlannedRun *runs, guint arms, guint cases, guint round, guint64 *state)
{
    g_autofree guint *case_order = g_new(guint, cases);
    g_autofree guint *arm_order = g_new(guint, arms);

    shuffle(case_order, cases, state);
    for (guint c = 0; c < cases; c++) {
        shuffle(arm_order, arms, state);
        for (guint a = 0; a < arms; a++) {
            *runs++ = (PlannedRun){ arm_order[a], case_order[c], round };
        }
    }
}

PlannedRun *plan_runs(guint arms, guint cases, guint rounds, guint32 seed)
{
    guint n = arms * cases;
    PlannedRun *runs = g_new(PlannedRun, (gsize)n * rounds);
    guint64 state = seed;

    for (guint round = 0; round < rounds; round++) {
        PlannedRun *this = runs + (gsize)round * n;

        if (round % 2 == 0) {
            first_round(this, arms, cases, round, &state);
            continue;
        }
        for (guint i = 0; i < n; i++) {
            this[i] = this[-1 - (gssize)i];
            this[i].round = round;
        }
    }
    return runs;
}
