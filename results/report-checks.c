/*
 * A judgement as CI systems count it: checks that pass, fail, or could not be made.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "report-checks.h"

static void check_free(gpointer data)
{
    ReportCheck *check = data;

    g_free(check->name);
    g_free(check->message);
    g_free(check);
}

/* Takes both strings. */
static void add_check(GPtrArray *checks, char *name, char *message, CheckResult result,
                      const Comparison *c)
{
    ReportCheck *check = g_new0(ReportCheck, 1);

    check->name = words_clean(name);
    check->message = words_clean(message);
    check->result = result;
    check->comparison = c;
    g_free(name);
    g_free(message);
    g_ptr_array_add(checks, check);
}

static CheckResult result_of(const Judgement *judgement, const Comparison *c)
{
    if (comparison_fails(judgement, c)) {
        return CHECK_FAIL;
    }
    return c->verdict == VERDICT_NOT_COMPARABLE ? CHECK_ERROR
           : c->verdict == VERDICT_CANNOT_TELL  ? CHECK_SKIP
                                                : CHECK_PASS;
}

static void add_comparison(GPtrArray *checks, const Judgement *judgement, const Comparison *c)
{
    const char *reason = judgement_obstacle(judgement, c->kase, c->arm);
    g_autofree char *where = words_section(judgement, c->kase, c->job, c->host, true);
    g_autofree char *ratio = words_ratio(c->ratio), *interval = words_interval(c);
    g_autofree char *verdict = words_verdict(c);
    char *name =
        g_strdup_printf("%s: %s against %s: %s", where, judgement_arm(judgement, c->arm)->name,
                        judgement_arm(judgement, 0)->name, metrics[c->metric].title);
    char *message = c->verdict == VERDICT_NOT_COMPARABLE
                        ? g_strdup_printf("%s: %s", verdict, reason ? reason : "no reason is known")
                        : g_strdup_printf("%s: ratio %s (%s), p %.4g, %u pairs", verdict, ratio,
                                          interval, c->p_holm, c->pairs);

    add_check(checks, name, message, result_of(judgement, c), c);
}

static bool is_covered(const GPtrArray *checks, const Obstacle *o)
{
    for (guint i = 0; i < checks->len; i++) {
        const Comparison *c = ((ReportCheck *)g_ptr_array_index(checks, i))->comparison;

        if (c && c->kase == o->kase && c->arm == o->arm && c->verdict == VERDICT_NOT_COMPARABLE) {
            return true;
        }
    }
    return false;
}

static void add_obstacle(GPtrArray *checks, const Judgement *judgement, const Obstacle *o)
{
    add_check(checks,
              g_strdup_printf("%s: %s against %s", judgement_case(judgement, o->kase)->name,
                              judgement_arm(judgement, o->arm)->name,
                              judgement_arm(judgement, 0)->name),
              g_strdup_printf("not comparable: %s", o->reason), CHECK_ERROR, NULL);
}

GPtrArray *report_checks(const Judgement *judgement)
{
    GPtrArray *checks = g_ptr_array_new_with_free_func(check_free);

    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (c->decides) {
            add_comparison(checks, judgement, c);
        }
    }
    for (guint i = 0; i < judgement->obstacles->len; i++) {
        const Obstacle *o = g_ptr_array_index(judgement->obstacles, i);

        if (!is_covered(checks, o)) {
            add_obstacle(checks, judgement, o);
        }
    }
    if (checks->len == 0) {
        add_check(checks, g_strdup("comparison"), words_headline(judgement), CHECK_ERROR, NULL);
    }
    return checks;
}

guint report_checks_count(const GPtrArray *checks, CheckResult result)
{
    guint n = 0;

    for (guint i = 0; i < checks->len; i++) {
        n += ((ReportCheck *)g_ptr_array_index(checks, i))->result == result;
    }
    return n;
}
