/*
 * From runs to verdicts: pairs of samples, their logarithmic ratios, and what may be said of them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It goes in two steps, because how much one figure may say depends on how many are looked at:
 *
 *   look    every case, job, host, arm, metric: ratios round by round, estimate, interval, p
 *   decide  all p together (Holm), then each verdict, and what it would have taken
 *
 * Ratios are of logarithms, so that twice as fast and half as fast lie equally far from none. A
 * value of 0 has no logarithm. For a rate or a time it is no measurement, and its round is left out
 * for that metric. A count (context switches, system calls) may well be 0: none in either run is no
 * difference, and where one has none, half a count is added to both.
 */
#include "judge.h"
#include <math.h>
#include "all-hosts.h"
#include "same-work.h"
#include "stats.h"

/* One job on one host, as the suite names them; or on all hosts together. */
typedef struct Key {
    const char *job, *host;
    bool all_hosts;
} Key;

/* What two arms gave in one round. */
typedef struct Pair {
    const Sample *base, *value;
} Pair;

/* The runs of one case: by arm and round; NULL where there is none. */
typedef struct CaseRuns {
    const Suite *suite;
    guint kase;
    const Run **runs;
    GArray *keys;      /* Key */
    bool *blocked;     /* by arm: there is an obstacle */
    GPtrArray *merged; /* Sample *: of all hosts together, made here */
} CaseRuns;

typedef struct Judging {
    Judgement *judgement;
    GPtrArray *differences; /* GArray * of double, one for each comparison */
} Judging;

static void obstacle_free(Obstacle *obstacle)
{
    g_free(obstacle->reason);
    g_free(obstacle);
}

/* Finding what belongs together. */

static bool is_key(const Key *x, const Key *y)
{
    return g_str_equal(x->job, y->job) && g_strcmp0(x->host, y->host) == 0 &&
           x->all_hosts == y->all_hosts;
}

static void add_key(GArray *keys, Key key)
{
    for (guint i = 0; i < keys->len; i++) {
        if (is_key(&g_array_index(keys, Key, i), &key)) {
            return;
        }
    }
    g_array_append_val(keys, key);
}

static void add_keys(GArray *keys, const Run *run)
{
    for (guint i = 0; i < run->samples->len; i++) {
        const Sample *sample = g_ptr_array_index(run->samples, i);

        add_key(keys, (Key){ sample->job, sample->host, false });
    }
}

/* A job that ran on several hosts is also looked at as one. */
static void add_all_hosts(GArray *keys)
{
    for (guint i = 0, n = keys->len; i < n; i++) {
        for (guint k = 0; k < i; k++) {
            const Key *x = &g_array_index(keys, Key, k), *y = &g_array_index(keys, Key, i);

            if (x->host && y->host && g_str_equal(x->job, y->job)) {
                add_key(keys, (Key){ y->job, NULL, true });
                break;
            }
        }
    }
}

static void case_runs_init(CaseRuns *c, const Suite *suite, guint kase)
{
    c->suite = suite;
    c->kase = kase;
    c->runs = g_new0(const Run *, (gsize)suite->arms->len * suite->rounds);
    c->keys = g_array_new(FALSE, FALSE, sizeof(Key));
    c->blocked = g_new0(bool, suite->arms->len);
    c->merged = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    for (guint i = 0; i < suite->runs->len; i++) {
        const Run *run = g_ptr_array_index(suite->runs, i);

        if (run->kase == kase && run->arm < suite->arms->len && run->round < suite->rounds) {
            c->runs[(gsize)run->arm * suite->rounds + run->round] = run;
            add_keys(c->keys, run);
        }
    }
    add_all_hosts(c->keys);
}

static void case_runs_done(CaseRuns *c)
{
    g_free(c->runs);
    g_array_unref(c->keys);
    g_free(c->blocked);
    g_ptr_array_unref(c->merged);
}

static const Sample *find_sample(const CaseRuns *c, guint arm, guint round, const Key *key)
{
    const Run *run = c->runs[(gsize)arm * c->suite->rounds + round];
    Sample *merged;

    if (!run || !key->all_hosts) {
        return run ? run_sample(run, key->job, key->host) : NULL;
    }
    merged = sample_of_all_hosts(run, key->job);
    if (merged) {
        g_ptr_array_add(c->merged, merged);
    }
    return merged;
}

/* The rounds in which both the first arm and @arm have that job on that host. */
static GArray *find_pairs(const CaseRuns *c, guint arm, const Key *key)
{
    GArray *pairs = g_array_new(FALSE, FALSE, sizeof(Pair));

    for (guint round = 0; round < c->suite->rounds; round++) {
        Pair pair = { find_sample(c, 0, round, key), find_sample(c, arm, round, key) };

        if (pair.base && pair.value) {
            g_array_append_val(pairs, pair);
        }
    }
    return pairs;
}

/* One comparison. */

static bool is_count(MetricId metric)
{
    return metric == METRIC_SWITCHES || metric == METRIC_SYSCALLS;
}

static bool is_measured(MetricId metric, const Sample *sample)
{
    double value = sample->value[metric];

    return isfinite(value) && (value > 0 || (value == 0 && is_count(metric) && sample->ios > 0));
}

static double log_ratio(MetricId metric, const Pair *pair)
{
    double base = pair->base->value[metric], value = pair->value->value[metric];

    if (base == 0 && value == 0) {
        return 0;
    }
    if (base == 0 || value == 0) {
        base += 0.5 / pair->base->ios;
        value += 0.5 / pair->value->ios;
    }
    return log(value / base);
}

/* Fills in what the two arms gave; the differences are the caller's. */
static GArray *measure(Comparison *c, const GArray *pairs)
{
    GArray *d = g_array_new(FALSE, FALSE, sizeof(double));
    double *base = g_new(double, pairs->len + 1), *value = g_new(double, pairs->len + 1);

    for (guint i = 0; i < pairs->len; i++) {
        const Pair *pair = &g_array_index(pairs, Pair, i);

        if (is_measured(c->metric, pair->base) && is_measured(c->metric, pair->value)) {
            double ratio = log_ratio(c->metric, pair);

            base[d->len] = pair->base->value[c->metric];
            value[d->len] = pair->value->value[c->metric];
            g_array_append_val(d, ratio);
        }
    }
    c->pairs = d->len;
    if (d->len > 0) {
        c->base = stats_median(base, d->len);
        c->value = stats_median(value, d->len);
    }
    g_free(base);
    g_free(value);
    return d;
}

static void estimate(Comparison *c, const GArray *differences, const JudgeOptions *options)
{
    const double *d = (const double *)differences->data;
    StatsInterval interval = stats_bootstrap(d, c->pairs, options->confidence, options->seed);

    c->ratio = exp(stats_hodges_lehmann(d, c->pairs));
    c->low = exp(interval.low);
    c->high = exp(interval.high);
    c->p = stats_sign_flip(d, c->pairs, options->seed);
}

/* A metric that an arm cannot have, or that nobody can have here, is left out; unless the exit
 * status is about it: then it must be seen that there is nothing to tell. */
static bool is_worth_a_line(const Judging *j, const Comparison *c)
{
    const Arm *arm = g_ptr_array_index(j->judgement->suite->arms, c->arm);
    const Arm *base = g_ptr_array_index(j->judgement->suite->arms, 0);

    return c->pairs > 0 || (j->judgement->options.decides[c->metric] && arm->kind == ARM_FIO &&
                            base->kind == ARM_FIO);
}

static void look_at_metric(Judging *j, const CaseRuns *runs, const Comparison *what,
                           const GArray *pairs)
{
    Comparison *c = g_new(Comparison, 1);
    GArray *d;

    *c = *what;
    d = measure(c, pairs);
    if (!is_worth_a_line(j, c)) {
        g_array_unref(d);
        g_free(c);
        return;
    }
    c->decides = j->judgement->options.decides[c->metric];
    if (runs->blocked[c->arm]) {
        c->verdict = VERDICT_NOT_COMPARABLE;
    } else if (c->pairs > 0) {
        estimate(c, d, &j->judgement->options);
    }
    g_ptr_array_add(j->judgement->comparisons, c);
    g_ptr_array_add(j->differences, d);
}

static void look_at_arm(Judging *j, const CaseRuns *runs, const Key *key, guint arm)
{
    GArray *pairs = find_pairs(runs, arm, key);

    for (int metric = 0; metric < METRIC_COUNT; metric++) {
        Comparison what = {
            .kase = runs->kase,
            .arm = arm,
            .job = key->job,
            .host = key->host,
            .metric = metric,
            .base = NAN,
            .value = NAN,
            .ratio = NAN,
            .low = NAN,
            .high = NAN,
            .p = NAN,
            .p_holm = NAN,
            .smallest = NAN,
            .verdict = VERDICT_CANNOT_TELL,
        };

        look_at_metric(j, runs, &what, pairs);
    }
    g_array_unref(pairs);
}

static void find_obstacles(Judging *j, CaseRuns *runs)
{
    for (guint arm = 1; arm < runs->suite->arms->len; arm++) {
        char *reason = same_work(runs->suite, runs->kase, arm);

        if (reason) {
            Obstacle *obstacle = g_new(Obstacle, 1);

            *obstacle = (Obstacle){ .kase = runs->kase, .arm = arm, .reason = reason };
            g_ptr_array_add(j->judgement->obstacles, obstacle);
            runs->blocked[arm] = true;
        }
    }
}

static void look_at_case(Judging *j, guint kase)
{
    CaseRuns runs;

    case_runs_init(&runs, j->judgement->suite, kase);
    find_obstacles(j, &runs);
    for (guint i = 0; i < runs.keys->len; i++) {
        for (guint arm = 1; arm < runs.suite->arms->len; arm++) {
            look_at_arm(j, &runs, &g_array_index(runs.keys, Key, i), arm);
        }
    }
    case_runs_done(&runs);
}

/* All together. */

static bool is_judged(const Comparison *c)
{
    return c->pairs > 0 && c->verdict != VERDICT_NOT_COMPARABLE;
}

/* Holm over all that is looked at, whether or not it decides: whoever reads twenty figures will
 * find one that stands out. Returns how many they are. */
static guint adjust_p(GPtrArray *comparisons)
{
    double *p = g_new(double, comparisons->len + 1);
    guint n = 0;

    for (guint i = 0; i < comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(comparisons, i);

        if (is_judged(c)) {
            p[n++] = c->p;
        }
    }
    if (n > 0) {
        stats_holm(p, n);
    }
    for (guint i = 0, k = 0; i < comparisons->len; i++) {
        Comparison *c = g_ptr_array_index(comparisons, i);

        if (is_judged(c)) {
            c->p_holm = p[k++];
        }
    }
    g_free(p);
    return n;
}

static Verdict verdict_of(const Comparison *c, const JudgeOptions *options)
{
    double edge = 1 + options->band;
    bool more = c->low > edge, less = c->high < 1 / edge;

    if (c->low >= 1 / edge && c->high <= edge) {
        return VERDICT_SAME;
    }
    if ((more || less) && c->p_holm <= 1 - options->confidence) {
        return more == metrics[c->metric].more_is_better ? VERDICT_FASTER : VERDICT_SLOWER;
    }
    return VERDICT_CANNOT_TELL;
}

static void decide(Comparison *c, const GArray *differences, const JudgeOptions *options,
                   guint tests)
{
    const double *d = (const double *)differences->data;
    double band = log1p(options->band);

    if (!is_judged(c)) {
        return;
    }
    c->verdict = verdict_of(c, options);
    c->smallest =
        expm1(stats_smallest_effect(d, c->pairs, c->pairs, band, options->confidence, tests));
    if (c->verdict == VERDICT_CANNOT_TELL) {
        c->pairs_needed =
            stats_pairs_needed(d, c->pairs, log(c->ratio), band, options->confidence, tests);
    }
}

/* In what order a verdict of many parts takes after one of them. */
static int weight(Verdict verdict)
{
    static const Verdict order[] = { VERDICT_SAME, VERDICT_FASTER, VERDICT_CANNOT_TELL,
                                     VERDICT_SLOWER, VERDICT_NOT_COMPARABLE };
    int i = 0;

    while (order[i] != verdict) {
        i++;
    }
    return i;
}

/* An arm with an obstacle may have no figure at all; and no figure at all is no reassurance. */
static Verdict find_outcome(const Judgement *judgement)
{
    Verdict outcome = VERDICT_SAME;
    guint deciding = 0;

    if (judgement->obstacles->len > 0) {
        return VERDICT_NOT_COMPARABLE;
    }
    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        if (c->decides) {
            deciding++;
            outcome = weight(c->verdict) > weight(outcome) ? c->verdict : outcome;
        }
    }
    return deciding > 0 ? outcome : VERDICT_CANNOT_TELL;
}

static Judgement *judgement_new(const Suite *suite, const JudgeOptions *options)
{
    Judgement *judgement = g_new0(Judgement, 1);

    judgement->suite = suite;
    judgement->options = *options;
    judgement->comparisons = g_ptr_array_new_with_free_func(g_free);
    judgement->obstacles = g_ptr_array_new_with_free_func((GDestroyNotify)obstacle_free);
    judgement->notes = g_ptr_array_new_with_free_func(g_free);
    return judgement;
}

/* The smallest p that @pairs can give is 2 of 2^pairs, before it is adjusted. */
static void note_too_few(Judgement *judgement, guint tests)
{
    double alpha = 1 - judgement->options.confidence;
    guint pairs = 0, needed = ceil(log2(2 * tests / alpha));

    for (guint i = 0; i < judgement->comparisons->len; i++) {
        const Comparison *c = g_ptr_array_index(judgement->comparisons, i);

        pairs = MAX(pairs, c->pairs);
    }
    if (pairs > 0 && tests > 0 && pairs < needed) {
        g_ptr_array_add(judgement->notes,
                        g_strdup_printf("with %u pair%s and %u comparisons not even the largest "
                                        "difference could be told from chance: it takes %u pairs",
                                        pairs, pairs == 1 ? "" : "s", tests, needed));
    }
}

Judgement *judge(const Suite *suite, const JudgeOptions *options)
{
    Judging j = {
        .judgement = judgement_new(suite, options),
        .differences = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref),
    };
    guint tests;

    for (guint kase = 0; kase < suite->cases->len; kase++) {
        look_at_case(&j, kase);
    }
    tests = adjust_p(j.judgement->comparisons);
    for (guint i = 0; i < j.differences->len; i++) {
        decide(g_ptr_array_index(j.judgement->comparisons, i), g_ptr_array_index(j.differences, i),
               options, tests);
    }
    note_too_few(j.judgement, tests);
    j.judgement->outcome = find_outcome(j.judgement);
    g_ptr_array_unref(j.differences);
    return j.judgement;
}

void judgement_free(Judgement *judgement)
{
    if (judgement) {
        g_ptr_array_unref(judgement->comparisons);
        g_ptr_array_unref(judgement->obstacles);
        g_ptr_array_unref(judgement->notes);
        g_free(judgement);
    }
}
