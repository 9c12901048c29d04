/*
 * What linux-aio and io_uring tell of what they do: of each batch, and in sum.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_BLOCK_AIO_STATS_H
#define QAIO_BLOCK_AIO_STATS_H

#include "base/osdep.h"
#include "coroutine/coroutine.h"

/* The kernel took @n requests, for which @cos wait. The callee must not submit or wait. */
typedef void AioSubmittedFunc(void *opaque, Coroutine *const *cos, unsigned n);

/* Histogram bucket i counts values in (2^(i-1), 2^i]. */
#define AIO_HISTOGRAM_BUCKETS 17

/* What happened since the state was made. */
typedef struct AioStats {
    uint64_t submit_calls;
    uint64_t submit_again;  /* refused with EAGAIN */
    uint64_t submit_errors; /* refused with another error: that many requests failed */
    uint64_t completions;
    uint64_t ring_polls;
    uint64_t ring_polls_empty;
    uint64_t eventfd_wakeups; /* wake-ups by the descriptor that tells of completions */
    uint64_t batch[AIO_HISTOGRAM_BUCKETS];
    uint64_t completion_runs[AIO_HISTOGRAM_BUCKETS]; /* by the completions that a run found */
} AioStats;

/* The bucket for @n >= 1: the number of bits in n - 1. */
static inline void aio_histogram_add(uint64_t *buckets, unsigned n)
{
    unsigned i = n > 1 ? 32 - (unsigned)__builtin_clz(n - 1) : 0;

    buckets[MIN(i, AIO_HISTOGRAM_BUCKETS - 1)]++;
}

#endif
