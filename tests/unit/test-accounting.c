/* Accounting: each request counted once, where it belongs, with the time that it took.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=clock_gettime: time stands still unless a test moves it.
 */
#include "base/osdep.h"
#include <time.h>
#include "block/accounting.h"

static int64_t now = 1000 * NANOSECONDS_PER_SECOND;

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id G_GNUC_UNUSED, struct timespec *ts)
{
    *ts = (struct timespec){ now / NANOSECONDS_PER_SECOND, now % NANOSECONDS_PER_SECOND };
    return 0;
}

/* A request of @type that takes @ns. */
static void request(BlockAcctStats *stats, BlockAcctType type, int64_t bytes, int64_t ns, bool ok)
{
    BlockAcctCookie cookie;

    block_acct_start(stats, &cookie, bytes, type);
    now += ns;
    if (ok) {
        block_acct_done(stats, &cookie);
    } else {
        block_acct_failed(stats, &cookie);
    }
}

static void test_types_apart(void)
{
    BlockAcctStats stats;

    block_acct_init(&stats);
    for (unsigned type = BLOCK_ACCT_READ; type < BLOCK_MAX_IOTYPE; type++) {
        for (unsigned i = 0; i < type; i++) {
            request(&stats, type, 512 * type, 10, true);
        }
    }
    for (unsigned type = BLOCK_ACCT_READ; type < BLOCK_MAX_IOTYPE; type++) {
        g_assert_cmpuint(stats.types[type].nr_ops, ==, type);
        g_assert_cmpuint(stats.types[type].nr_bytes, ==, 512 * type * type);
        g_assert_cmpuint(stats.types[type].total_time_ns, ==, 10 * type);
        g_assert_cmpuint(stats.types[type].failed_ops, ==, 0);
    }
    g_assert_cmpuint(stats.types[BLOCK_ACCT_NONE].nr_ops, ==, 0);
    block_acct_cleanup(&stats);
}

static void test_latencies(void)
{
    BlockAcctStats stats;

    block_acct_init(&stats);
    g_assert_cmpuint(block_acct_mean_latency_ns(&stats, BLOCK_ACCT_READ), ==, 0);
    request(&stats, BLOCK_ACCT_READ, 512, 300, true);
    request(&stats, BLOCK_ACCT_READ, 512, 100, true);
    request(&stats, BLOCK_ACCT_READ, 512, 500, true);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_READ].min_latency_ns, ==, 100);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_READ].max_latency_ns, ==, 500);
    g_assert_cmpuint(block_acct_mean_latency_ns(&stats, BLOCK_ACCT_READ), ==, 300);
    /* None at all is a latency too. */
    request(&stats, BLOCK_ACCT_READ, 512, 0, true);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_READ].min_latency_ns, ==, 0);
    block_acct_cleanup(&stats);
}

static void test_cookie_closes_once(void)
{
    BlockAcctStats stats;
    BlockAcctCookie cookie = { 0 };

    block_acct_init(&stats);
    block_acct_done(&stats, &cookie);
    block_acct_start(&stats, &cookie, 512, BLOCK_ACCT_WRITE);
    block_acct_failed(&stats, &cookie);
    block_acct_done(&stats, &cookie);
    block_acct_failed(&stats, &cookie);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_WRITE].failed_ops, ==, 1);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_WRITE].nr_ops, ==, 0);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_WRITE].nr_bytes, ==, 0);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_NONE].nr_ops, ==, 0);
    block_acct_cleanup(&stats);
}

static void test_what_an_access_is(void)
{
    BlockAcctStats stats;

    block_acct_init(&stats);
    now += 1000;
    block_acct_invalid(&stats, BLOCK_ACCT_READ);
    g_assert_cmpint(block_acct_idle_time_ns(&stats), ==, 0);
    request(&stats, BLOCK_ACCT_READ, 512, 7, false);
    g_assert_cmpint(block_acct_idle_time_ns(&stats), ==, 0);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_READ].nr_latencies, ==, 1);

    block_acct_setup(&stats, false, false);
    now += 1000;
    block_acct_invalid(&stats, BLOCK_ACCT_READ);
    request(&stats, BLOCK_ACCT_READ, 512, 7, false);
    g_assert_cmpint(block_acct_idle_time_ns(&stats), ==, 1007);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_READ].nr_latencies, ==, 1);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_READ].invalid_ops, ==, 2);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_READ].failed_ops, ==, 2);
    block_acct_cleanup(&stats);
}

static void test_merges(void)
{
    BlockAcctStats stats;

    block_acct_init(&stats);
    block_acct_merge_done(&stats, BLOCK_ACCT_WRITE, 3);
    block_acct_merge_done(&stats, BLOCK_ACCT_WRITE, 31);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_WRITE].merged, ==, 34);
    g_assert_cmpuint(stats.types[BLOCK_ACCT_WRITE].nr_ops, ==, 0);
    block_acct_cleanup(&stats);
}

static void test_histogram(void)
{
    static const uint64_t boundaries[] = { 10, 100, 1000 };
    static const int64_t latencies[] = { 0, 9, 10, 99, 100, 100, 999, 1000, 1 << 30 };
    static const uint64_t wanted[] = { 2, 2, 3, 2 };
    const BlockLatencyHistogram *hist;
    BlockAcctStats stats;

    block_acct_init(&stats);
    g_assert_true(block_latency_histogram_set(&stats, BLOCK_ACCT_READ, boundaries, 3, NULL));
    for (unsigned i = 0; i < ARRAY_SIZE(latencies); i++) {
        request(&stats, BLOCK_ACCT_READ, 512, latencies[i], true);
        request(&stats, BLOCK_ACCT_WRITE, 512, latencies[i], true);
    }
    hist = &stats.types[BLOCK_ACCT_READ].latency_histogram;
    g_assert_cmpmem(hist->bins, hist->nbins * sizeof(uint64_t), wanted, sizeof(wanted));
    g_assert_cmpuint(stats.types[BLOCK_ACCT_WRITE].latency_histogram.nbins, ==, 0);

    /* Set anew it begins anew; cleared it is gone. */
    g_assert_true(block_latency_histogram_set(&stats, BLOCK_ACCT_READ, boundaries, 1, NULL));
    request(&stats, BLOCK_ACCT_READ, 512, 10, true);
    g_assert_cmpuint(hist->nbins, ==, 2);
    g_assert_cmpuint(hist->bins[0], ==, 0);
    g_assert_cmpuint(hist->bins[1], ==, 1);
    block_latency_histograms_clear(&stats);
    g_assert_cmpuint(hist->nbins, ==, 0);
    request(&stats, BLOCK_ACCT_READ, 512, 10, true);
    block_acct_cleanup(&stats);
}

static void test_bad_boundaries_are_refused(void)
{
    static const uint64_t falling[] = { 10, 9 }, equal[] = { 10, 10 }, zero[] = { 0, 1 };
    static const uint64_t good[] = { 10 };
    const uint64_t *bad[] = { falling, equal, zero };
    BlockAcctStats stats;
    Error *err = NULL;

    block_acct_init(&stats);
    g_assert_true(block_latency_histogram_set(&stats, BLOCK_ACCT_READ, good, 1, NULL));
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        g_assert_false(block_latency_histogram_set(&stats, BLOCK_ACCT_READ, bad[i], 2, &err));
        g_assert_nonnull(strstr(error_get_pretty(err), "must rise"));
        g_clear_pointer(&err, error_free);
    }
    g_assert_false(block_latency_histogram_set(&stats, BLOCK_ACCT_READ, good, 0, NULL));
    g_assert_cmpuint(stats.types[BLOCK_ACCT_READ].latency_histogram.nbins, ==, 2);
    block_acct_cleanup(&stats);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name) g_test_add_func("/accounting/" #name, test_##name)
    CASE(types_apart);
    CASE(latencies);
    CASE(cookie_closes_once);
    CASE(what_an_access_is);
    CASE(merges);
    CASE(histogram);
    CASE(bad_boundaries_are_refused);
    return g_test_run();
}
