/* Throttling by itself: what buckets let through, when the next request may go, bad limits refused.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=clock_gettime: time stands still unless a test moves it.
 */
#include "base/osdep.h"
#include <time.h>
#include "block/throttle.h"
#include "util.h"

#define MS INT64_C(1000000)

static int64_t now = 1000 * NANOSECONDS_PER_SECOND;

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id G_GNUC_UNUSED, struct timespec *ts)
{
    *ts = (struct timespec){ now / NANOSECONDS_PER_SECOND, now % NANOSECONDS_PER_SECOND };
    return 0;
}

static void timer_cb(void *opaque)
{
    ++*(int *)opaque;
}

/* A state that works by cfg, with its timers. */
typedef struct Throttle {
    AioContext *ctx;
    ThrottleConfig cfg;
    ThrottleState ts;
    ThrottleTimers tt;
    int read_runs;
} Throttle;

static void throttle_new(Throttle *t)
{
    t->ctx = test_context_new();
    t->read_runs = 0;
    throttle_config_init(&t->cfg);
    throttle_init(&t->ts);
    throttle_timers_init(&t->tt, t->ctx, QEMU_CLOCK_REALTIME, timer_cb, timer_cb, &t->read_runs);
}

static void throttle_start(Throttle *t)
{
    g_assert_true(throttle_is_valid(&t->cfg, &error_abort));
    throttle_config(&t->ts, QEMU_CLOCK_REALTIME, &t->cfg);
}

static void throttle_free(Throttle *t)
{
    throttle_timers_destroy(&t->tt);
    test_context_free(t->ctx);
}

/* How many requests of @size an endless supply of them gets through in @ns, as soon as each may. */
static unsigned requests_in(Throttle *t, bool is_write, uint64_t size, int64_t ns)
{
    int64_t end = now + ns;
    unsigned n = 0;

    while (now < end) {
        if (throttle_schedule_timer(&t->ts, &t->tt, is_write)) {
            now = (int64_t)timer_expire_time_ns(&t->tt.timers[is_write]);
            timer_del(&t->tt.timers[is_write]);
        } else {
            throttle_account(&t->ts, is_write, size);
            n++;
        }
    }
    return n;
}

static void assert_near(double value, double wanted)
{
    g_assert_cmpfloat_with_epsilon(value, wanted, wanted / 1000 + 1);
}

/* ---- rates ---------------------------------------------------------------------------------- */

static void test_rate_of_operations(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_TOTAL].avg = 1000;
    throttle_start(&t);
    assert_near(requests_in(&t, false, 4096, 5 * NANOSECONDS_PER_SECOND), 5000);
    assert_near(requests_in(&t, true, 1, NANOSECONDS_PER_SECOND), 1000);
    throttle_free(&t);
}

static void test_rate_of_bytes(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_BPS_WRITE].avg = 4096000;
    throttle_start(&t);
    assert_near(requests_in(&t, true, 4096, 5 * NANOSECONDS_PER_SECOND), 5000);
    assert_near(requests_in(&t, true, 8192, 5 * NANOSECONDS_PER_SECOND), 2500);
    throttle_free(&t);
}

static void test_slower_than_ten_a_second(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_TOTAL].avg = 2;
    throttle_start(&t);
    assert_near(requests_in(&t, false, 4096, 10 * NANOSECONDS_PER_SECOND), 20);
    throttle_free(&t);
}

static void test_smallest_limit_rules(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_READ].avg = 1000;
    t.cfg.buckets[THROTTLE_BPS_TOTAL].avg = 4096 * 500;
    throttle_start(&t);
    assert_near(requests_in(&t, false, 4096, NANOSECONDS_PER_SECOND), 500);
    /* A tenth of a second's worth of operations has gathered meanwhile. */
    assert_near(requests_in(&t, false, 512, NANOSECONDS_PER_SECOND), 1100);
    throttle_free(&t);
}

static void test_reads_and_writes_apart(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_READ].avg = 10;
    throttle_start(&t);
    throttle_account(&t.ts, false, 512);
    g_assert_true(throttle_schedule_timer(&t.ts, &t.tt, false));
    for (int i = 0; i < 1000; i++) {
        g_assert_false(throttle_schedule_timer(&t.ts, &t.tt, true));
        throttle_account(&t.ts, true, 1 << 20);
    }
    throttle_free(&t);
}

static void test_total_counts_both(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_TOTAL].avg = 10;
    throttle_start(&t);
    throttle_account(&t.ts, true, 512);
    g_assert_true(throttle_schedule_timer(&t.ts, &t.tt, false));
    throttle_free(&t);
}

static void test_large_requests_count_as_several(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_TOTAL].avg = 1000;
    t.cfg.op_size = 4096;
    throttle_start(&t);
    assert_near(requests_in(&t, false, 16384, 4 * NANOSECONDS_PER_SECOND), 1000);
    assert_near(requests_in(&t, false, 6144, 3 * NANOSECONDS_PER_SECOND), 2000);
    assert_near(requests_in(&t, false, 512, NANOSECONDS_PER_SECOND), 1000);
    throttle_free(&t);
}

/* ---- bursts --------------------------------------------------------------------------------- */

static void test_burst_of_any_speed(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_TOTAL].avg = 100;
    t.cfg.buckets[THROTTLE_OPS_TOTAL].max = 2000;
    throttle_start(&t);
    /* A thousandth of a second is enough for a bucketful, and what follows goes at avg. */
    assert_near(requests_in(&t, false, 4096, MS), 2000);
    assert_near(requests_in(&t, false, 4096, NANOSECONDS_PER_SECOND), 100);
    /* After rest it may burst again. */
    now += 60 * NANOSECONDS_PER_SECOND;
    assert_near(requests_in(&t, false, 4096, MS), 2000);
    throttle_free(&t);
}

static void test_burst_with_length(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_TOTAL].avg = 100;
    t.cfg.buckets[THROTTLE_OPS_TOTAL].max = 1000;
    t.cfg.buckets[THROTTLE_OPS_TOTAL].burst_length = 5;
    throttle_start(&t);
    /* A tenth of a second's worth at once, then max a second. */
    assert_near(requests_in(&t, false, 4096, NANOSECONDS_PER_SECOND), 1100);
    assert_near(requests_in(&t, false, 4096, 3 * NANOSECONDS_PER_SECOND), 3000);
    /* 5000 fit in the bucket; 4100 are in, less 4 s of avg. */
    assert_near(requests_in(&t, false, 4096, 10 * NANOSECONDS_PER_SECOND), 5000 - 3700 + 1000);
    throttle_free(&t);
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void test_wait_is_exact(void)
{
    LeakyBucket bkt = { .avg = 150, .burst_length = 1, .level = 15 };

    g_assert_cmpint(throttle_compute_wait(&bkt), ==, 0);
    bkt.level = 15 + 30;
    g_assert_cmpint(throttle_compute_wait(&bkt), ==, NANOSECONDS_PER_SECOND / 5 + 1);
    throttle_leak_bucket(&bkt, NANOSECONDS_PER_SECOND / 5 + 1);
    g_assert_cmpint(throttle_compute_wait(&bkt), ==, 0);
    throttle_leak_bucket(&bkt, NANOSECONDS_PER_SECOND);
    g_assert_cmpfloat(bkt.level, ==, 0);
    bkt.avg = 0;
    bkt.level = 1e9;
    g_assert_cmpint(throttle_compute_wait(&bkt), ==, 0);
}

/* The timer of one that waits already is left as it is. */
static void test_timer_is_armed_once(void)
{
    uint64_t first;
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_TOTAL].avg = 10;
    throttle_start(&t);
    throttle_account(&t.ts, false, 512);
    g_assert_true(throttle_schedule_timer(&t.ts, &t.tt, false));
    first = timer_expire_time_ns(&t.tt.timers[false]);
    g_assert_cmpuint(first, ==, now + 100 * MS + 1);
    throttle_account(&t.ts, false, 512);
    g_assert_true(throttle_schedule_timer(&t.ts, &t.tt, false));
    g_assert_cmpuint(timer_expire_time_ns(&t.tt.timers[false]), ==, first);
    g_assert_false(timer_pending(&t.tt.timers[true]));

    now += 100 * MS + 1;
    aio_poll(t.ctx, false);
    g_assert_cmpint(t.read_runs, ==, 1);
    throttle_free(&t);
}

static void test_timers_move_to_another_context(void)
{
    AioContext *other;
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_OPS_TOTAL].avg = 10;
    throttle_start(&t);
    throttle_account(&t.ts, false, 512);
    g_assert_true(throttle_schedule_timer(&t.ts, &t.tt, false));
    throttle_timers_detach_aio_context(&t.tt);
    g_assert_false(throttle_timers_are_initialized(&t.tt));
    now += NANOSECONDS_PER_SECOND;
    aio_poll(t.ctx, false);
    g_assert_cmpint(t.read_runs, ==, 0);

    other = aio_context_new(&error_abort);
    qemu_set_current_aio_context(other);
    throttle_timers_attach_aio_context(&t.tt, other);
    g_assert_true(throttle_timers_are_initialized(&t.tt));
    g_assert_false(throttle_schedule_timer(&t.ts, &t.tt, false)); /* leaks */
    throttle_account(&t.ts, false, 512);
    throttle_account(&t.ts, false, 512);
    g_assert_true(throttle_schedule_timer(&t.ts, &t.tt, false));
    now += NANOSECONDS_PER_SECOND;
    aio_poll(other, false);
    g_assert_cmpint(t.read_runs, ==, 1);

    throttle_timers_destroy(&t.tt);
    test_context_free(other);
    aio_context_unref(t.ctx);
}

/* ---- configuration -------------------------------------------------------------------------- */

static void test_enabled(void)
{
    ThrottleConfig cfg;

    for (unsigned i = 0; i < BUCKETS_COUNT; i++) {
        throttle_config_init(&cfg);
        g_assert_false(throttle_enabled(&cfg));
        g_assert_true(throttle_is_valid(&cfg, &error_abort));
        cfg.buckets[i].avg = 1;
        g_assert_true(throttle_enabled(&cfg));
        g_assert_true(throttle_is_valid(&cfg, &error_abort));
    }
}

static void test_config_is_kept_and_forgets(void)
{
    ThrottleConfig cfg;
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_BPS_READ].avg = 77;
    t.cfg.buckets[THROTTLE_BPS_READ].max = 100;
    throttle_start(&t);
    throttle_account(&t.ts, false, 100000);
    g_assert_true(throttle_schedule_timer(&t.ts, &t.tt, false));
    throttle_get_config(&t.ts, &cfg);
    g_assert_cmpuint(cfg.buckets[THROTTLE_BPS_READ].avg, ==, 77);
    g_assert_cmpuint(cfg.buckets[THROTTLE_BPS_READ].max, ==, 100);
    throttle_start(&t);
    g_assert_false(throttle_schedule_timer(&t.ts, &t.tt, false));
    throttle_free(&t);
}

static void assert_refused(const ThrottleConfig *cfg, const char *pattern)
{
    Error *err = NULL;

    g_assert_false(throttle_is_valid(cfg, &err));
    g_assert_true(g_pattern_match_simple(pattern, error_get_pretty(err)));
    error_free(err);
}

static void test_bad_limits_are_refused(void)
{
    static const struct {
        BucketType type;
        LeakyBucket bucket;
        BucketType type2;
        LeakyBucket bucket2;
        uint64_t op_size;
        const char *pattern;
    } bad[] = {
        { 0,
          { .avg = 1, .burst_length = 1 },
          1,
          { .avg = 1, .burst_length = 1 },
          0,
          "bps limits*" },
        { 0,
          { .avg = 1, .burst_length = 1 },
          2,
          { .avg = 1, .burst_length = 1 },
          0,
          "bps limits*" },
        { 3,
          { .avg = 1, .burst_length = 1 },
          5,
          { .avg = 1, .burst_length = 1 },
          0,
          "iops limits*" },
        { 3,
          { .avg = 1, .max = 1, .burst_length = 1 },
          4,
          { .max = 9, .burst_length = 1 },
          0,
          "iops limits*" },
        { 0,
          { .avg = THROTTLE_VALUE_MAX + 1, .burst_length = 1 },
          5,
          { .burst_length = 1 },
          0,
          "*above*" },
        { 4, { .avg = 1, .burst_length = 0 }, 5, { .burst_length = 1 }, 0, "*at least 1 second*" },
        { 4, { .avg = 1, .burst_length = 2 }, 5, { .burst_length = 1 }, 0, "*needs a burst rate*" },
        { 4,
          { .avg = 1, .max = THROTTLE_VALUE_MAX, .burst_length = 2 },
          5,
          { .burst_length = 1 },
          0,
          "*length times*above*" },
        { 4, { .max = 5, .burst_length = 1 }, 5, { .burst_length = 1 }, 0, "*needs the limit*" },
        { 4, { .avg = 6, .max = 5, .burst_length = 1 }, 5, { .burst_length = 1 }, 0, "*below*" },
        { 0, { .avg = 6, .burst_length = 1 }, 1, { .burst_length = 1 }, 4096, "*needs an iops*" },
    };
    ThrottleConfig cfg;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        throttle_config_init(&cfg);
        cfg.buckets[bad[i].type] = bad[i].bucket;
        cfg.buckets[bad[i].type2] = bad[i].bucket2;
        cfg.op_size = bad[i].op_size;
        assert_refused(&cfg, bad[i].pattern);
    }
}

/* The largest values neither overflow nor let anything through that they should not. */
static void test_largest_limits(void)
{
    Throttle t;

    throttle_new(&t);
    t.cfg.buckets[THROTTLE_BPS_TOTAL].avg = THROTTLE_VALUE_MAX;
    t.cfg.buckets[THROTTLE_OPS_TOTAL].avg = 1;
    throttle_start(&t);
    throttle_account(&t.ts, true, INT64_MAX);
    g_assert_true(throttle_schedule_timer(&t.ts, &t.tt, true));
    g_assert_cmpuint(timer_expire_time_ns(&t.tt.timers[true]) - now, >,
                     9000 * NANOSECONDS_PER_SECOND);
    g_assert_cmpuint(timer_expire_time_ns(&t.tt.timers[true]) - now, <,
                     9500 * NANOSECONDS_PER_SECOND);

    t.cfg.buckets[THROTTLE_BPS_TOTAL].avg = 1;
    throttle_start(&t);
    throttle_account(&t.ts, false, INT64_MAX);
    g_assert_true(throttle_schedule_timer(&t.ts, &t.tt, false));
    g_assert_true(timer_pending(&t.tt.timers[false]));
    throttle_free(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name) g_test_add_func("/throttle/" #name, test_##name)
    CASE(rate_of_operations);
    CASE(rate_of_bytes);
    CASE(slower_than_ten_a_second);
    CASE(smallest_limit_rules);
    CASE(reads_and_writes_apart);
    CASE(total_counts_both);
    CASE(large_requests_count_as_several);
    CASE(burst_of_any_speed);
    CASE(burst_with_length);
    CASE(wait_is_exact);
    CASE(timer_is_armed_once);
    CASE(timers_move_to_another_context);
    CASE(enabled);
    CASE(config_is_kept_and_forgets);
    CASE(bad_limits_are_refused);
    CASE(largest_limits);
    return g_test_run();
}
