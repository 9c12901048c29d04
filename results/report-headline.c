/*
 * A judgement's answer in one line, and the lines about how it came about.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "report-words.h"
#include <math.h>

/* More than these are counted, not listed: a headline is read at once. */
#define LISTED_METRICS 3 /* of one arm; of several arms one each */
#define LISTED_ARMS    3

/* "0.93 (0.91..0.95)", with a third digit where the interval is that narrow. */
static void append_ratio(GString *s, const Comparison *c)
{
    int digits = c->high - c->low < 0.015 ? 3 : 2;

    if (isfinite(c->low) && isfinite(c->high)) {
        g_string_append_printf(s, "%.*f (%.*f..%.*f)", digits, c->ratio, digits, c->low, digits,
                               c->high);
    } else if (isfinite(c->ratio)) {
        g_string_append_printf(s, "%.2f", c->ratio);
    } else {
        g_string_append(s, "not measured");
    }
}

static void append_item(const Judgement *judgement, GString *s, const Comparison *c)
{
    char *where = words_section(judgement, c->kase, c->job, c->host, false);

    g_string_append_printf(s, "%s%s%s ", where, *where ? ": " : "", metrics[c->metric].title);
    append_ratio(s, c);
    g_free(where);
}

/* Does @c say the outcome, about @arm? A self-check that found a difference found it either way. */
static bool is_of(const Judgement *judgement, const Comparison *c, guint arm)
{
    if (!c->decides || c->arm != arm) {
        return false;
    }
    return c->verdict == judgement->outcome ||
           (comparison_fails(judgement, c) && judgement->options.same_library);
}

/* Lists @arm's comparisons that say the outcome; their number. */
static guint append_items(const Judgement *judgement, GString *s, guint arm)
{
    guint n = 0, listed = judgement->suite->arms->len > 2 ? 1 : LISTED_METRICS;

    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (is_of(judgement, c, arm) && n++ < listed) {
            g_string_append(s, n > 1 ? ", " : "");
            append_item(judgement, s, c);
        }
    }
    if (n > listed) {
        g_string_append_printf(s, " and %u more", n - listed);
    }
    return n;
}

/* How many pairs all that we cannot tell about @arm would take: the most. No number of them tells
 * what was not measured. */
static void append_pairs_needed(const Judgement *judgement, GString *s, guint arm)
{
    guint most = 0, pairs = 0;
    bool all = true;

    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (!is_of(judgement, c, arm)) {
            continue;
        }
        all = all && c->pairs > 0;
        if (c->pairs > 0) {
            most = MAX(most, c->pairs_needed ? c->pairs_needed : G_MAXUINT);
            pairs = MAX(pairs, c->pairs);
        }
    }
    if (pairs < 2) {
        g_string_append(s, "; it takes more than one pair to tell");
    } else if (most == G_MAXUINT) {
        g_string_append(s, "; not even 10,000 pairs would tell");
    } else {
        g_string_append_printf(s, "; about %u pairs would tell", most);
    }
    g_string_append(s, all || pairs < 2 ? "" : " of what was measured");
}

static void append_relation(const Judgement *judgement, GString *s, guint arm)
{
    const char *a = judgement_arm(judgement, 0)->name, *b = judgement_arm(judgement, arm)->name;

    if (judgement->options.same_library) {
        g_string_append_printf(s, "%s is the same as %s and measures differently: ", b, a);
        return;
    }
    switch (judgement->outcome) {
    case VERDICT_SLOWER:
    case VERDICT_FASTER:
        g_string_append_printf(s, "%s is %s than %s: ", b, verdict_name(judgement->outcome), a);
        break;
    case VERDICT_CANNOT_TELL:
        g_string_append_printf(s, "cannot tell whether %s is slower than %s: ", b, a);
        break;
    default:
        g_string_append_printf(s, "%s is as fast as %s: ", b, a);
        break;
    }
}

static void append_arms(const Judgement *judgement, GString *s)
{
    guint listed = 0, left = 0;

    for (guint arm = 1; arm < judgement->suite->arms->len; arm++) {
        GString *items = g_string_new(NULL);

        if (append_items(judgement, items, arm) > 0 && listed++ >= LISTED_ARMS) {
            left++;
        } else if (items->len) {
            g_string_append(s, s->len ? "; " : "");
            append_relation(judgement, s, arm);
            g_string_append(s, items->str);
            if (judgement->outcome == VERDICT_CANNOT_TELL) {
                append_pairs_needed(judgement, s, arm);
            }
        }
        g_string_free(items, TRUE);
    }
    if (left) {
        g_string_append_printf(s, "; and so for %u more arm%s", left, left == 1 ? "" : "s");
    }
}

static void append_obstacles(const Judgement *judgement, GString *s)
{
    const Obstacle *first;

    if (judgement->obstacles->len == 0) {
        return;
    }
    first = g_ptr_array_index(judgement->obstacles, 0);
    g_string_append_printf(s, "%s and %s cannot be compared", judgement_arm(judgement, 0)->name,
                           judgement_arm(judgement, first->arm)->name);
    if (judgement->suite->cases->len > 1) {
        g_string_append_printf(s, " in %s", judgement_case(judgement, first->kase)->name);
    }
    g_string_append_printf(s, ": %s", first->reason);
    if (judgement->obstacles->len > 1) {
        g_string_append_printf(s, " (and %u more)", judgement->obstacles->len - 1);
    }
}

/* The largest of the effects that could be missed, per metric that decides. */
static void append_smallest(const Judgement *judgement, GString *s)
{
    double largest[METRIC_COUNT] = { 0 };
    const char *before = "this machine can now show an effect of ";

    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (c->decides && !(c->smallest <= largest[c->metric])) {
            largest[c->metric] = c->smallest;
        }
    }
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (largest[m] > 0 && isfinite(largest[m])) {
            char *percent = words_percent(largest[m]);

            g_string_append_printf(s, "%s%s in %s", before, percent, metrics[m].title);
            before = ", ";
            g_free(percent);
        }
    }
    if (s->len) {
        char *pairs =
            words_pairs((gconstpointer)judgement->comparisons->pdata, judgement->comparisons->len);

        g_string_append_printf(s, ", with %s", pairs);
        g_free(pairs);
    }
}

static bool self_check_is_quiet(const Judgement *judgement)
{
    return judgement->options.same_library &&
           (judgement->outcome == VERDICT_SAME || judgement->outcome == VERDICT_CANNOT_TELL);
}

char *words_headline(const Judgement *judgement)
{
    GString *s = g_string_new(NULL);
    char *text;

    if (judgement->outcome == VERDICT_NOT_COMPARABLE) {
        append_obstacles(judgement, s);
    } else if (self_check_is_quiet(judgement)) {
        append_smallest(judgement, s);
        if (s->len == 0 && judgement->comparisons->len) {
            g_string_append(s, "too few pairs to say what this machine can show");
        }
    } else {
        append_arms(judgement, s);
    }
    if (s->len == 0) {
        g_string_append(s, judgement->comparisons->len ? "nothing that decides could be compared"
                                                       : "nothing was compared: there is no pair "
                                                         "of runs that are both complete");
    }
    if (judgement->suite->interrupted) {
        g_string_append(s, " (interrupted: this is from the runs that are complete)");
    }
    text = words_clean(s->str);
    g_string_free(s, TRUE);
    return text;
}

char *words_tally(const Judgement *judgement)
{
    guint of[VERDICT_NOT_COMPARABLE + 1] = { 0 }, all = 0;
    const char *before = ": ";
    GString *s;

    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        of[c->verdict] += c->decides;
        all += c->decides;
    }
    if (all < 2) {
        return NULL;
    }
    s = g_string_new(NULL);
    g_string_append_printf(s, "Of %u comparisons that decide", all);
    for (int v = VERDICT_NOT_COMPARABLE; v >= 0; v--) {
        if (of[v]) {
            g_string_append_printf(s, "%s%u %s", before, of[v], verdict_name(v));
            before = ", ";
        }
    }
    return g_string_free(s, FALSE);
}

/* "abba baab": the arms of the first case as they ran. */
static void append_order(const Judgement *judgement, GString *s)
{
    const Suite *suite = judgement->suite;
    guint n = 0, group = 2 * suite->arms->len;

    if (suite->arms->len > 4) {
        return;
    }
    for (guint i = 0; i < suite->runs->len; i++) {
        const Run *run = g_ptr_array_index(suite->runs, i);

        if (run->kase == 0 && n == 24) {
            g_string_append(s, " ...");
            break;
        }
        if (run->kase == 0) {
            g_string_append(s, n == 0 ? ", in the order " : n % group ? "" : " ");
            g_string_append_c(s, 'a' + run->arm);
            n++;
        }
    }
}

/* The order's seed is the manifest's. */
static void append_seed(const Judgement *judgement, GString *s)
{
    JsonNode *seed = json_object_get_member(judgement->suite->manifest, "seed");

    if (seed && JSON_NODE_HOLDS_VALUE(seed) && json_node_get_value_type(seed) == G_TYPE_INT64) {
        g_string_append_printf(s, " (seed %" G_GINT64_FORMAT ")", json_node_get_int(seed));
    }
}

/* What the verdicts in brackets are about. */
static void append_scope(const Judgement *judgement, GString *s)
{
    const char *before = "; the outcome is about ";
    bool all = true;

    for (guint i = 0; i < judgement->comparisons->len; i++) {
        all = all && ((Comparison *)g_ptr_array_index(judgement->comparisons, i))->decides;
    }
    for (int m = 0; !all && m < METRIC_COUNT; m++) {
        if (judgement->options.decides[m]) {
            g_string_append_printf(s, "%s%s", before, metrics[m].title);
            before = ", ";
        }
    }
    g_string_append(s, all ? "" : "; verdicts in brackets are for information");
}

char *words_method(const Judgement *judgement)
{
    const JudgeOptions *o = &judgement->options;
    char *band = words_percent(o->band);
    char *pairs =
        words_pairs((gconstpointer)judgement->comparisons->pdata, judgement->comparisons->len);
    GString *s = g_string_new(pairs);

    append_order(judgement, s);
    append_seed(judgement, s);
    g_string_append_printf(s,
                           "; band %s, intervals of %g %% by bootstrap (seed %" G_GUINT64_FORMAT
                           "), p by sign flips and Holm's adjustment for %u comparisons",
                           band, o->confidence * 100, o->seed, judgement->comparisons->len);
    append_scope(judgement, s);
    g_free(band);
    g_free(pairs);
    return g_string_free(s, FALSE);
}

/* The first comparison with all figures, or NULL. */
static const Comparison *example(const Judgement *judgement)
{
    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (isfinite(c->ratio) && isfinite(c->low) && isfinite(c->high)) {
            return c;
        }
    }
    return NULL;
}

char *words_legend(const Judgement *judgement)
{
    const Comparison *c = example(judgement);
    char *text, *clean;
    double off;

    if (!c) {
        return NULL;
    }
    off = (c->ratio - 1) * 100;
    text =
        g_strdup_printf("How to read it: %s of %s is %.3f times that of %s (%.1f %% %s), with "
                        "%g %% confidence between %.3f and %.3f times",
                        metrics[c->metric].title, judgement_arm(judgement, c->arm)->name, c->ratio,
                        judgement_arm(judgement, 0)->name, fabs(off), off < 0 ? "less" : "more",
                        judgement->options.confidence * 100, c->low, c->high);
    clean = words_clean(text);
    g_free(text);
    return clean;
}
