/* Tests of judge.h and then-now.h: what verdicts follow from given figures. Whether the runs did
 * the same work is another module's business: a stand-in here says what the test wants it to say.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>
#include "judge.h"
#include "json-member.h"
#include "same-work.h"
#include "then-now.h"

/* Of what same_work() complains, and about which arm. */
static const char *complaint;
static guint complaint_arm;

char *same_work(const Suite *suite, guint kase, guint arm)
{
    (void)suite;
    (void)kase;
    return complaint && arm == complaint_arm ? g_strdup(complaint) : NULL;
}

/* Making suites. */

static void add_arm(Suite *suite, const char *name, ArmKind kind)
{
    Arm *arm = g_new0(Arm, 1);

    arm->kind = kind;
    arm->name = g_strdup(name);
    arm->spec = g_strdup_printf("engine-%s", name);
    arm->engine = kind == ARM_FIO ? g_strdup(arm->spec) : NULL;
    arm->options = g_new0(char *, 1);
    g_ptr_array_add(suite->arms, arm);
}

static void add_case(Suite *suite, const char *name)
{
    Case *kase = g_new0(Case, 1);

    kase->name = g_strdup(name);
    kase->job_file = g_strdup_printf("%s.fio", name);
    kase->options = g_new0(char *, 1);
    g_ptr_array_add(suite->cases, kase);
}

static Suite *suite_of(guint arms, guint rounds)
{
    Suite *suite = suite_new("test");

    for (guint i = 0; i < arms; i++) {
        char name[] = { 'a' + i, '\0' };

        add_arm(suite, name, ARM_FIO);
    }
    add_case(suite, "case");
    suite->rounds = rounds;
    return suite;
}

static Run *run_of(Suite *suite, guint arm, guint kase, guint round)
{
    Run *run = (Run *)suite_run(suite, arm, kase, round);

    if (!run) {
        run = g_new0(Run, 1);
        run->arm = arm;
        run->kase = kase;
        run->round = round;
        run->order = suite->runs->len;
        run->samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
        g_ptr_array_add(suite->runs, run);
    }
    return run;
}

/* The sample of "job" on @host in that run, made if it is not there. */
static Sample *sample_of(Suite *suite, guint arm, guint round, const char *host)
{
    Run *run = run_of(suite, arm, 0, round);
    Sample *sample = (Sample *)run_sample(run, "job", host);

    if (!sample) {
        sample = sample_new("job", host);
        sample->ios = 1000;
        g_ptr_array_add(run->samples, sample);
    }
    return sample;
}

static void set(Suite *suite, guint arm, guint round, MetricId metric, double value)
{
    sample_of(suite, arm, round, NULL)->value[metric] = value;
}

/* Repeats itself every 7 rounds; what all arms of a round share. */
static double drift(guint round)
{
    static const double drifts[] = { 1, 1.3, 0.8, 1.1, 0.7, 1.25, 0.9 };

    return drifts[round % G_N_ELEMENTS(drifts)];
}

/* What they do not share: within 1 %. */
static double jitter(guint arm, guint round)
{
    return 1 + ((arm * 31 + round * 17) % 21 - 10.0) / 1000;
}

/* The first arm has 1000 of @metric, each other @ratio times that. */
static void fill(Suite *suite, MetricId metric, double ratio)
{
    for (guint round = 0; round < suite->rounds; round++) {
        for (guint arm = 0; arm < suite->arms->len; arm++) {
            set(suite, arm, round, metric,
                1000 * drift(round) * jitter(arm, round) * (arm ? ratio : 1));
        }
    }
}

static JudgeOptions usual(void)
{
    JudgeOptions options = { .band = 0.02, .confidence = 0.95, .seed = 1 };

    options.decides[METRIC_IOPS] = options.decides[METRIC_LAT_MEAN] = true;
    return options;
}

static Judgement *judge_usual(const Suite *suite)
{
    JudgeOptions options = usual();

    return judge(suite, &options);
}

static const Comparison *find(const Judgement *judgement, guint arm, MetricId metric,
                              const char *host)
{
    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (c->arm == arm && c->metric == metric && g_strcmp0(c->host, host) == 0) {
            return c;
        }
    }
    return NULL;
}

/* What the judgement says of a suite where each other arm has @ratio times @metric. */
static Verdict verdict_for(MetricId metric, double ratio, guint pairs)
{
    Suite *suite = suite_of(2, pairs);
    Judgement *judgement;
    Verdict verdict;

    fill(suite, metric, ratio);
    judgement = judge_usual(suite);
    g_assert_cmpuint(find(judgement, 1, metric, NULL)->pairs, ==, pairs);
    verdict = find(judgement, 1, metric, NULL)->verdict;
    judgement_free(judgement);
    suite_free(suite);
    return verdict;
}

static void test_verdicts(void)
{
    g_assert_cmpint(verdict_for(METRIC_IOPS, 1, 20), ==, VERDICT_SAME);
    g_assert_cmpint(verdict_for(METRIC_IOPS, 0.9, 20), ==, VERDICT_SLOWER);
    g_assert_cmpint(verdict_for(METRIC_IOPS, 1.1, 20), ==, VERDICT_FASTER);
    g_assert_cmpint(verdict_for(METRIC_LAT_MEAN, 1.1, 20), ==, VERDICT_SLOWER);
    g_assert_cmpint(verdict_for(METRIC_LAT_MEAN, 0.9, 20), ==, VERDICT_FASTER);
    g_assert_cmpint(verdict_for(METRIC_SWITCHES, 1.1, 20), ==, VERDICT_SLOWER);
}

/* The interval ends beyond the band on one side and within it on the other. */
static void test_at_the_edge(void)
{
    g_assert_cmpint(verdict_for(METRIC_IOPS, 1.02, 20), ==, VERDICT_CANNOT_TELL);
    g_assert_cmpint(verdict_for(METRIC_IOPS, 0.98, 20), ==, VERDICT_CANNOT_TELL);
}

/* Four pairs give no p below 2 / 16, however large the difference. */
static void test_too_few_pairs(void)
{
    Suite *suite = suite_of(2, 4);
    Judgement *judgement;
    const Comparison *c;

    fill(suite, METRIC_IOPS, 0.5);
    judgement = judge_usual(suite);
    c = find(judgement, 1, METRIC_IOPS, NULL);
    g_assert_cmpint(c->verdict, ==, VERDICT_CANNOT_TELL);
    g_assert_cmpuint(c->pairs_needed, >, 4);
    g_assert_cmpuint(judgement->notes->len, ==, 1);
    g_assert_nonnull(strstr(g_ptr_array_index(judgement->notes, 0), "it takes 6 pairs"));
    judgement_free(judgement);
    suite_free(suite);
}

static void test_estimate(void)
{
    Suite *suite = suite_of(2, 20);
    Judgement *judgement;
    const Comparison *c;

    fill(suite, METRIC_IOPS, 0.9);
    judgement = judge_usual(suite);
    c = find(judgement, 1, METRIC_IOPS, NULL);
    g_assert_cmpfloat(fabs(c->ratio - 0.9), <, 0.01);
    g_assert_true(c->low < c->ratio && c->ratio < c->high);
    /* drift of 30 %, which both arms of a round share, is in the medians and not in the ratio */
    g_assert_cmpfloat(c->high - c->low, <, 0.02);
    g_assert_cmpfloat(fabs(c->base - 1000), <, 60);
    g_assert_cmpfloat(fabs(c->value - 900), <, 60);
    g_assert_true(c->decides);
    g_assert_true(c->smallest > 0.02 && c->smallest < 0.1);
    judgement_free(judgement);
    suite_free(suite);
}

/* Ten pairs are enough for one figure, and are not for so many that one of them must stand out. */
static void test_holm(void)
{
    Suite *few = suite_of(2, 10), *many = suite_of(20, 10);
    Judgement *judgement;

    fill(few, METRIC_IOPS, 0.9);
    judgement = judge_usual(few);
    g_assert_cmpint(judgement->outcome, ==, VERDICT_SLOWER);
    g_assert_cmpfloat(find(judgement, 1, METRIC_IOPS, NULL)->p_holm, ==,
                      find(judgement, 1, METRIC_IOPS, NULL)->p);
    judgement_free(judgement);
    for (int metric = METRIC_IOPS; metric <= METRIC_LAT_P99; metric++) {
        fill(many, metric, 0.9);
    }
    judgement = judge_usual(many);
    g_assert_cmpuint(judgement->comparisons->len, ==, 19 * 5);
    g_assert_cmpfloat(find(judgement, 1, METRIC_IOPS, NULL)->p, <, 0.003);
    g_assert_cmpfloat(find(judgement, 1, METRIC_IOPS, NULL)->p_holm, >, 0.05);
    g_assert_cmpint(judgement->outcome, ==, VERDICT_CANNOT_TELL);
    judgement_free(judgement);
    suite_free(few);
    suite_free(many);
}

/* What is no decision is shown, adjusted for, and nothing more. */
static void test_decides(void)
{
    Suite *suite = suite_of(2, 20);
    Judgement *judgement;

    fill(suite, METRIC_IOPS, 1);
    fill(suite, METRIC_LAT_MEAN, 1);
    fill(suite, METRIC_LAT_P99, 1.2);
    judgement = judge_usual(suite);
    g_assert_cmpint(find(judgement, 1, METRIC_LAT_P99, NULL)->verdict, ==, VERDICT_SLOWER);
    g_assert_false(find(judgement, 1, METRIC_LAT_P99, NULL)->decides);
    g_assert_cmpint(judgement->outcome, ==, VERDICT_SAME);
    judgement_free(judgement);
    suite_free(suite);
}

/* What it says of context switches when the arms have so many in each round. */
static Comparison switches(double a, double b)
{
    Suite *suite = suite_of(2, 20);
    Judgement *judgement;
    Comparison c;

    for (guint round = 0; round < suite->rounds; round++) {
        set(suite, 0, round, METRIC_SWITCHES, a / 1000);
        set(suite, 1, round, METRIC_SWITCHES, b / 1000);
        sample_of(suite, 1, round, NULL)->ios = 1500;
    }
    judgement = judge_usual(suite);
    c = *find(judgement, 1, METRIC_SWITCHES, NULL);
    judgement_free(judgement);
    suite_free(suite);
    return c;
}

static void test_counts_of_zero(void)
{
    Comparison c = switches(0, 0);

    g_assert_cmpint(c.verdict, ==, VERDICT_SAME);
    g_assert_cmpfloat(c.ratio, ==, 1);
    c = switches(0, 40);
    g_assert_cmpint(c.verdict, ==, VERDICT_SLOWER);
    g_assert_true(isfinite(c.ratio) && isfinite(c.low) && isfinite(c.high));
    g_assert_cmpfloat(c.base, ==, 0);
    c = switches(40, 0);
    g_assert_cmpint(c.verdict, ==, VERDICT_FASTER);
    g_assert_true(c.ratio > 0);
}

/* A rate of 0 was not measured, nor is what is unknown, infinite or below zero. */
static void test_no_values(void)
{
    static const double none[] = { 0, NAN, INFINITY, -1 };
    Suite *suite = suite_of(2, 20);
    Judgement *judgement;

    fill(suite, METRIC_IOPS, 0.9);
    for (guint i = 0; i < G_N_ELEMENTS(none); i++) {
        set(suite, i % 2, i, METRIC_IOPS, none[i]);
    }
    judgement = judge_usual(suite);
    g_assert_cmpuint(find(judgement, 1, METRIC_IOPS, NULL)->pairs, ==, 16);
    g_assert_cmpfloat(fabs(find(judgement, 1, METRIC_IOPS, NULL)->ratio - 0.9), <, 0.01);
    g_assert_null(find(judgement, 1, METRIC_LAT_P9999, NULL));
    judgement_free(judgement);
    suite_free(suite);
}

/* The status is about latency, and there is none: that must be seen. */
static void test_deciding_metric_is_missing(void)
{
    Suite *suite = suite_of(2, 20);
    Judgement *judgement;
    const Comparison *c;

    fill(suite, METRIC_IOPS, 1);
    judgement = judge_usual(suite);
    c = find(judgement, 1, METRIC_LAT_MEAN, NULL);
    g_assert_cmpuint(c->pairs, ==, 0);
    g_assert_cmpint(c->verdict, ==, VERDICT_CANNOT_TELL);
    g_assert_true(isnan(c->base) && isnan(c->ratio) && isnan(c->p_holm) && isnan(c->smallest));
    g_assert_cmpint(judgement->outcome, ==, VERDICT_CANNOT_TELL);
    judgement_free(judgement);
    suite_free(suite);
}

/* qemu-img bench tells no latency, and is not asked for it. */
static void test_qemu_img(void)
{
    Suite *suite = suite_of(1, 20);
    Judgement *judgement;

    add_arm(suite, "b", ARM_QEMU_IMG);
    fill(suite, METRIC_IOPS, 1);
    judgement = judge_usual(suite);
    g_assert_null(find(judgement, 1, METRIC_LAT_MEAN, NULL));
    g_assert_cmpint(judgement->outcome, ==, VERDICT_SAME);
    judgement_free(judgement);
    suite_free(suite);
}

static void test_obstacle(void)
{
    Suite *suite = suite_of(3, 20);
    Judgement *judgement;
    const Comparison *c;
    const Obstacle *obstacle;

    fill(suite, METRIC_IOPS, 0.9);
    complaint = "other work";
    complaint_arm = 2;
    judgement = judge_usual(suite);
    complaint = NULL;
    g_assert_cmpint(judgement->outcome, ==, VERDICT_NOT_COMPARABLE);
    g_assert_cmpuint(judgement->obstacles->len, ==, 1);
    obstacle = g_ptr_array_index(judgement->obstacles, 0);
    g_assert_cmpuint(obstacle->arm, ==, 2);
    g_assert_cmpstr(obstacle->reason, ==, "other work");
    c = find(judgement, 2, METRIC_IOPS, NULL);
    g_assert_cmpint(c->verdict, ==, VERDICT_NOT_COMPARABLE);
    g_assert_true(c->base > 0 && isnan(c->ratio) && isnan(c->p) && isnan(c->p_holm));
    /* the other arm is judged, and not adjusted for what is not */
    c = find(judgement, 1, METRIC_IOPS, NULL);
    g_assert_cmpint(c->verdict, ==, VERDICT_SLOWER);
    g_assert_cmpfloat(c->p_holm, ==, c->p);
    judgement_free(judgement);
    suite_free(suite);
}

/* Only rounds that both have are pairs; one arm's lonely runs move nothing. */
static void test_interrupted(void)
{
    Suite *suite = suite_of(2, 30);
    Judgement *judgement;
    const Comparison *c;

    fill(suite, METRIC_IOPS, 0.9);
    for (guint i = suite->runs->len; i-- > 0;) {
        const Run *run = g_ptr_array_index(suite->runs, i);

        if (run->round > 20 || (run->round == 20 && run->arm == 1)) {
            g_ptr_array_remove_index(suite->runs, i);
        }
    }
    set(suite, 0, 20, METRIC_IOPS, 1e9);
    suite->interrupted = true;
    judgement = judge_usual(suite);
    c = find(judgement, 1, METRIC_IOPS, NULL);
    g_assert_cmpuint(c->pairs, ==, 20);
    g_assert_cmpint(c->verdict, ==, VERDICT_SLOWER);
    judgement_free(judgement);
    suite_free(suite);
}

static void test_nothing_at_all(void)
{
    Suite *suite = suite_of(2, 10);
    Judgement *judgement = judge_usual(suite);

    g_assert_cmpuint(judgement->comparisons->len, ==, 0);
    g_assert_cmpint(judgement->outcome, ==, VERDICT_CANNOT_TELL);
    judgement_free(judgement);
    suite_free(suite);
}

/* Two hosts, one twice as busy: each for itself, and both as one. */
static void test_hosts(void)
{
    Suite *suite = suite_of(2, 20);
    Judgement *judgement;
    const Comparison *all;

    for (guint round = 0; round < suite->rounds; round++) {
        for (guint arm = 0; arm < 2; arm++) {
            Sample *x = sample_of(suite, arm, round, "x"), *y = sample_of(suite, arm, round, "y");

            x->value[METRIC_IOPS] = 1000 * jitter(arm, round);
            y->value[METRIC_IOPS] = 2000 * jitter(arm, round + 3) * (arm ? 0.7 : 1);
            y->ios = 2000;
            x->value[METRIC_LAT_MEAN] = 10;
            y->value[METRIC_LAT_MEAN] = 40;
        }
    }
    judgement = judge_usual(suite);
    g_assert_cmpint(find(judgement, 1, METRIC_IOPS, "x")->verdict, ==, VERDICT_SAME);
    g_assert_cmpint(find(judgement, 1, METRIC_IOPS, "y")->verdict, ==, VERDICT_SLOWER);
    all = find(judgement, 1, METRIC_IOPS, NULL);
    g_assert_cmpfloat(fabs(all->base - 3000), <, 60);
    g_assert_cmpfloat(fabs(all->ratio - 0.8), <, 0.02);
    g_assert_cmpint(all->verdict, ==, VERDICT_SLOWER);
    g_assert_cmpfloat(find(judgement, 1, METRIC_LAT_MEAN, NULL)->base, ==, 30);
    judgement_free(judgement);
    suite_free(suite);
}

/* By case, job, host, arm, metric. */
static void test_order(void)
{
    Suite *suite = suite_of(3, 2);
    Judgement *judgement;

    add_case(suite, "other");
    fill(suite, METRIC_IOPS, 1);
    fill(suite, METRIC_CPU, 1);
    for (guint arm = 0; arm < 3; arm++) {
        Sample *sample = sample_new("job", NULL);

        sample->value[METRIC_IOPS] = 1;
        g_ptr_array_add(run_of(suite, arm, 1, 0)->samples, sample);
    }
    judgement = judge_usual(suite);
    for (guint i = 1; i < judgement->comparisons->len; i++) {
        const Comparison *x = g_ptr_array_index(judgement->comparisons, i - 1);
        const Comparison *y = g_ptr_array_index(judgement->comparisons, i);

        g_assert_cmpuint(x->kase * 1000 + x->arm * 100 + x->metric, <,
                         y->kase * 1000 + y->arm * 100 + y->metric);
    }
    judgement_free(judgement);
    suite_free(suite);
}

/* Then against now. */

/* A suite of another day: all is @pace times as fast, and the second arm @ratio times the first. */
static Suite *day(double pace, double ratio, guint rounds)
{
    Suite *suite = suite_of(2, rounds);

    for (guint round = 0; round < rounds; round++) {
        double here = pace * drift(round + (pace > 1 ? 3 : 0));

        set(suite, 0, round, METRIC_IOPS, 1000 * here * jitter(0, round));
        set(suite, 1, round, METRIC_IOPS, 1000 * here * ratio * jitter(1, round));
        set(suite, 0, round, METRIC_SWITCHES, 1);
        set(suite, 1, round, METRIC_SWITCHES, 1);
    }
    return suite;
}

/* What then_now() makes of two days, judged. */
static Comparison held_against(Suite *then, Suite *now, GPtrArray *notes)
{
    Suite *both = then_now(then, now, NULL, NULL, notes, NULL);
    Judgement *judgement = judge_usual(both);
    Comparison c = *find(judgement, 1, METRIC_IOPS, NULL);

    g_assert_cmpint(find(judgement, 1, METRIC_SWITCHES, NULL)->verdict, ==, VERDICT_SAME);
    judgement_free(judgement);
    suite_free(both);
    suite_free(then);
    suite_free(now);
    return c;
}

static void test_machine_is_taken_out(void)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    Comparison c = held_against(day(1, 0.9, 20), day(1.5, 0.9, 20), notes);

    g_assert_cmpint(c.verdict, ==, VERDICT_SAME);
    g_assert_cmpfloat(fabs(c.ratio - 1), <, 0.01);
    g_assert_nonnull(strstr(g_ptr_array_index(notes, 0), "divided by what arm a"));
    c = held_against(day(1, 0.9, 20), day(1.5, 0.9 * 0.93, 20), notes);
    g_assert_cmpint(c.verdict, ==, VERDICT_SLOWER);
    g_assert_cmpfloat(fabs(c.ratio - 0.93), <, 0.01);
    g_ptr_array_unref(notes);
}

/* Nothing measured in both is the same thing, so the machine stays in, and this is said. */
static void test_machine_stays_in(void)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    Suite *then = day(1, 0.9, 20), *now = day(1.5, 0.9, 20);
    Arm *first = g_ptr_array_index(now->arms, 0);
    Comparison c;

    g_free(first->spec);
    first->spec = g_strdup("another");
    c = held_against(then, now, notes);
    g_assert_cmpfloat(c.ratio, >, 1.2);
    g_assert_nonnull(strstr(g_ptr_array_index(notes, 0), "no arm is the same"));
    g_ptr_array_unref(notes);
}

/* A library of the same name is no common measure when it was built anew. */
static void test_library_was_built_anew(void)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    Suite *days[] = { day(1, 0.9, 20), day(1, 0.9, 20) };

    for (int i = 0; i < 2; i++) {
        JsonArray *engines = json_array_new();
        JsonObject *engine = json_object_new();

        json_add_string(engine, "sha256", i ? "22" : "11");
        json_array_add_object_element(engines, engine);
        json_object_set_array_member(days[i]->manifest, "engines", engines);
    }
    held_against(days[0], days[1], notes);
    g_assert_nonnull(strstr(g_ptr_array_index(notes, 0), "no arm is the same"));
    g_ptr_array_unref(notes);
}

static void test_fewer_rounds(void)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    Comparison c = held_against(day(1, 0.9, 20), day(1, 0.9, 8), notes);

    g_assert_cmpuint(c.pairs, ==, 8);
    g_assert_cmpuint(notes->len, ==, 2);
    g_assert_nonnull(
        strstr(g_ptr_array_index(notes, 1), "20 rounds then and 8 now: the first 8 of both"));
    g_ptr_array_unref(notes);
}

static void test_named_arms(void)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    Suite *then = day(1, 0.9, 20), *now = day(1, 0.9, 20);
    Suite *both = then_now(then, now, "b", "a", notes, NULL);
    Judgement *judgement = judge_usual(both);
    GError *error = NULL;

    g_assert_cmpfloat(fabs(find(judgement, 1, METRIC_IOPS, NULL)->ratio - 1 / 0.9), <, 0.05);
    g_assert_null(then_now(then, now, "b", "z", notes, &error));
    g_assert_nonnull(strstr(error->message, "second set of runs has no arm \"z\""));
    g_clear_error(&error);
    judgement_free(judgement);
    suite_free(both);
    suite_free(then);
    suite_free(now);
    g_ptr_array_unref(notes);
}

/* Each arm but the first is a case of its own. */
static void test_several_arms(void)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    Suite *then = suite_of(3, 10), *now = suite_of(3, 10), *both;

    fill(then, METRIC_IOPS, 0.9);
    fill(now, METRIC_IOPS, 0.9);
    both = then_now(then, now, NULL, NULL, notes, NULL);
    g_assert_cmpuint(both->arms->len, ==, 2);
    g_assert_cmpuint(both->cases->len, ==, 2);
    g_assert_cmpstr(((Case *)g_ptr_array_index(both->cases, 1))->name, ==, "case, arm c");
    g_assert_cmpuint(both->runs->len, ==, 2 * 2 * 10);
    suite_free(both);
    suite_free(then);
    suite_free(now);
    g_ptr_array_unref(notes);
}

static void test_nothing_in_common(void)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    Suite *then = day(1, 0.9, 2), *now = day(1, 0.9, 2);
    Case *kase = g_ptr_array_index(now->cases, 0);
    GError *error = NULL;

    g_free(kase->name);
    kase->name = g_strdup("else");
    g_assert_null(then_now(then, now, NULL, NULL, notes, &error));
    g_assert_nonnull(strstr(error->message, "no case in common"));
    g_clear_error(&error);
    suite_free(then);
    suite_free(now);
    g_ptr_array_unref(notes);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/judge/verdicts", test_verdicts);
    g_test_add_func("/judge/at-the-edge", test_at_the_edge);
    g_test_add_func("/judge/too-few-pairs", test_too_few_pairs);
    g_test_add_func("/judge/estimate", test_estimate);
    g_test_add_func("/judge/holm", test_holm);
    g_test_add_func("/judge/decides", test_decides);
    g_test_add_func("/judge/counts-of-zero", test_counts_of_zero);
    g_test_add_func("/judge/no-values", test_no_values);
    g_test_add_func("/judge/deciding-metric-is-missing", test_deciding_metric_is_missing);
    g_test_add_func("/judge/qemu-img", test_qemu_img);
    g_test_add_func("/judge/obstacle", test_obstacle);
    g_test_add_func("/judge/interrupted", test_interrupted);
    g_test_add_func("/judge/nothing-at-all", test_nothing_at_all);
    g_test_add_func("/judge/hosts", test_hosts);
    g_test_add_func("/judge/order", test_order);
    g_test_add_func("/then-now/machine-is-taken-out", test_machine_is_taken_out);
    g_test_add_func("/then-now/machine-stays-in", test_machine_stays_in);
    g_test_add_func("/then-now/library-was-built-anew", test_library_was_built_anew);
    g_test_add_func("/then-now/fewer-rounds", test_fewer_rounds);
    g_test_add_func("/then-now/named-arms", test_named_arms);
    g_test_add_func("/then-now/several-arms", test_several_arms);
    g_test_add_func("/then-now/nothing-in-common", test_nothing_in_common);
    return g_test_run();
}
