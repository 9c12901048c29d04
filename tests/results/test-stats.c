/*
 * The statistics of paired runs: against published examples and tables, against what must hold for
 * any data, and by simulation: intervals hold the truth as often as they say.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sources:
 *   Fisher: R. A. Fisher, The Design of Experiments, 1935, section 21: Darwin's 15 pairs of maize.
 *   Student: The probable error of a mean, Biometrika 6, 1908: additional sleep in hours.
 *   H&W: Hollander and Wolfe, Nonparametric Statistical Methods, chapter 3: examples 3.3 and 3.4,
 *     and the table of the signed-rank statistic.
 *   Fisher & Yates: Statistical Tables, table III, distribution of t.
 *   B&H: Benjamini and Hochberg, J. R. Stat. Soc. B 57, 1995, section 4: 15 comparisons of two
 *     treatments, of which the procedures for the family-wise error find three.
 */
#include <glib.h>
#include <math.h>
#include <string.h>
#include "random.h"
#include "stats.h"

/* In eighths of an inch. */
static const double darwin[] = { 49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48 };

static const double sleep_gained[] = { 1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, 0.8, 4.6, 1.4 };

/* Hamilton depression scale factor IV, after minus before. */
static const double depression[] = { -0.952, 0.147,  -1.022, -0.430, -0.620,
                                     -0.590, -0.490, 0.080,  -0.010 };

static double normal(guint64 *seed)
{
    return stats_normal_quantile((random_unit(seed) + 0x1p-54));
}

static void fill_normal(double *d, guint n, guint64 seed)
{
    for (guint i = 0; i < n; i++) {
        d[i] = normal(&seed);
    }
}

/* Unlike GLib's, this takes 0 for @error. */
#define assert_near(value, expected, error) \
    g_assert_cmpfloat(fabs((value) - (expected)), <=, (error))

static void test_median(void)
{
    const double x[] = { 9, 1, 5, 3 };

    assert_near(stats_median(x, 1), 9, 0);
    assert_near(stats_median(x, 2), 5, 0);
    assert_near(stats_median(x, 3), 5, 0);
    assert_near(stats_median(x, 4), 4, 0);
    assert_near(x[0], 9, 0);
    assert_near(stats_median(darwin, 15), 24, 0);
}

/* H&W: the estimate is -0.46; of the 45 means of two, the 6th and the 40th bound the 96 % interval
 * (-0.786, -0.010). */
static void test_published_hodges_lehmann(void)
{
    g_autofree double *sorted = stats_sorted(depression, 9);

    assert_near(stats_hodges_lehmann(depression, 9), -0.46, 1e-9);
    assert_near(stats_walsh(sorted, 9, 6), -0.786, 1e-9);
    assert_near(stats_walsh(sorted, 9, 40), -0.010, 1e-9);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* All means of two, sorted: what stats_walsh finds without. */
static void test_walsh_against_list(void)
{
    double d[40], all[40 * 41 / 2];

    for (guint n = 1; n <= G_N_ELEMENTS(d); n++) {
        g_autofree double *sorted = NULL;
        guint count = 0;

        fill_normal(d, n, n);
        d[n - 1] = d[0]; /* a tie */
        d[n / 2] = 0;
        for (guint i = 0; i < n; i++) {
            for (guint j = i; j < n; j++) {
                all[count++] = d[i] / 2 + d[j] / 2;
            }
        }
        qsort(all, count, sizeof(*all), by_value);
        sorted = stats_sorted(d, n);
        for (guint k = 1; k <= count; k++) {
            assert_near(stats_walsh(sorted, n, k), all[k - 1], 0);
        }
        assert_near(stats_hodges_lehmann(d, n), stats_median(all, count), 0);
    }
}

static void test_hodges_lehmann_of_many(void)
{
    guint n = 10000;
    g_autofree double *d = g_new(double, n);

    fill_normal(d, n, 1);
    for (guint i = 0; i < n; i++) {
        d[i] += i % 10 == 0 ? 1000 : 5; /* a tenth far off */
    }
    assert_near(stats_hodges_lehmann(d, n), 5.15, 0.1);
}

/* Fisher: 863 of 32,768 on one side. */
static void test_published_sign_flip(void)
{
    assert_near(stats_sign_flip(darwin, 15, 0), 1726 / 32768., 1e-15);
    /* Student: all but a zero have one sign, so 2 patterns, times 2 for the zero's. */
    assert_near(stats_sign_flip(sleep_gained, 10, 0), 4 / 1024., 1e-15);
}

/* Differences 1 ... @n of which some, adding up to @t, are negative: the test of the sums is the
 * signed-rank test, of which there are tables. */
static double p_of_ranks(guint n, guint t)
{
    double d[64];

    for (guint i = n; i > 0; i--) {
        d[i - 1] = t >= i ? -(double)i : i;
        t -= t >= i ? i : 0;
    }
    return stats_sign_flip(d, n, 1);
}

/* H&W: the probability of such a sum or a smaller one, times 2; for 40 and 50 we draw. */
static void test_sign_flip_against_signed_rank_table(void)
{
    assert_near(p_of_ranks(8, 3), 2 * 0.0195, 1e-4);
    assert_near(p_of_ranks(10, 8), 2 * 0.0244, 1e-4);
    assert_near(p_of_ranks(15, 25), 2 * 0.0240, 1e-4);
    assert_near(p_of_ranks(20, 52), 2 * 0.0242, 1e-4);
    assert_near(p_of_ranks(25, 89), 2 * 0.0241, 1e-4);
    assert_near(p_of_ranks(30, 137), 2 * 0.0249, 1e-4);
    assert_near(p_of_ranks(40, 264), 2 * 0.0249, 3e-3);
    assert_near(p_of_ranks(50, 434), 2 * 0.0247, 3e-3);
}

/* Every pattern added up by itself. */
static double p_one_by_one(const double *d, guint n)
{
    double observed = 0;
    guint beyond = 0;

    for (guint i = 0; i < n; i++) {
        observed += d[i];
    }
    for (guint pattern = 0; pattern < 1U << n; pattern++) {
        double sum = 0;

        for (guint i = 0; i < n; i++) {
            sum += pattern >> i & 1 ? d[i] : -d[i];
        }
        beyond += fabs(sum) >= fabs(observed) - 1e-9;
    }
    return beyond / ldexp(1, n);
}

static void test_sign_flip_against_list(void)
{
    double d[13];

    for (guint n = 1; n <= G_N_ELEMENTS(d); n++) {
        fill_normal(d, n, 100 + n);
        assert_near(stats_sign_flip(d, n, 0), p_one_by_one(d, n), 1e-15);
        for (guint i = 0; i < n; i++) {
            d[i] = round(d[i] * 3) / 10; /* ties, some only but for rounding */
        }
        assert_near(stats_sign_flip(d, n, 0), p_one_by_one(d, n), 1e-15);
    }
}

/* Drawn p agree with counted ones: four more pairs, without a difference, change only the way. */
static void test_sign_flip_drawn(void)
{
    double d[34] = { 0 }, shifted[34] = { 0 };

    for (guint round = 0; round < 5; round++) {
        double counted, drawn;

        fill_normal(d, 30, round);
        for (guint i = 0; i < 30; i++) {
            shifted[i] = d[i] + 0.1 * round;
        }
        counted = stats_sign_flip(shifted, 30, 0);
        drawn = stats_sign_flip(shifted, 34, round);
        assert_near(drawn, counted, 5 * sqrt(counted * (1 - counted) / 1e5) + 1e-5);
    }
    for (guint i = 0; i < 34; i++) {
        d[i] = 1;
    }
    assert_near(stats_sign_flip(d, 34, 0), 1e-5, 1e-12); /* none of the drawn, but the observed */
}

static void test_holm(void)
{
    double p[] = { 0.01, 0.04, 0.03, 0.005 };
    double big[] = { 0.7, 0.6 };
    double bh[] = { 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000 };
    guint found = 0;

    /* By hand: 0.01 * 3, 0.03 * 2 and its like, 0.005 * 4. */
    stats_holm(p, 4);
    assert_near(p[0], 0.03, 1e-12);
    assert_near(p[1], 0.06, 1e-12);
    assert_near(p[2], 0.06, 1e-12);
    assert_near(p[3], 0.02, 1e-12);
    stats_holm(big, 2);
    assert_near(big[0], 1, 0);
    assert_near(big[1], 1, 0);
    stats_holm(bh, 15);
    for (guint i = 0; i < 15; i++) {
        found += bh[i] <= 0.05;
    }
    g_assert_cmpuint(found, ==, 3);
    stats_holm(p, 0);
    p[0] = 0.04;
    stats_holm(p, 1);
    assert_near(p[0], 0.04, 0);
}

/* Fisher & Yates. */
static void test_quantiles(void)
{
    assert_near(stats_normal_quantile(0.5), 0, 1e-9);
    assert_near(stats_normal_quantile(0.975), 1.959964, 1e-6);
    assert_near(stats_normal_quantile(0.005), -2.575829, 1e-6);
    assert_near(stats_t_quantile(0.975, 5), 2.571, 1e-3);
    assert_near(stats_t_quantile(0.975, 10), 2.228, 1e-3);
    assert_near(stats_t_quantile(0.995, 10), 3.169, 2e-3);
    assert_near(stats_t_quantile(0.975, 30), 2.042, 1e-3);
    assert_near(stats_t_quantile(0.025, 30), -2.042, 1e-3);
    assert_near(stats_t_quantile(0.9995, 20), 3.850, 2e-3);
}

/* Other units, a constant on top, the other way round: all results follow. */
static void test_scale_shift_sign(void)
{
    double d[23], other[23];
    StatsInterval a, b;

    fill_normal(d, 23, 7);
    a = stats_bootstrap(d, 23, 0.95, 5);
    for (guint i = 0; i < 23; i++) {
        other[i] = 1024 * d[i] + 3;
    }
    b = stats_bootstrap(other, 23, 0.95, 5);
    assert_near(stats_hodges_lehmann(other, 23), 1024 * stats_hodges_lehmann(d, 23) + 3, 1e-9);
    assert_near(b.low, 1024 * a.low + 3, 1e-9);
    assert_near(b.high, 1024 * a.high + 3, 1e-9);
    for (guint i = 0; i < 23; i++) {
        other[i] = -d[i] * 1e-100;
    }
    b = stats_bootstrap(other, 23, 0.95, 5);
    assert_near(stats_hodges_lehmann(other, 23), -1e-100 * stats_hodges_lehmann(d, 23), 1e-112);
    /* Other resamples than those mirrored: as wide to a twentieth, not to the last digit. */
    assert_near(-b.low * 1e100, a.high, (a.high - a.low) / 20);
    assert_near(-b.high * 1e100, a.low, (a.high - a.low) / 20);
    assert_near(stats_sign_flip(other, 23, 0), stats_sign_flip(d, 23, 0), 1e-15);
    assert_near(stats_smallest_effect(other, 23, 20, 0, 0.95, 1) * 1e100,
                stats_smallest_effect(d, 23, 20, 0, 0.95, 1), 1e-9);
}

/* Reordering changes nothing, nor does asking twice. */
static void test_order_and_seed(void)
{
    double d[300], reversed[300];

    fill_normal(d, 300, 8);
    for (guint i = 0; i < 300; i++) {
        reversed[i] = d[299 - i];
    }
    for (guint n = 100; n <= 300; n += 200) {
        StatsInterval a = stats_bootstrap(d, n, 0.95, 1);
        StatsInterval b = stats_bootstrap(reversed + 300 - n, n, 0.95, 1);

        g_assert_cmpmem(&a, sizeof(a), &b, sizeof(b));
        assert_near(stats_sign_flip(d, n, 3), stats_sign_flip(d, n, 3), 0);
    }
}

static void test_few(void)
{
    const double d[] = { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 };

    assert_near(stats_sign_flip(d, 0, 0), 1, 0);
    assert_near(stats_hodges_lehmann(d, 1), 0.1, 0);
    assert_near(stats_hodges_lehmann(d, 2), 0.1, 0);
    for (guint n = 0; n <= 5; n++) {
        StatsInterval all = stats_bootstrap(d, n, 0.95, 0);

        g_assert_true(isinf(all.low) && all.low < 0 && isinf(all.high) && all.high > 0);
        assert_near(stats_sign_flip(d, n, 0), n == 0 ? 1 : ldexp(1, 1 - (int)n), 0);
    }
    g_assert_true(isfinite(stats_bootstrap(d, 6, 0.95, 0).low));
    g_assert_true(isfinite(stats_bootstrap(d, 5, 0.9, 0).high));
    g_assert_true(isinf(stats_bootstrap(d, 6, 0.99, 0).high));
    g_assert_true(isinf(stats_smallest_effect(d, 1, 20, 0.02, 0.95, 1)));
    g_assert_true(isinf(stats_smallest_effect(d, 6, 1, 0.02, 0.95, 1)));
    g_assert_cmpuint(stats_pairs_needed(d, 0, 0.5, 0.02, 0.95, 1), ==, 0);
    g_assert_cmpuint(stats_pairs_needed(d, 1, 0.5, 0.02, 0.95, 1), ==, 0);
}

static void test_all_equal(void)
{
    double d[50];

    for (guint i = 0; i < 50; i++) {
        d[i] = 0.1;
    }
    for (guint n = 6; n <= 50; n += 11) {
        StatsInterval point = stats_bootstrap(d, n, 0.95, 0);

        assert_near(point.low, 0.1, 0);
        assert_near(point.high, 0.1, 0);
        assert_near(stats_smallest_effect(d, n, n, 0.02, 0.95, 1), 0.02, 1e-12);
    }
    g_assert_cmpuint(stats_pairs_needed(d, 6, 0.1, 0.02, 0.95, 9), ==, 9); /* 2^-8 * 9 < 0.05 */
    g_assert_cmpuint(stats_pairs_needed(d, 3, 0, 0.02, 0.95, 9), ==, 6);
    memset(d, 0, sizeof(d));
    assert_near(stats_sign_flip(d, 20, 0), 1, 0);
    assert_near(stats_sign_flip(d, 50, 0), 1, 0);
    assert_near(stats_hodges_lehmann(d, 50), 0, 0);
}

static void test_huge_and_tiny(void)
{
    const double sizes[] = { 1e300, 1e-300 };

    for (guint s = 0; s < 2; s++) {
        double d[15];
        StatsInterval interval;

        for (guint i = 0; i < 15; i++) {
            d[i] = darwin[i] * sizes[s];
        }
        assert_near(stats_sign_flip(d, 15, 0), 1726 / 32768., 1e-15);
        assert_near(stats_hodges_lehmann(d, 15) / sizes[s], stats_hodges_lehmann(darwin, 15), 1e-9);
        interval = stats_bootstrap(d, 15, 0.95, 0);
        g_assert_true(isfinite(interval.low) && interval.low < interval.high &&
                      isfinite(interval.high));
    }
}

typedef struct Noise {
    const char *name;
    double (*draw)(guint64 *seed);
} Noise;

/* The tails of runs that something interrupted: one in ten ten times as far. */
static double with_outliers(guint64 *seed)
{
    return normal(seed) * (random_unit(seed) < 0.1 ? 10 : 1);
}

/* A machine that has two speeds, and changes between them at any time. */
static double two_speeds(guint64 *seed)
{
    return (random_unit(seed) < 0.5) - (random_unit(seed) < 0.5) + 0.05 * normal(seed);
}

/* Steps, as percentiles from bins have. */
static double steps(guint64 *seed)
{
    return round(0.7 * normal(seed));
}

static const Noise noises[] = {
    { "normal", normal },
    { "with outliers", with_outliers },
    { "two speeds", two_speeds },
    { "steps", steps },
};

/* How often the interval holds the truth; 250 draws leave a chance error of 1.4 %. */
static double coverage(const Noise *noise, guint n, guint64 seed)
{
    guint held = 0, rounds = 250;
    double d[40];

    for (guint r = 0; r < rounds; r++) {
        StatsInterval interval;

        for (guint i = 0; i < n; i++) {
            d[i] = noise->draw(&seed);
        }
        interval = stats_bootstrap(d, n, 0.95, r);
        held += interval.low <= 0 && interval.high >= 0;
    }
    return (double)held / rounds;
}

static void test_coverage(void)
{
    const guint ns[] = { 6, 10, 20, 40 };

    for (guint i = 0; i < G_N_ELEMENTS(noises); i++) {
        for (guint j = 0; j < G_N_ELEMENTS(ns); j++) {
            double held = coverage(&noises[i], ns[j], 1000 * i + j);

            g_test_message("95 %% interval, noise %s, %u pairs: holds the truth in %.1f %%",
                           noises[i].name, ns[j], 100 * held);
            g_assert_cmpfloat(held, >=, 0.925);
            /* Nor is it so wide that it says nothing; steps and two speeds are hard on any. */
            g_assert_true(held <= 0.985 || noises[i].draw != normal);
        }
    }
}

/* Of normal noise it is on average hardly wider than Student's, which is best there. */
static void test_width(void)
{
    const guint ns[] = { 6, 10, 20, 40 };

    for (guint j = 0; j < G_N_ELEMENTS(ns); j++) {
        double widths = 0, students = 0;

        for (guint r = 0; r < 100; r++) {
            double d[40], squares = 0, mean = 0;
            StatsInterval interval;

            fill_normal(d, ns[j], r);
            interval = stats_bootstrap(d, ns[j], 0.95, r);
            widths += interval.high - interval.low;
            for (guint i = 0; i < ns[j]; i++) {
                mean += d[i] / ns[j];
                squares += d[i] * d[i];
            }
            students += 2 * stats_t_quantile(0.975, ns[j] - 1) *
                        sqrt((squares - ns[j] * mean * mean) / (ns[j] - 1) / ns[j]);
        }
        g_test_message("%u pairs: %.3f times as wide as Student's", ns[j], widths / students);
        assert_near(widths / students, 1.06, 0.06);
    }
}

/* Of many pairs: the interval is as wide as theory says for the normal curve, and holds as often.
 */
static void test_interval_of_many(void)
{
    guint held = 0;

    for (guint r = 0; r < 200; r++) {
        double d[400];
        StatsInterval interval;

        fill_normal(d, 400, r);
        interval = stats_bootstrap(d, 400, 0.95, r);
        held += interval.low <= 0 && interval.high >= 0;
        assert_near(interval.high - interval.low, 2 * 1.96 / 20 * sqrt(G_PI / 3), 0.04);
    }
    g_assert_cmpuint(held, >=, 182);
    g_assert_cmpuint(held, <=, 199);
}

/* The test rejects what is true as seldom as it says, whatever the noise. */
static void test_sign_flip_level(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(noises); i++) {
        guint64 seed = i;
        guint rejected = 0, rounds = 1000;
        double d[12];

        for (guint r = 0; r < rounds; r++) {
            for (guint j = 0; j < 12; j++) {
                d[j] = noises[i].draw(&seed);
            }
            rejected += stats_sign_flip(d, 12, r) <= 0.05;
        }
        g_test_message("sign-flip test, noise %s: p <= 0.05 in %.1f %%", noises[i].name,
                       100. * rejected / rounds);
        g_assert_cmpuint(rejected, <=, 0.072 * rounds); /* 5 % and three chance errors */
        g_assert_cmpuint(rejected, >=, 0.01 * rounds);
    }
}

/* Of @pairs pairs of normal noise of 2 %, moved by @effect: whether they tell that it is beyond the
 * band, or within it. */
static gboolean tells(guint pairs, double effect, double band, guint64 seed)
{
    g_autofree double *d = g_new(double, pairs);
    StatsInterval interval;

    fill_normal(d, pairs, seed);
    for (guint i = 0; i < pairs; i++) {
        d[i] = d[i] * 0.02 + effect;
    }
    interval = stats_bootstrap(d, pairs, 0.95, seed);
    return effect > band ? interval.low > band && stats_sign_flip(d, pairs, seed) * 9 <= 0.05
                         : interval.low >= -band && interval.high <= band;
}

static double share_told(guint pairs, double effect, double band)
{
    guint told = 0, rounds = 200;

    for (guint r = 0; r < rounds; r++) {
        told += tells(pairs, effect, band, r);
    }
    return (double)told / rounds;
}

/* That noise, as it is known: without chance. */
static const double *noise_of(guint n)
{
    static double noise[1000];

    for (guint i = 0; i < n; i++) {
        noise[i] = (i % 2 ? 0.02 : -0.02) * sqrt((n - 1.) / n);
    }
    return noise;
}

/* What is said of power comes true: 80 %; with a band, and without, where p decides. */
static void test_smallest_effect(void)
{
    const double bands[] = { 0.02, 0 };

    for (guint b = 0; b < 2; b++) {
        for (guint pairs = 10; pairs <= 30; pairs += 10) {
            double smallest = stats_smallest_effect(noise_of(1000), 1000, pairs, bands[b], 0.95, 9);
            double told = share_told(pairs, smallest, bands[b]);

            g_test_message("%u pairs, band %.0f %%: an effect of %.2f %% is told in %.0f %%", pairs,
                           100 * bands[b], 100 * smallest, 100 * told);
            assert_near(told, 0.8, 0.11);
        }
    }
}

static void test_pairs_needed(void)
{
    const double *noise = noise_of(12);
    guint needed = stats_pairs_needed(noise, 12, 0.03, 0.02, 0.95, 9);

    assert_near(share_told(needed, 0.03, 0.02), 0.8, 0.08);
    g_assert_cmpuint(stats_pairs_needed(noise, 12, -0.03, 0.02, 0.95, 9), ==, needed);
    assert_near(share_told(stats_pairs_needed(noise, 12, 0, 0.01, 0.95, 9), 0, 0.01), 0.8, 0.08);
    /* On the edge of the band no number is enough; nor is it ever said that fewer would do. */
    g_assert_cmpuint(stats_pairs_needed(noise, 12, 0.02, 0.02, 0.95, 9), ==, 0);
    g_assert_cmpuint(stats_pairs_needed(noise, 12, 0.0201, 0.02, 0.95, 9), ==, 0);
    g_assert_cmpuint(stats_pairs_needed(noise, 12, 5, 0.02, 0.95, 9), ==, 13);
    /* More tests, more pairs. */
    g_assert_cmpuint(stats_pairs_needed(noise, 12, 0.2, 0.02, 0.95, 1000), ==, 16);
    /* The one is the other's inverse. */
    needed = stats_pairs_needed(darwin, 15, 10, 0, 0.95, 1);
    g_assert_cmpfloat(stats_smallest_effect(darwin, 15, needed, 0, 0.95, 1), <=, 10);
    g_assert_cmpfloat(stats_smallest_effect(darwin, 15, needed - 1, 0, 0.95, 1), >, 10);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stats/median", test_median);
    g_test_add_func("/stats/published-hodges-lehmann", test_published_hodges_lehmann);
    g_test_add_func("/stats/walsh-against-list", test_walsh_against_list);
    g_test_add_func("/stats/hodges-lehmann-of-many", test_hodges_lehmann_of_many);
    g_test_add_func("/stats/published-sign-flip", test_published_sign_flip);
    g_test_add_func("/stats/signed-rank-table", test_sign_flip_against_signed_rank_table);
    g_test_add_func("/stats/sign-flip-against-list", test_sign_flip_against_list);
    g_test_add_func("/stats/sign-flip-drawn", test_sign_flip_drawn);
    g_test_add_func("/stats/holm", test_holm);
    g_test_add_func("/stats/quantiles", test_quantiles);
    g_test_add_func("/stats/scale-shift-sign", test_scale_shift_sign);
    g_test_add_func("/stats/order-and-seed", test_order_and_seed);
    g_test_add_func("/stats/few", test_few);
    g_test_add_func("/stats/all-equal", test_all_equal);
    g_test_add_func("/stats/huge-and-tiny", test_huge_and_tiny);
    g_test_add_func("/stats/coverage", test_coverage);
    g_test_add_func("/stats/width", test_width);
    g_test_add_func("/stats/interval-of-many", test_interval_of_many);
    g_test_add_func("/stats/sign-flip-level", test_sign_flip_level);
    g_test_add_func("/stats/smallest-effect", test_smallest_effect);
    g_test_add_func("/stats/pairs-needed", test_pairs_needed);
    return g_test_run();
}
