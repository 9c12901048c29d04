/*
 * What a judgement says, in the words that all reports share: numbers, names, verdicts.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "report-words.h"
#include <math.h>

static bool is_visible(gunichar c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT: /* turns the direction of writing, among others */
    case G_UNICODE_UNASSIGNED:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return false;
    default:
        return true;
    }
}

char *words_clean(const char *text)
{
    char *valid = g_utf8_make_valid(text ? text : "", -1);
    GString *out = g_string_new(NULL);

    for (const char *c = valid; *c; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);

        g_string_append_unichar(out, is_visible(u) ? u : '?');
    }
    g_free(valid);
    return g_string_free(out, FALSE);
}

char *words_ratio(double ratio)
{
    if (!isfinite(ratio)) {
        return g_strdup("-");
    }
    return g_strdup_printf(ratio >= 999.5 ? "%.3g" : ratio >= 9.995 ? "%.1f" : "%.3f", ratio);
}

char *words_interval(const Comparison *c)
{
    char *low = words_ratio(c->low), *high = words_ratio(c->high);
    char *all;

    if (!isfinite(c->low) || !isfinite(c->high)) {
        all = g_strdup("-");
    } else {
        all = g_strconcat(low, "..", high, NULL);
    }
    g_free(low);
    g_free(high);
    return all;
}

char *words_p(double p)
{
    if (!isfinite(p)) {
        return g_strdup("-");
    }
    return p < 0.0001 ? g_strdup("<0.0001") : g_strdup_printf("%.4f", p);
}

char *words_percent(double share)
{
    if (!isfinite(share)) {
        return g_strdup("-");
    }
    return g_strdup_printf("%.*f %%", share < 0.0995 ? 1 : 0, share * 100);
}

char *words_verdict(const Comparison *c)
{
    if (c->verdict != VERDICT_CANNOT_TELL) {
        return g_strdup(verdict_name(c->verdict));
    }
    if (c->pairs < 2) {
        return g_strdup(c->pairs ? "cannot tell: one pair is not enough"
                                 : "cannot tell: it was not measured");
    }
    if (c->pairs_needed == 0) {
        return g_strdup("cannot tell: not even 10,000 pairs would");
    }
    return g_strdup_printf("cannot tell: about %u pairs would", c->pairs_needed);
}

const Arm *judgement_arm(const Judgement *judgement, guint arm)
{
    return g_ptr_array_index(judgement->suite->arms, arm);
}

const Case *judgement_case(const Judgement *judgement, guint kase)
{
    return g_ptr_array_index(judgement->suite->cases, kase);
}

char *words_pairs(const Comparison *const *comparisons, guint n)
{
    guint low = G_MAXUINT, high = 0;

    for (guint i = 0; i < n; i++) {
        low = MIN(low, comparisons[i]->pairs);
        high = MAX(high, comparisons[i]->pairs);
    }
    if (low >= high) {
        return g_strdup_printf("%u pair%s", high, high == 1 ? "" : "s");
    }
    return g_strdup_printf("%u to %u pairs", low, high);
}

bool comparison_fails(const Judgement *judgement, const Comparison *c)
{
    return c->verdict == VERDICT_SLOWER ||
           (judgement->options.same_library && c->verdict == VERDICT_FASTER);
}

const char *judgement_obstacle(const Judgement *judgement, guint kase, guint arm)
{
    for (guint i = 0; i < judgement->obstacles->len; i++) {
        const Obstacle *o = g_ptr_array_index(judgement->obstacles, i);

        if (o->kase == kase && o->arm == arm) {
            return o->reason;
        }
    }
    return NULL;
}

static bool same_section(const ReportSection *s, const Comparison *c)
{
    return s->kase == c->kase && g_str_equal(s->job, c->job) && g_strcmp0(s->host, c->host) == 0;
}

GArray *report_sections(const Judgement *judgement)
{
    GArray *sections = g_array_new(FALSE, FALSE, sizeof(ReportSection));
    const Comparison *const *all = (gconstpointer)judgement->comparisons->pdata;

    for (guint i = 0; i < judgement->comparisons->len; i++) {
        ReportSection *last =
            sections->len ? &g_array_index(sections, ReportSection, sections->len - 1) : NULL;

        if (last && same_section(last, all[i])) {
            last->n++;
        } else {
            ReportSection next = { all[i]->kase, all[i]->job, all[i]->host, &all[i], 1 };

            g_array_append_val(sections, next);
        }
    }
    return sections;
}

/* Whether the judgement has another job, or another host, of this case. */
static bool is_one_of_several(const Judgement *judgement, guint kase, const char *job,
                              const char *host, bool hosts)
{
    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (c->kase == kase && (hosts ? g_strcmp0(c->host, host) != 0 : g_strcmp0(c->job, job))) {
            return true;
        }
    }
    return false;
}

char *words_section(const Judgement *judgement, guint kase, const char *job, const char *host,
                    bool all)
{
    GString *s = g_string_new(NULL);
    char *text;

    if (all || judgement->suite->cases->len > 1) {
        g_string_append(s, judgement_case(judgement, kase)->name);
    }
    if (job && (is_one_of_several(judgement, kase, job, host, false) ||
                (all && !g_str_equal(job, s->str)))) {
        g_string_append_printf(s, "%sjob %s", s->len ? ", " : "", job);
    }
    if (host) {
        g_string_append_printf(s, "%son %s", s->len ? ", " : "", host);
    } else if (is_one_of_several(judgement, kase, job, host, true)) {
        g_string_append_printf(s, "%sall hosts", s->len ? ", " : "");
    }
    text = words_clean(s->str);
    g_string_free(s, TRUE);
    return text;
}

GPtrArray *words_notes(const Judgement *judgement)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < judgement->notes->len; i++) {
        g_autofree char *line =
            g_strdup_printf("Note: %s", (char *)g_ptr_array_index(judgement->notes, i));

        g_ptr_array_add(lines, words_clean(line));
    }
    return lines;
}

/* Takes @line. */
static void add_line(GPtrArray *lines, char *line)
{
    g_ptr_array_add(lines, words_clean(line));
    g_free(line);
}

static GPtrArray *null_if_none(GPtrArray *lines)
{
    if (lines->len == 0) {
        g_ptr_array_unref(lines);
        return NULL;
    }
    return lines;
}

GPtrArray *words_obstacles(const Judgement *judgement)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < judgement->obstacles->len; i++) {
        const Obstacle *o = g_ptr_array_index(judgement->obstacles, i);

        add_line(lines,
                 g_strdup_printf("%s, %s against %s: %s", judgement_case(judgement, o->kase)->name,
                                 judgement_arm(judgement, o->arm)->name,
                                 judgement_arm(judgement, 0)->name, o->reason));
    }
    return null_if_none(lines);
}

GPtrArray *words_problems(const Judgement *judgement)
{
    const Suite *suite = judgement->suite;
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < suite->runs->len; i++) {
        const Run *run = g_ptr_array_index(suite->runs, i);

        if (run->problem) {
            add_line(lines,
                     g_strdup_printf("run %u (%s, %s): %s", run->order + 1,
                                     judgement_case(judgement, run->kase)->name,
                                     judgement_arm(judgement, run->arm)->name, run->problem));
        }
    }
    return null_if_none(lines);
}
