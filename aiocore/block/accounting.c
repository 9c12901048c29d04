/*
 * Accounting: what was asked of a device, how it ended, and how long it took.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include "block/accounting.h"

static int64_t acct_now(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
}

void block_acct_init(BlockAcctStats *stats)
{
    *stats = (BlockAcctStats){ .account_invalid = true, .account_failed = true };
    stats->last_access_time_ns = acct_now();
}

void block_acct_setup(BlockAcctStats *stats, bool account_invalid, bool account_failed)
{
    stats->account_invalid = account_invalid;
    stats->account_failed = account_failed;
}

void block_acct_cleanup(BlockAcctStats *stats)
{
    block_latency_histograms_clear(stats);
}

/* ---- histograms ----------------------------------------------------------------------------- */

static bool boundaries_rise(const uint64_t *boundaries, unsigned n)
{
    uint64_t previous = 0;

    for (unsigned i = 0; i < n; i++) {
        if (boundaries[i] <= previous) {
            return false;
        }
        previous = boundaries[i];
    }
    return n > 0;
}

static void histogram_clear(BlockLatencyHistogram *hist)
{
    g_free(hist->boundaries);
    g_free(hist->bins);
    *hist = (BlockLatencyHistogram){ 0 };
}

bool block_latency_histogram_set(BlockAcctStats *stats, BlockAcctType type,
                                 const uint64_t *boundaries, unsigned n, Error **errp)
{
    BlockLatencyHistogram *hist = &stats->types[type].latency_histogram;

    if (!boundaries_rise(boundaries, n)) {
        error_setg(errp, "the boundaries of a latency histogram must rise, from above 0");
        return false;
    }
    histogram_clear(hist);
    hist->nbins = n + 1;
    hist->boundaries = g_memdup2(boundaries, n * sizeof(*boundaries));
    hist->bins = g_new0(uint64_t, n + 1);
    return true;
}

void block_latency_histograms_clear(BlockAcctStats *stats)
{
    for (unsigned i = 0; i < BLOCK_MAX_IOTYPE; i++) {
        histogram_clear(&stats->types[i].latency_histogram);
    }
}

/* The first bin whose upper boundary is above @latency, by halving. */
static void histogram_account(BlockLatencyHistogram *hist, uint64_t latency)
{
    unsigned low = 0, high = hist->nbins - 1;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (latency < hist->boundaries[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    hist->bins[low]++;
}

/* ---- requests ------------------------------------------------------------------------------- */

void block_acct_start(BlockAcctStats *stats G_GNUC_UNUSED, BlockAcctCookie *cookie, int64_t bytes,
                      BlockAcctType type)
{
    *cookie = (BlockAcctCookie){ .bytes = bytes, .start_time_ns = acct_now(), .type = type };
}

static void latency_account(BlockAcctCounters *c, uint64_t latency)
{
    if (!c->nr_latencies++ || latency < c->min_latency_ns) {
        c->min_latency_ns = latency;
    }
    c->max_latency_ns = MAX(c->max_latency_ns, latency);
    c->total_time_ns += latency;
    if (c->latency_histogram.nbins) {
        histogram_account(&c->latency_histogram, latency);
    }
}

/* A cookie is closed once; those never started count for nothing. */
static void account_one(BlockAcctStats *stats, BlockAcctCookie *cookie, bool failed)
{
    BlockAcctCounters *c = &stats->types[cookie->type];
    int64_t now;

    if (cookie->type == BLOCK_ACCT_NONE) {
        return;
    }
    if (failed) {
        c->failed_ops++;
    } else {
        c->nr_ops++;
        c->nr_bytes += cookie->bytes;
    }
    if (!failed || stats->account_failed) {
        now = acct_now();
        latency_account(c, now - cookie->start_time_ns);
        stats->last_access_time_ns = now;
    }
    cookie->type = BLOCK_ACCT_NONE;
}

void block_acct_done(BlockAcctStats *stats, BlockAcctCookie *cookie)
{
    account_one(stats, cookie, false);
}

void block_acct_failed(BlockAcctStats *stats, BlockAcctCookie *cookie)
{
    account_one(stats, cookie, true);
}

void block_acct_invalid(BlockAcctStats *stats, BlockAcctType type)
{
    stats->types[type].invalid_ops++;
    if (stats->account_invalid) {
        stats->last_access_time_ns = acct_now();
    }
}

void block_acct_merge_done(BlockAcctStats *stats, BlockAcctType type, int num_requests)
{
    stats->types[type].merged += num_requests;
}

int64_t block_acct_idle_time_ns(const BlockAcctStats *stats)
{
    return acct_now() - stats->last_access_time_ns;
}

uint64_t block_acct_mean_latency_ns(const BlockAcctStats *stats, BlockAcctType type)
{
    const BlockAcctCounters *c = &stats->types[type];

    return c->nr_latencies ? c->total_time_ns / c->nr_latencies : 0;
}
