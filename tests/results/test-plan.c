/* Proves that an order of runs is fair: every round whole, every block balanced, the seed decisive.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan.h"
#include <string.h>

enum { ROUNDS = 10 };

static const guint arm_counts[] = { 1, 2, 3, 5 };
static const guint case_counts[] = { 1, 2, 7 };

typedef void Check(const PlannedRun *runs, guint arms, guint cases);

static void for_each_shape(Check *check)
{
    for (guint a = 0; a < G_N_ELEMENTS(arm_counts); a++) {
        for (guint c = 0; c < G_N_ELEMENTS(case_counts); c++) {
            for (guint32 seed = 0; seed < 20; seed++) {
                guint arms = arm_counts[a], cases = case_counts[c];
                g_autofree PlannedRun *runs = plan_runs(arms, cases, ROUNDS, seed);

                check(runs, arms, cases);
            }
        }
    }
}

static void check_whole(const PlannedRun *runs, guint arms, guint cases)
{
    guint n = arms * cases;

    for (guint round = 0; round < ROUNDS; round++) {
        g_autofree gboolean *seen = g_new0(gboolean, n);

        for (guint i = 0; i < n; i++) {
            const PlannedRun *run = &runs[round * n + i];

            g_assert_cmpuint(run->round, ==, round);
            g_assert_cmpuint(run->arm, <, arms);
            g_assert_cmpuint(run->kase, <, cases);
            g_assert_false(seen[run->kase * arms + run->arm]);
            seen[run->kase * arms + run->arm] = TRUE;
        }
    }
}

static void test_whole(void)
{
    for_each_shape(check_whole);
}

/* The sum of the positions in a block of each arm of each case is the same. */
static void check_balanced(const PlannedRun *runs, guint arms, guint cases)
{
    guint n = arms * cases;

    for (guint block = 0; block < ROUNDS / 2; block++) {
        g_autofree guint *sum = g_new0(guint, n);

        for (guint i = 0; i < 2 * n; i++) {
            const PlannedRun *run = &runs[block * 2 * n + i];

            sum[run->kase * arms + run->arm] += i;
        }
        for (guint i = 0; i < n; i++) {
            g_assert_cmpuint(sum[i], ==, 2 * n - 1);
        }
    }
}

static void test_balanced(void)
{
    for_each_shape(check_balanced);
}

/* What is compared with each other runs one after the other. */
static void check_together(const PlannedRun *runs, guint arms, guint cases)
{
    for (guint i = 0; i < arms * cases * ROUNDS; i++) {
        g_assert_cmpuint(runs[i].kase, ==, runs[i - i % arms].kase);
    }
}

static void test_together(void)
{
    for_each_shape(check_together);
}

static void test_odd_rounds(void)
{
    g_autofree PlannedRun *odd = plan_runs(2, 3, 3, 7);
    g_autofree PlannedRun *even = plan_runs(2, 3, 4, 7);

    g_assert_cmpmem(odd, 18 * sizeof(*odd), even, 18 * sizeof(*even));
}

static void test_seed_repeats(void)
{
    g_autofree PlannedRun *a = plan_runs(3, 2, ROUNDS, 42);
    g_autofree PlannedRun *b = plan_runs(3, 2, ROUNDS, 42);

    g_assert_cmpmem(a, 6 * ROUNDS * sizeof(*a), b, 6 * ROUNDS * sizeof(*b));
}

/* An order that is told with a result can be had again, so it must not change between versions. */
static void test_seed_keeps_its_order(void)
{
    g_autofree PlannedRun *runs = plan_runs(2, 1, ROUNDS, 5);
    GString *order = g_string_new(NULL);

    for (guint i = 0; i < 2 * ROUNDS; i++) {
        g_string_append_c(order, "AB"[runs[i].arm]);
    }
    g_assert_cmpstr(order->str, ==, "ABBABAABBAABBAABABBA");
    g_string_free(order, TRUE);
}

/* Both ABBA and BAAB come, about as often: 1,000 blocks of 50 plans. */
static void test_seeds_differ(void)
{
    guint a_first = 0;

    for (guint32 seed = 0; seed < 50; seed++) {
        g_autofree PlannedRun *runs = plan_runs(2, 1, 40, seed);

        for (guint block = 0; block < 20; block++) {
            a_first += runs[block * 4].arm == 0;
        }
    }
    g_assert_cmpuint(a_first, >, 400);
    g_assert_cmpuint(a_first, <, 600);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/whole", test_whole);
    g_test_add_func("/plan/balanced", test_balanced);
    g_test_add_func("/plan/together", test_together);
    g_test_add_func("/plan/odd-rounds", test_odd_rounds);
    g_test_add_func("/plan/seed/repeats", test_seed_repeats);
    g_test_add_func("/plan/seed/keeps-its-order", test_seed_keeps_its_order);
    g_test_add_func("/plan/seed/differ", test_seeds_differ);
    return g_test_run();
}
