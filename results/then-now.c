/*
 * Then against now: copies the runs of two suites into one, and takes out what the machine did.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "then-now.h"
#include <math.h>
#include "json-member.h"

enum { THEN, NOW };

G_DEFINE_QUARK(qaio - compare - then - now, then_now_error)

/* One case of the result: a case and an arm, as either suite numbers them. */
typedef struct Match {
    guint kase[2], arm[2];
} Match;

typedef struct Merge {
    const Suite *from[2];
    gboolean corrected; /* both have the same first arm, and it is not what is compared */
    Suite *to;
} Merge;

static int find_arm(const Suite *suite, const char *name)
{
    for (guint i = 0; i < suite->arms->len; i++) {
        const Arm *arm = g_ptr_array_index(suite->arms, i);

        if (g_str_equal(arm->name, name)) {
            return i;
        }
    }
    return -1;
}

static int find_case(const Suite *suite, const char *name)
{
    for (guint i = 0; i < suite->cases->len; i++) {
        const Case *kase = g_ptr_array_index(suite->cases, i);

        if (g_str_equal(kase->name, name)) {
            return i;
        }
    }
    return -1;
}

/* The hash of the library behind the first arm; NULL for one of fio's own engines. */
static const char *first_library(const Suite *suite)
{
    JsonArray *engines = json_array(suite->manifest, "engines");
    JsonNode *node =
        engines && json_array_get_length(engines) ? json_array_get_element(engines, 0) : NULL;

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_string(json_node_get_object(node), "sha256")
                                                : NULL;
}

/* An engine of fio's own is as old as fio, which the fingerprint has; a library must be the same
 * file. */
static gboolean same_first_arm(const Suite *then, const Suite *now)
{
    const Arm *x, *y;

    if (then->arms->len == 0 || now->arms->len == 0) {
        return FALSE;
    }
    x = g_ptr_array_index(then->arms, 0);
    y = g_ptr_array_index(now->arms, 0);
    return x->kind == y->kind && g_str_equal(x->spec, y->spec) &&
           g_strcmp0(first_library(then), first_library(now)) == 0;
}

/* Which arms. */

static gboolean add_named(const Suite *then, const Suite *now, const char *x, const char *y,
                          GArray *matches, GError **error)
{
    Match match = { .arm = { find_arm(then, x), find_arm(now, y) } };

    if ((int)match.arm[THEN] < 0 || (int)match.arm[NOW] < 0) {
        g_set_error(error, THEN_NOW_ERROR, 0, "the %s set of runs has no arm \"%s\"",
                    (int)match.arm[THEN] < 0 ? "first" : "second",
                    (int)match.arm[THEN] < 0 ? x : y);
        return FALSE;
    }
    g_array_append_val(matches, match);
    return TRUE;
}

static gboolean find_arms(const Suite *then, const Suite *now, const char *x, const char *y,
                          GArray *matches, GError **error)
{
    if (x) {
        return add_named(then, now, x, y ? y : x, matches, error);
    }
    for (guint i = then->arms->len > 1; i < then->arms->len; i++) {
        const Arm *arm = g_ptr_array_index(then->arms, i);

        if (find_arm(now, arm->name) >= 0 &&
            !add_named(then, now, arm->name, arm->name, matches, error)) {
            return FALSE;
        }
    }
    if (matches->len == 0) {
        g_set_error(error, THEN_NOW_ERROR, 0,
                    "the two sets of runs have no arm of the same name: name them with --arm");
    }
    return matches->len > 0;
}

static char *case_name(const Suite *then, const char *name, guint arm, guint arms)
{
    const Arm *a = g_ptr_array_index(then->arms, arm);

    return arms > 1 ? g_strdup_printf("%s, arm %s", name, a->name) : g_strdup(name);
}

/* Each case that both have, with each of @arms; adds it to the result. */
static gboolean find_cases(Merge *m, const GArray *arms, GArray *matches, GError **error)
{
    for (guint i = 0; i < m->from[THEN]->cases->len; i++) {
        const Case *kase = g_ptr_array_index(m->from[THEN]->cases, i);
        int other = find_case(m->from[NOW], kase->name);

        for (guint k = 0; k < arms->len && other >= 0; k++) {
            Match match = g_array_index(arms, Match, k);
            Case *copy = case_copy(kase);

            match.kase[THEN] = i;
            match.kase[NOW] = other;
            g_free(copy->name);
            copy->name = case_name(m->from[THEN], kase->name, match.arm[THEN], arms->len);
            g_ptr_array_add(m->to->cases, copy);
            g_array_append_val(matches, match);
        }
    }
    if (matches->len == 0) {
        g_set_error(error, THEN_NOW_ERROR, 0, "the two sets of runs have no case in common");
    }
    return matches->len > 0;
}

/* Copying. */

static void copy_option(gpointer name, gpointer value, gpointer to)
{
    g_hash_table_insert(to, g_strdup(name), g_strdup(value));
}

static Sample *copy_sample(const Sample *from)
{
    Sample *sample = sample_new(from->job, from->host);

    for (int i = 0; i < METRIC_COUNT; i++) {
        sample->value[i] = from->value[i];
    }
    histogram_merge(sample->clat, from->clat);
    sample->ios = from->ios;
    sample->bytes = from->bytes;
    sample->errors = from->errors;
    sample->short_ios = from->short_ios;
    sample->dropped_ios = from->dropped_ios;
    sample->time_based = from->time_based;
    g_hash_table_foreach(from->options, copy_option, sample->options);
    g_hash_table_remove(sample->options, "filename"); /* /dev/loop0 then, /dev/loop1 now */
    return sample;
}

static gboolean is_of_the_machine(int metric)
{
    return metric != METRIC_SWITCHES && metric != METRIC_SYSCALLS;
}

/* Divides by what the first arm gained from then to now; without both of its values there is
 * nothing to say. */
static void correct(Sample *sample, const Run *then, const Run *now)
{
    const Sample *x = then ? run_sample(then, sample->job, sample->host) : NULL;
    const Sample *y = now ? run_sample(now, sample->job, sample->host) : NULL;

    for (int i = 0; i < METRIC_COUNT; i++) {
        if (is_of_the_machine(i)) {
            double gain = x && y && x->value[i] > 0 ? y->value[i] / x->value[i] : NAN;

            sample->value[i] = gain > 0 ? sample->value[i] / gain : NAN;
        }
    }
}

static Run *copy_run(const Merge *m, const Run *from, int which, const Match *match)
{
    Run *run = g_new0(Run, 1);
    guint round = from->round;

    *run = (Run){
        .arm = which,
        .round = round,
        .started = from->started,
        .seconds = from->seconds,
        .file = g_strdup(from->file),
        .problem = g_strdup(from->problem),
        .samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free),
    };
    for (guint i = 0; i < from->samples->len; i++) {
        Sample *sample = copy_sample(g_ptr_array_index(from->samples, i));

        if (m->corrected && which == NOW) {
            correct(sample, suite_run(m->from[THEN], 0, match->kase[THEN], round),
                    suite_run(m->from[NOW], 0, match->kase[NOW], round));
        }
        g_ptr_array_add(run->samples, sample);
    }
    return run;
}

/* Then's first: nobody shall take them for runs in alternation. */
static void copy_runs(Merge *m, guint kase, const Match *match)
{
    for (int which = THEN; which <= NOW; which++) {
        for (guint round = 0; round < m->to->rounds; round++) {
            const Run *from =
                suite_run(m->from[which], match->arm[which], match->kase[which], round);

            if (from) {
                Run *run = copy_run(m, from, which, match);

                run->kase = kase;
                run->order = m->to->runs->len;
                g_ptr_array_add(m->to->runs, run);
            }
        }
    }
}

static void add_arm(Suite *to, const char *name, const Arm *from)
{
    Arm *arm = arm_copy(from);

    g_free(arm->name);
    arm->name = g_strdup(name);
    g_ptr_array_add(to->arms, arm);
}

/* Words. */

static const char *time_of(const Suite *suite)
{
    const char *time = json_string(suite->manifest, "time");

    return time ? time : "unknown";
}

static void add_notes(const Merge *m, GPtrArray *notes)
{
    const Arm *first = g_ptr_array_index(m->from[THEN]->arms, 0);
    const Suite *then = m->from[THEN], *now = m->from[NOW];

    if (m->corrected) {
        g_ptr_array_add(notes,
                        g_strdup_printf("then is of %s, now of %s: figures of now are "
                                        "divided by what arm %s (%s) gained between them",
                                        time_of(then), time_of(now), first->name, first->spec));
    } else {
        g_ptr_array_add(notes, g_strdup_printf("then is of %s, now of %s, and no arm is the same "
                                               "in both: what the machine does differently now is "
                                               "in every ratio and in no interval",
                                               time_of(then), time_of(now)));
    }
    if (then->rounds != now->rounds) {
        g_ptr_array_add(notes, g_strdup_printf("%u rounds then and %u now: the first %u of both "
                                               "are compared",
                                               then->rounds, now->rounds, m->to->rounds));
    }
    if (m->to->cases->len < MAX(then->cases->len, now->cases->len)) {
        g_ptr_array_add(notes, g_strdup("not every case is in both: the others are left out"));
    }
}

/* What was measured is now's; then's is beside it. */
static void fill_manifest(const Merge *m)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init(&iter, m->from[NOW]->manifest);
    while (json_object_iter_next(&iter, &name, &node)) {
        json_object_set_member(m->to->manifest, name, json_node_copy(node));
    }
    json_object_set_object_member(m->to->manifest, "then",
                                  json_object_ref(m->from[THEN]->manifest));
}

static void merge(Merge *m, const GArray *matches, GPtrArray *notes)
{
    const Match *first = &g_array_index(matches, Match, 0);

    m->to->rounds = MIN(m->from[THEN]->rounds, m->from[NOW]->rounds);
    m->to->interrupted = m->from[THEN]->interrupted || m->from[NOW]->interrupted;
    m->corrected =
        same_first_arm(m->from[THEN], m->from[NOW]) && first->arm[THEN] > 0 && first->arm[NOW] > 0;
    add_arm(m->to, "then", g_ptr_array_index(m->from[THEN]->arms, first->arm[THEN]));
    add_arm(m->to, "now", g_ptr_array_index(m->from[NOW]->arms, first->arm[NOW]));
    for (guint i = 0; i < matches->len; i++) {
        copy_runs(m, i, &g_array_index(matches, Match, i));
    }
    fill_manifest(m);
    add_notes(m, notes);
}

Suite *then_now(const Suite *then, const Suite *now, const char *then_arm, const char *now_arm,
                GPtrArray *notes, GError **error)
{
    Merge m = { .from = { then, now }, .to = suite_new(now->name) };
    GArray *arms = g_array_new(FALSE, FALSE, sizeof(Match));
    GArray *matches = g_array_new(FALSE, FALSE, sizeof(Match));

    if (find_arms(then, now, then_arm, now_arm, arms, error) &&
        find_cases(&m, arms, matches, error)) {
        merge(&m, matches, notes);
    } else {
        g_clear_pointer(&m.to, suite_free);
    }
    g_array_unref(matches);
    g_array_unref(arms);
    return m.to;
}
