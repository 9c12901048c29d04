/*
 * Accounting: what was asked of a device, how it ended, and how long it took.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The device model that receives a request starts an account of it, in a cookie that lives as long
 * as the request, and closes it as done or failed. A request that was never valid, or that became
 * part of another one, is only counted.
 *
 *     block_acct_start ──▶ block_acct_done      operations, bytes, latency
 *                      ╰─▶ block_acct_failed    failed operations; latency if asked for
 *     block_acct_invalid                        invalid operations
 *     block_acct_merge_done                     operations that went as part of another
 *
 * Statistics belong to one thread.
 */
#ifndef QAIO_BLOCK_ACCOUNTING_H
#define QAIO_BLOCK_ACCOUNTING_H

#include "base/error.h"
#include "base/timer.h"

typedef enum BlockAcctType {
    BLOCK_ACCT_NONE, /* of a cookie: not started, or closed */
    BLOCK_ACCT_READ,
    BLOCK_ACCT_WRITE,
    BLOCK_ACCT_FLUSH,
    BLOCK_ACCT_UNMAP,
    BLOCK_MAX_IOTYPE,
} BlockAcctType;

/*
 * How many requests took how long. boundaries[i] are ns, rising; bins[0] counts what took less than
 * boundaries[0], bins[nbins - 1] what took boundaries[nbins - 2] or more. nbins is 0 without one.
 */
typedef struct BlockLatencyHistogram {
    unsigned nbins;
    uint64_t *boundaries; /* nbins - 1 */
    uint64_t *bins;
} BlockLatencyHistogram;

/* Of one type of request; latencies in ns. */
typedef struct BlockAcctCounters {
    uint64_t nr_bytes;
    uint64_t nr_ops;
    uint64_t invalid_ops;
    uint64_t failed_ops;
    uint64_t merged;
    uint64_t nr_latencies;  /* how many are in the following */
    uint64_t total_time_ns; /* their sum */
    uint64_t min_latency_ns;
    uint64_t max_latency_ns;
    BlockLatencyHistogram latency_histogram;
} BlockAcctCounters;

typedef struct BlockAcctStats {
    BlockAcctCounters types[BLOCK_MAX_IOTYPE];
    int64_t last_access_time_ns;
    bool account_invalid; /* an invalid operation is an access */
    bool account_failed;  /* a failed operation is an access, and its latency counts */
} BlockAcctStats;

/* The account of one request in flight. */
typedef struct BlockAcctCookie {
    int64_t bytes;
    int64_t start_time_ns;
    BlockAcctType type;
} BlockAcctCookie;

/* All zero; what fails and what is invalid are accesses. */
void block_acct_init(BlockAcctStats *stats);
void block_acct_setup(BlockAcctStats *stats, bool account_invalid, bool account_failed);

/* Free what histograms take. */
void block_acct_cleanup(BlockAcctStats *stats);

void block_acct_start(BlockAcctStats *stats, BlockAcctCookie *cookie, int64_t bytes,
                      BlockAcctType type);
void block_acct_done(BlockAcctStats *stats, BlockAcctCookie *cookie);
void block_acct_failed(BlockAcctStats *stats, BlockAcctCookie *cookie);
void block_acct_invalid(BlockAcctStats *stats, BlockAcctType type);
void block_acct_merge_done(BlockAcctStats *stats, BlockAcctType type, int num_requests);

/* How long since the last access. */
int64_t block_acct_idle_time_ns(const BlockAcctStats *stats);

/* The mean of the latencies of @type, 0 if there were none. */
uint64_t block_acct_mean_latency_ns(const BlockAcctStats *stats, BlockAcctType type);

/*
 * Have requests of @type sorted by latency from now on, by @n boundaries, at least 1. False and
 * *errp, with nothing changed, if they do not rise from above 0.
 */
bool block_latency_histogram_set(BlockAcctStats *stats, BlockAcctType type,
                                 const uint64_t *boundaries, unsigned n, Error **errp);

/* No histograms any more. */
void block_latency_histograms_clear(BlockAcctStats *stats);

#endif
