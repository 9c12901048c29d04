/*
 * Judgements for tests of reports. The runs come from a fixed sequence of random numbers, with some
 * noise and some drift; the verdicts from a rule of thumb, since judging is not what is tested.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "judgements.h"
#include <math.h>
#include <string.h>

typedef struct Recipe {
    const char *name;
    const char *const *arms, *const *cases, *const *jobs, *const *hosts; /* NULL at the end */
    guint rounds;
    double factor; /* of IOPS, from one arm to the next */
    double noise;
    const char *obstacle;
    bool interrupted, same_library, unknown_values;
} Recipe;

static const char *const two[] = { "a", "b", NULL };
static const char *const three[] = { "a", "b", "c", NULL };
static const char *const swept[] = { "a", "b qaio_poll_max_ns=0", "b qaio_poll_max_ns=4000",
                                     "b qaio_poll_max_ns=32768", NULL };
static const char *const merged[] = { "a", "b qaio_merge=on", "b qaio_merge=off;\"x", NULL };
static const char *const one_case[] = { "randread", NULL };
static const char *const depths[] = { "randread iodepth=1", "randread iodepth=4",
                                      "randread iodepth=16", "randread iodepth=64", NULL };
static const char *const one_job[] = { "randread", NULL };
static const char *const hostile_arms[] = { "a", "b<i>", "c", NULL };
static const char *const hostile[] = { HOSTILE_JOB, "--script src=//example.org", NULL };
static const char *const no_host[] = { NULL };
static const char *const two_hosts[] = { "10.0.0.1", "10.0.0.2", NULL };

static const Recipe recipes[] = {
    { "slower", two, one_case, one_job, no_host, 10, 0.93, 0.02, NULL, 0, 0, 0 },
    { "same", two, one_case, one_job, no_host, 10, 1.001, 0.004, NULL, 0, 0, 0 },
    { "faster", two, one_case, one_job, no_host, 10, 1.08, 0.01, NULL, 0, 0, 0 },
    { "cannot-tell", two, one_case, one_job, no_host, 6, 0.985, 0.08, NULL, 0, 0, 0 },
    { "one-pair", two, one_case, one_job, no_host, 1, 0.9, 0.02, NULL, 0, 0, 0 },
    { "not-comparable", two, one_case, one_job, no_host, 4, 1, 0.02, "b had 3 I/O errors", 0, 0,
      0 },
    { "hostile", hostile_arms, one_case, hostile, no_host, 4, 0.9, 0.01, HOSTILE_REASON, 0, 0, 0 },
    { "empty", two, one_case, one_job, no_host, 0, 1, 0, NULL, 0, 0, 0 },
    { "interrupted", two, one_case, one_job, no_host, 3, 0.97, 0.03, NULL, true, 0, 0 },
    { "three-arms", three, one_case, one_job, no_host, 8, 0.96, 0.01, NULL, 0, 0, 0 },
    { "arm-sweep", swept, one_case, one_job, no_host, 6, 1.03, 0.01, NULL, 0, 0, 0 },
    { "case-sweep", two, depths, one_job, no_host, 6, 0.94, 0.01, NULL, 0, 0, 0 },
    { "word-sweep", merged, one_case, one_job, no_host, 6, 1.04, 0.01, NULL, 0, 0, 0 },
    { "hosts", two, one_case, one_job, two_hosts, 6, 0.95, 0.01, NULL, 0, 0, 0 },
    { "self-check", two, one_case, one_job, no_host, 10, 1, 0.015, NULL, 0, true, 0 },
    { "self-check-bad", two, one_case, one_job, no_host, 10, 1.09, 0.01, NULL, 0, true, 0 },
    { "unknown-values", two, one_case, one_job, no_host, 4, 0.9, 0.02, NULL, 0, 0, true },
};

const char *const fixture_names[] = {
    "slower",     "same",  "faster",      "cannot-tell",    "one-pair",       "not-comparable",
    "hostile",    "empty", "interrupted", "three-arms",     "arm-sweep",      "case-sweep",
    "word-sweep", "hosts", "self-check",  "self-check-bad", "unknown-values", NULL
};

/* About normal, from -3 to 3. */
static double noise(GRand *random)
{
    double sum = 0;

    for (int i = 0; i < 12; i++) {
        sum += g_rand_double(random) - 0.5;
    }
    return sum;
}

static char **options_of(const char *name)
{
    const char *point = strchr(name, ' ');
    char *none[] = { NULL };

    return point ? g_strsplit(point + 1, " ", -1) : g_strdupv(none);
}

static void add_arms_and_cases(Suite *suite, const Recipe *r)
{
    for (guint i = 0; r->arms[i]; i++) {
        Arm *arm = g_new0(Arm, 1);

        arm->name = g_strdup(r->arms[i]);
        arm->engine = g_strdup(i ? "external:./libqaio.so" : "libaio");
        arm->spec = g_strdup(arm->engine);
        arm->options = options_of(arm->name);
        g_ptr_array_add(suite->arms, arm);
    }
    for (guint i = 0; r->cases[i]; i++) {
        Case *kase = g_new0(Case, 1);

        kase->name = g_strdup(r->cases[i]);
        kase->job_file = g_strdup("jobs/randread.fio");
        kase->options = options_of(kase->name);
        g_ptr_array_add(suite->cases, kase);
    }
}

/* A body and a tail, of fio's kind of bins. */
static void fill_latencies(Sample *sample, double mean, GRand *random)
{
    for (int i = 0; i < 2000; i++) {
        double ns = mean * exp(0.18 * noise(random));

        if (i % 25 == 0) {
            ns = mean * (2 + 6 * pow((i + 25 * g_rand_double(random)) / 2000, 3));
        }
        histogram_add(sample->clat, (guint64)(ns / 64) * 64, 1 + g_rand_int_range(random, 0, 40));
    }
}

static Sample *sample_of(const char *job, const char *host, double iops, bool unknown,
                         GRand *random)
{
    Sample *sample = sample_new(job, host);
    static const double percentile[] = { 0.5, 0.99, 0.999, 0.9999 };

    fill_latencies(sample, 32e9 / iops, random);
    sample->ios = histogram_count(sample->clat);
    sample->bytes = sample->ios * 4096;
    sample->time_based = true;
    sample->value[METRIC_IOPS] = unknown ? NAN : iops;
    sample->value[METRIC_BW] = iops * 4096;
    sample->value[METRIC_LAT_MEAN] = histogram_mean(sample->clat);
    for (int i = 0; i < 4; i++) {
        sample->value[METRIC_LAT_P50 + i] = histogram_quantile(sample->clat, percentile[i]);
    }
    sample->value[METRIC_CPU] = 1.9e9 / iops * 200 * (1 + 0.01 * noise(random)) / 180;
    sample->value[METRIC_SWITCHES] = unknown ? 0 : 0.031 * (1 + 0.05 * noise(random));
    return sample;
}

static void add_run(Suite *suite, const Recipe *r, guint arm, guint kase, guint round,
                    GRand *random)
{
    Run *run = g_new0(Run, 1);
    double drift = 1 - 0.08 * sin(suite->runs->len * 0.15);
    double iops = 212000 * pow(r->factor, arm) * pow(1.9, kase) * drift;

    run->arm = arm;
    run->kase = kase;
    run->round = round;
    run->order = suite->runs->len;
    run->started = 1795000000000000 + run->order * (gint64)5200000;
    run->seconds = 5.1;
    run->file = g_strdup_printf("runs/%04u-%u-%u.json", run->order, kase, arm);
    run->samples = g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
    for (guint j = 0; r->jobs[j]; j++) {
        guint host = 0;

        do {
            double value = iops * (1 + r->noise * noise(random)) / (1 + j) / (1 + host * 0.1);

            g_ptr_array_add(run->samples, sample_of(r->jobs[j], r->hosts[host], value,
                                                    r->unknown_values, random));
        } while (r->hosts[host] && r->hosts[++host]);
    }
    g_ptr_array_add(suite->runs, run);
}

static void add_runs(Suite *suite, const Recipe *r, GRand *random)
{
    guint arms = suite->arms->len, cases = suite->cases->len;

    for (guint round = 0; round < r->rounds; round++) {
        for (guint i = 0; i < cases * arms; i++) {
            guint n = round % 2 ? cases * arms - 1 - i : i;

            add_run(suite, r, n % arms, n / arms, round, random);
        }
    }
    if (r->obstacle && suite->runs->len) {
        Run *last = g_ptr_array_index(suite->runs, suite->runs->len - 1);

        last->problem = g_strdup(r->obstacle);
    }
}

static void judge_roughly(Comparison *c, double sum, double squares, double band)
{
    double mean = c->pairs ? sum / c->pairs : NAN;
    double error =
        c->pairs < 2 ? INFINITY : sqrt(MAX(squares / c->pairs - mean * mean, 1e-9) / c->pairs);
    bool more = metrics[c->metric].more_is_better;

    c->ratio = exp(mean);
    c->low = exp(mean - 2.2 * error);
    c->high = exp(mean + 2.2 * error);
    c->p = c->pairs ? fmin(1, 2 * pow(0.5, c->pairs)) : NAN;
    c->p_holm = c->pairs ? fmin(1, c->p * 4) : NAN;
    c->smallest = c->pairs < 2 ? INFINITY : 3 * error + band;
    if (c->low > 1 - band && c->high < 1 + band) {
        c->verdict = VERDICT_SAME;
    } else if (c->low > 1 + band || c->high < 1 - band) {
        c->verdict = (c->ratio > 1) == more ? VERDICT_FASTER : VERDICT_SLOWER;
    } else {
        c->verdict = VERDICT_CANNOT_TELL;
        c->pairs_needed = c->pairs < 2 ? 0 : 40;
    }
}

static Comparison *compare(const Suite *suite, const Comparison *key, double band)
{
    Comparison *c = g_new(Comparison, 1);
    double sum = 0, squares = 0;

    *c = *key;
    for (guint round = 0; round < suite->rounds; round++) {
        const Run *a = suite_run(suite, 0, c->kase, round);
        const Run *b = suite_run(suite, c->arm, c->kase, round);
        double d;

        if (!a || !b) {
            continue;
        }
        c->base = run_sample(a, c->job, c->host)->value[c->metric];
        c->value = run_sample(b, c->job, c->host)->value[c->metric];
        d = log(c->value / c->base);
        if (isfinite(d)) {
            c->pairs++;
            sum += d;
            squares += d * d;
        }
    }
    judge_roughly(c, sum, squares, band);
    return c;
}

/* As judge() does: what nobody measured is left out unless it decides. */
static void add_comparison(Judgement *judgement, Comparison *c, const char *obstacle)
{
    if (c->pairs == 0 && !c->decides) {
        g_free(c);
        return;
    }
    if (obstacle && c->arm == 1) {
        c->verdict = VERDICT_NOT_COMPARABLE;
        c->pairs_needed = 0;
        c->ratio = c->low = c->high = c->p = c->p_holm = c->smallest = NAN;
    }
    g_ptr_array_add(judgement->comparisons, c);
}

static void add_comparisons(Judgement *judgement, const Recipe *r, guint kase, guint job)
{
    guint host = 0;

    do {
        for (guint arm = 1; r->arms[arm]; arm++) {
            for (int m = 0; m < METRIC_SYSCALLS; m++) {
                Comparison key = { .kase = kase, .arm = arm, .metric = m, .job = r->jobs[job] };

                key.host = r->hosts[host];
                key.decides = judgement->options.decides[m];
                add_comparison(judgement, compare(judgement->suite, &key, 0.02), r->obstacle);
            }
        }
    } while (r->hosts[host] && r->hosts[++host]);
}

static void add_obstacle(Judgement *judgement, const char *reason)
{
    Obstacle *obstacle = g_new0(Obstacle, 1);

    obstacle->arm = 1;
    obstacle->reason = g_strdup(reason);
    g_ptr_array_add(judgement->obstacles, obstacle);
    judgement->outcome = VERDICT_NOT_COMPARABLE;
    g_ptr_array_add(judgement->notes, g_strdup(reason));
}

static void obstacle_free(gpointer data)
{
    Obstacle *obstacle = data;

    g_free(obstacle->reason);
    g_free(obstacle);
}

/* The first in the order of precedence. */
static Verdict outcome_of(const GPtrArray *comparisons)
{
    static const Verdict order[] = { VERDICT_SLOWER, VERDICT_CANNOT_TELL, VERDICT_FASTER };

    for (guint v = 0; v < G_N_ELEMENTS(order); v++) {
        for (guint i = 0; i < comparisons->len; i++) {
            const Comparison *c = g_ptr_array_index(comparisons, i);

            if (c->decides && c->verdict == order[v]) {
                return order[v];
            }
        }
    }
    return VERDICT_SAME;
}

static void add_manifest(Suite *suite)
{
    JsonObject *host = json_object_new();

    json_object_set_int_member(suite->manifest, "schema", 1);
    json_object_set_int_member(suite->manifest, "seed", 7);
    json_object_set_string_member(suite->manifest, "fio", "fio-3.33");
    json_object_set_string_member(host, "kernel", "6.1.0-28-amd64");
    json_object_set_string_member(host, "cpu", "Intel(R) Xeon(R) CPU @ 2.20GHz");
    json_object_set_string_member(host, "note", "</td><script>alert(1)</script>");
    json_object_set_double_member(host, "load", 0.25);
    json_object_set_object_member(suite->manifest, "host", host);
}

static void fill(Fixture *fixture, const Recipe *r)
{
    Judgement *judgement = &fixture->judgement;
    GRand *random = g_rand_new_with_seed(7);

    add_arms_and_cases(fixture->suite, r);
    add_manifest(fixture->suite);
    fixture->suite->rounds = r->interrupted ? 10 : r->rounds;
    fixture->suite->interrupted = r->interrupted;
    add_runs(fixture->suite, r, random);
    judgement->options.same_library = r->same_library;
    for (guint kase = 0; r->rounds && kase < fixture->suite->cases->len; kase++) {
        for (guint job = 0; r->jobs[job]; job++) {
            add_comparisons(judgement, r, kase, job);
        }
    }
    judgement->outcome = r->rounds ? outcome_of(judgement->comparisons) : VERDICT_CANNOT_TELL;
    if (r->obstacle) {
        add_obstacle(judgement, r->obstacle);
    }
    g_rand_free(random);
}

Fixture *fixture_new(const char *name)
{
    Fixture *fixture = g_new0(Fixture, 1);
    Judgement *judgement = &fixture->judgement;

    fixture->suite = suite_new("nightly");
    judgement->suite = fixture->suite;
    judgement->options.band = 0.02;
    judgement->options.confidence = 0.95;
    judgement->options.seed = 1;
    judgement->options.decides[METRIC_IOPS] = judgement->options.decides[METRIC_LAT_P99] = true;
    judgement->comparisons = g_ptr_array_new_with_free_func(g_free);
    judgement->obstacles = g_ptr_array_new_with_free_func(obstacle_free);
    judgement->notes = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < G_N_ELEMENTS(recipes); i++) {
        if (g_str_equal(recipes[i].name, name)) {
            fill(fixture, &recipes[i]);
            return fixture;
        }
    }
    fixture_free(fixture);
    return NULL;
}

void fixture_free(Fixture *fixture)
{
    g_ptr_array_unref(fixture->judgement.comparisons);
    g_ptr_array_unref(fixture->judgement.notes);
    g_ptr_array_unref(fixture->judgement.obstacles);
    suite_free(fixture->suite);
    g_free(fixture);
}

Comparison *fixture_comparison(Fixture *fixture, guint kase, guint arm, MetricId metric)
{
    for (guint i = 0; i < fixture->judgement.comparisons->len; i++) {
        Comparison *c = g_ptr_array_index(fixture->judgement.comparisons, i);

        if (c->kase == kase && c->arm == arm && c->metric == metric) {
            return c;
        }
    }
    return NULL;
}
