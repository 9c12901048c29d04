/*
 * Throttling: how fast requests may go, by leaky buckets.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each limit is a bucket. A request pours its bytes, or itself, in; what is in leaks out at the
 * rate of the limit. While more is in than the bucket holds, requests have to wait.
 *
 *           requests │ │ │
 *                    ▼ ▼ ▼
 *                 │        │  level > size: wait until the rest has leaked
 *         size ── │┄┄┄┄┄┄┄┄│
 *                 │████████│
 *                 └───╥────┘
 *                     ▼ avg a second
 *
 * avg only: the bucket holds what passes in a tenth of a second, and begins full, so that a run's
 * beginning is no faster than the rest of it. With max the bucket holds max * burst_length, begins
 * empty, and so lets that much more through when it was quiet before: at any speed if burst_length
 * is 1, else, by a second bucket of the same kind, at max a second, for burst_length seconds if
 * nothing leaked meanwhile.
 *
 * A ThrottleState and its buckets belong to whoever holds the lock of the group that they are in;
 * nothing here locks. Timers run in the home thread of the context that they are attached to.
 */
#ifndef QAIO_BLOCK_THROTTLE_H
#define QAIO_BLOCK_THROTTLE_H

#include "loop/aio.h"

typedef enum BucketType {
    THROTTLE_BPS_TOTAL,
    THROTTLE_BPS_READ,
    THROTTLE_BPS_WRITE,
    THROTTLE_OPS_TOTAL,
    THROTTLE_OPS_READ,
    THROTTLE_OPS_WRITE,
    BUCKETS_COUNT,
} BucketType;

/* Limits beyond this would not fit the arithmetic. */
#define THROTTLE_VALUE_MAX 1000000000000000LL

typedef struct LeakyBucket {
    uint64_t avg;          /* units a second; 0: no limit */
    uint64_t max;          /* units a second in a burst; 0: no bursts */
    uint64_t burst_length; /* seconds, at least 1 */
    double level;          /* units in the bucket */
    double burst_level;    /* the same of the bucket that limits bursts */
} LeakyBucket;

typedef struct ThrottleConfig {
    LeakyBucket buckets[BUCKETS_COUNT];
    uint64_t op_size; /* a larger request counts as several operations of this size; 0: as one */
} ThrottleConfig;

typedef struct ThrottleState {
    ThrottleConfig cfg;
    int64_t previous_leak; /* when it last leaked */
} ThrottleState;

/* One for reads, one for writes: when the next of them may go on. */
typedef struct ThrottleTimers {
    QEMUTimer timers[2]; /* index: is_write */
    QEMUClockType clock_type;
    QEMUTimerCB *timer_cb[2];
    void *timer_opaque;
    bool attached;
} ThrottleTimers;

/* ---- configuration -------------------------------------------------------------------------- */

/* No limits. */
void throttle_config_init(ThrottleConfig *cfg);

/* Whether there is any limit. */
bool throttle_enabled(const ThrottleConfig *cfg);

/* False, and *errp with what to change, if the limits of @cfg contradict each other or are out of
 * range. */
bool throttle_is_valid(const ThrottleConfig *cfg, Error **errp);

/* No limits. */
void throttle_init(ThrottleState *ts);

/* Have @ts work by @cfg, which must be valid, from now on. Nothing that was poured in is kept. */
void throttle_config(ThrottleState *ts, QEMUClockType clock_type, const ThrottleConfig *cfg);

/* The limits of @ts. */
void throttle_get_config(const ThrottleState *ts, ThrottleConfig *cfg);

/* ---- one bucket ----------------------------------------------------------------------------- */

/* @delta_ns have passed. */
void throttle_leak_bucket(LeakyBucket *bkt, int64_t delta_ns);

/* How many ns until the bucket takes another request; 0: now. */
int64_t throttle_compute_wait(const LeakyBucket *bkt);

/* ---- requests ------------------------------------------------------------------------------- */

/* A request of @size bytes goes: pour it into the buckets of its kind. */
void throttle_account(ThrottleState *ts, bool is_write, uint64_t size);

/* Whether the next request of the kind has to wait. Then its timer has been armed for when it need
 * not any more, unless it was armed already. */
bool throttle_schedule_timer(ThrottleState *ts, ThrottleTimers *tt, bool is_write);

/* ---- timers --------------------------------------------------------------------------------- */

/* Timers of @ctx's that call @read_timer_cb and @write_timer_cb with @timer_opaque. */
void throttle_timers_init(ThrottleTimers *tt, AioContext *ctx, QEMUClockType clock_type,
                          QEMUTimerCB *read_timer_cb, QEMUTimerCB *write_timer_cb,
                          void *timer_opaque);

/* Disarm, and give up the timers. */
void throttle_timers_destroy(ThrottleTimers *tt);

/* The same for a move to another context: between the two no timer is armed. */
void throttle_timers_detach_aio_context(ThrottleTimers *tt);
void throttle_timers_attach_aio_context(ThrottleTimers *tt, AioContext *ctx);

bool throttle_timers_are_initialized(const ThrottleTimers *tt);

#endif
