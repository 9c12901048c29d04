/*
 * Throttling: leaky buckets, and the timers of those who wait for them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include "block/throttle.h"

/* ---- one bucket ----------------------------------------------------------------------------- */

static double leaked(double level, uint64_t rate, int64_t delta_ns)
{
    return MAX(level - (double)rate * delta_ns / NANOSECONDS_PER_SECOND, 0);
}

void throttle_leak_bucket(LeakyBucket *bkt, int64_t delta_ns)
{
    bkt->level = leaked(bkt->level, bkt->avg, delta_ns);
    bkt->burst_level = leaked(bkt->burst_level, bkt->max, delta_ns);
}

/* What passes in a tenth of a second. */
static double tenth(uint64_t rate)
{
    return (double)rate / 10;
}

static double bucket_size(const LeakyBucket *bkt)
{
    return bkt->max ? (double)bkt->max * bkt->burst_length : tenth(bkt->avg);
}

/* The longest wait: a year, so that no sum of times overflows. */
#define MAX_WAIT_NS (365.0 * 24 * 3600 * NANOSECONDS_PER_SECOND)

/* How long a bucket that leaks at @rate takes to get from @level down to @size, rounded up. */
static int64_t wait_ns(double level, double size, uint64_t rate)
{
    if (level <= size) {
        return 0;
    }
    return (int64_t)MIN((level - size) * NANOSECONDS_PER_SECOND / rate, MAX_WAIT_NS) + 1;
}

int64_t throttle_compute_wait(const LeakyBucket *bkt)
{
    int64_t wait;

    if (!bkt->avg) {
        return 0;
    }
    wait = wait_ns(bkt->level, bucket_size(bkt), bkt->avg);
    if (!wait && bkt->burst_length > 1) {
        wait = wait_ns(bkt->burst_level, tenth(bkt->max), bkt->max);
    }
    return wait;
}

static void fill_bucket(LeakyBucket *bkt)
{
    bkt->level = bkt->max ? 0 : bucket_size(bkt);
    bkt->burst_level = 0;
}

/* ---- which buckets a request goes into ------------------------------------------------------- */

static const BucketType buckets_of[2][4] = {
    { THROTTLE_BPS_TOTAL, THROTTLE_OPS_TOTAL, THROTTLE_BPS_READ, THROTTLE_OPS_READ },
    { THROTTLE_BPS_TOTAL, THROTTLE_OPS_TOTAL, THROTTLE_BPS_WRITE, THROTTLE_OPS_WRITE },
};

static bool counts_bytes(BucketType type)
{
    return type <= THROTTLE_BPS_WRITE;
}

static double operations(const ThrottleConfig *cfg, uint64_t size)
{
    return cfg->op_size && size > cfg->op_size ? (double)size / cfg->op_size : 1;
}

void throttle_account(ThrottleState *ts, bool is_write, uint64_t size)
{
    double ops = operations(&ts->cfg, size);

    for (unsigned i = 0; i < ARRAY_SIZE(buckets_of[0]); i++) {
        BucketType type = buckets_of[is_write][i];
        LeakyBucket *bkt = &ts->cfg.buckets[type];

        bkt->level += counts_bytes(type) ? size : ops;
        bkt->burst_level += counts_bytes(type) ? size : ops;
    }
}

static void leak_all(ThrottleState *ts, int64_t now)
{
    for (unsigned i = 0; i < BUCKETS_COUNT; i++) {
        throttle_leak_bucket(&ts->cfg.buckets[i], now - ts->previous_leak);
    }
    ts->previous_leak = now;
}

static int64_t longest_wait(const ThrottleState *ts, bool is_write)
{
    int64_t wait = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(buckets_of[0]); i++) {
        wait = MAX(wait, throttle_compute_wait(&ts->cfg.buckets[buckets_of[is_write][i]]));
    }
    return wait;
}

bool throttle_schedule_timer(ThrottleState *ts, ThrottleTimers *tt, bool is_write)
{
    int64_t now = qemu_clock_get_ns(tt->clock_type);
    int64_t wait;

    leak_all(ts, now);
    wait = longest_wait(ts, is_write);
    if (wait && !timer_pending(&tt->timers[is_write])) {
        timer_mod_ns(&tt->timers[is_write], now + wait);
    }
    return wait != 0;
}

/* ---- configuration -------------------------------------------------------------------------- */

void throttle_config_init(ThrottleConfig *cfg)
{
    *cfg = (ThrottleConfig){ .op_size = 0 };
    for (unsigned i = 0; i < BUCKETS_COUNT; i++) {
        cfg->buckets[i].burst_length = 1;
    }
}

void throttle_init(ThrottleState *ts)
{
    *ts = (ThrottleState){ .previous_leak = 0 };
    throttle_config_init(&ts->cfg);
}

bool throttle_enabled(const ThrottleConfig *cfg)
{
    for (unsigned i = 0; i < BUCKETS_COUNT; i++) {
        if (cfg->buckets[i].avg) {
            return true;
        }
    }
    return false;
}

/* A limit on everything and one on a part of it, of the same unit. */
static bool is_conflicting(const ThrottleConfig *cfg, Error **errp)
{
    static const struct {
        BucketType total;
        const char *unit;
    } units[] = { { THROTTLE_BPS_TOTAL, "bps" }, { THROTTLE_OPS_TOTAL, "iops" } };

    for (unsigned i = 0; i < ARRAY_SIZE(units); i++) {
        const LeakyBucket *total = &cfg->buckets[units[i].total];

        /* Reads, then writes, follow the total in BucketType. */
        if ((total[0].avg && (total[1].avg || total[2].avg)) ||
            (total[0].max && (total[1].max || total[2].max))) {
            error_setg(errp,
                       "%s limits for all requests and for reads or writes alone contradict "
                       "each other: give one or the other",
                       units[i].unit);
            return true;
        }
    }
    return false;
}

static bool bucket_is_valid(const LeakyBucket *bkt, Error **errp)
{
    if (bkt->avg > THROTTLE_VALUE_MAX || bkt->max > THROTTLE_VALUE_MAX) {
        error_setg(errp, "limits must not be above %lld", THROTTLE_VALUE_MAX);
    } else if (!bkt->burst_length) {
        error_setg(errp, "a burst lasts at least 1 second");
    } else if (bkt->burst_length > 1 && !bkt->max) {
        error_setg(errp, "a burst length needs a burst rate (max)");
    } else if (bkt->max && bkt->burst_length > THROTTLE_VALUE_MAX / bkt->max) {
        error_setg(errp, "burst length times burst rate must not be above %lld",
                   THROTTLE_VALUE_MAX);
    } else if (bkt->max && !bkt->avg) {
        error_setg(errp, "a burst rate (max) needs the limit that it goes beyond");
    } else if (bkt->max && bkt->max < bkt->avg) {
        error_setg(errp, "a burst rate (max) must not be below the limit that it goes beyond");
    } else {
        return true;
    }
    return false;
}

bool throttle_is_valid(const ThrottleConfig *cfg, Error **errp)
{
    const LeakyBucket *ops = &cfg->buckets[THROTTLE_OPS_TOTAL];

    if (is_conflicting(cfg, errp)) {
        return false;
    }
    if (cfg->op_size && !ops[0].avg && !ops[1].avg && !ops[2].avg) {
        error_setg(errp, "the size of an operation needs an iops limit");
        return false;
    }
    for (unsigned i = 0; i < BUCKETS_COUNT; i++) {
        if (!bucket_is_valid(&cfg->buckets[i], errp)) {
            return false;
        }
    }
    return true;
}

void throttle_config(ThrottleState *ts, QEMUClockType clock_type, const ThrottleConfig *cfg)
{
    ts->cfg = *cfg;
    for (unsigned i = 0; i < BUCKETS_COUNT; i++) {
        fill_bucket(&ts->cfg.buckets[i]);
    }
    ts->previous_leak = qemu_clock_get_ns(clock_type);
}

void throttle_get_config(const ThrottleState *ts, ThrottleConfig *cfg)
{
    *cfg = ts->cfg;
}

/* ---- timers --------------------------------------------------------------------------------- */

void throttle_timers_attach_aio_context(ThrottleTimers *tt, AioContext *ctx)
{
    for (unsigned i = 0; i < ARRAY_SIZE(tt->timers); i++) {
        aio_timer_init(ctx, &tt->timers[i], tt->clock_type, SCALE_NS, tt->timer_cb[i],
                       tt->timer_opaque);
    }
    tt->attached = true;
}

void throttle_timers_detach_aio_context(ThrottleTimers *tt)
{
    for (unsigned i = 0; i < ARRAY_SIZE(tt->timers); i++) {
        timer_del(&tt->timers[i]);
        timer_deinit(&tt->timers[i]);
    }
    tt->attached = false;
}

void throttle_timers_init(ThrottleTimers *tt, AioContext *ctx, QEMUClockType clock_type,
                          QEMUTimerCB *read_timer_cb, QEMUTimerCB *write_timer_cb,
                          void *timer_opaque)
{
    *tt = (ThrottleTimers){
        .clock_type = clock_type,
        .timer_cb = { read_timer_cb, write_timer_cb },
        .timer_opaque = timer_opaque,
    };
    throttle_timers_attach_aio_context(tt, ctx);
}

void throttle_timers_destroy(ThrottleTimers *tt)
{
    throttle_timers_detach_aio_context(tt);
}

bool throttle_timers_are_initialized(const ThrottleTimers *tt)
{
    return tt->attached;
}
