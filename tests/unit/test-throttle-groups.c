/* Throttle groups: rates, fairness, order, drained sections, moves, members in several threads.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linked with --wrap=clock_gettime: time goes on by a little with each turn of the loop, and by
 * STEP when there was nothing to do; but for the test with threads.
 */
#include "base/osdep.h"
#include <time.h>
#include "base/atomic.h"
#include "block/block-backend.h"
#include "loop/iothread.h"
#include "util.h"

#define STEP (10 * SCALE_US)

static int64_t now = 1000 * NANOSECONDS_PER_SECOND;
static bool real_time;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
    if (real_time) {
        return __real_clock_gettime(id, ts);
    }
    *ts = (struct timespec){ now / NANOSECONDS_PER_SECOND, now % NANOSECONDS_PER_SECOND };
    return 0;
}

/* A backend that always has @depth requests in flight. */
typedef struct Load {
    AioContext *ctx;
    BlockBackend *blk;
    QEMUIOVector qiov;
    bool is_write;
    bool stop;     /* atomic */
    unsigned done; /* atomic */
    unsigned in_flight;
} Load;

static char buffer[65536];

static void load_new(Load *l, AioContext *ctx, const char *group, bool is_write, size_t bytes)
{
    BlockdevOptions options = { .filename = "nothing", .fd = -1, .size = 1 << 20 };

    *l = (Load){ .ctx = ctx, .is_write = is_write };
    l->blk = blk_new_with_bs(bdrv_open(&bdrv_null_aio, &options, BDRV_O_RDWR, ctx, &error_abort));
    qemu_iovec_init_buf(&l->qiov, buffer, bytes);
    blk_io_limits_enable(l->blk, group);
}

static void load_start(Load *l, unsigned n);

static void load_next(void *opaque, int ret)
{
    Load *l = opaque;

    g_assert_cmpint(ret, ==, 0);
    qatomic_set(&l->done, l->done + 1);
    l->in_flight--;
    if (!qatomic_read(&l->stop)) {
        load_start(l, 1);
    }
}

static void load_start(Load *l, unsigned n)
{
    for (; n; n--) {
        l->in_flight++;
        if (l->is_write) {
            blk_aio_pwritev(l->blk, 0, &l->qiov, 0, load_next, l);
        } else {
            blk_aio_preadv(l->blk, 0, &l->qiov, 0, load_next, l);
        }
    }
}

static void load_free(Load *l)
{
    l->stop = true;
    blk_unref(l->blk);
    g_assert_cmpuint(l->in_flight, ==, 0);
}

static void limit(Load *l, BucketType type, uint64_t avg)
{
    ThrottleConfig cfg;

    throttle_config_init(&cfg);
    cfg.buckets[type].avg = avg;
    g_assert_true(throttle_is_valid(&cfg, &error_abort));
    blk_set_io_limits(l->blk, &cfg);
}

/* Turn the loop for @ns of simulated time. */
static void run_for(AioContext *ctx, int64_t ns)
{
    int64_t end = now + ns;

    while (now < end) {
        now += aio_poll(ctx, false) ? STEP / 100 : STEP;
    }
}

static void assert_near(double value, double wanted, double percent)
{
    g_assert_cmpfloat_with_epsilon(value, wanted, wanted * percent / 100 + 1);
}

/* ---- rates ----------------------------------------------------------------------------------- */

static void test_rate_of_one(void)
{
    AioContext *ctx = test_context_new();
    Load l;

    load_new(&l, ctx, "one", false, 4096);
    limit(&l, THROTTLE_OPS_TOTAL, 1000);
    load_start(&l, 16);
    run_for(ctx, 5 * NANOSECONDS_PER_SECOND);
    assert_near(l.done, 5000, 1);
    load_free(&l);
    test_context_free(ctx);
}

static void test_rate_of_bytes(void)
{
    AioContext *ctx = test_context_new();
    Load l;

    load_new(&l, ctx, "bytes", true, 65536);
    limit(&l, THROTTLE_BPS_WRITE, 65536 * 200);
    load_start(&l, 4);
    run_for(ctx, 5 * NANOSECONDS_PER_SECOND);
    assert_near(l.done, 1000, 1);
    load_free(&l);
    test_context_free(ctx);
}

/* Members of different depth get the same. */
static void test_members_share_fairly(void)
{
    static const unsigned depth[] = { 1, 4, 64 };
    AioContext *ctx = test_context_new();
    Load l[3];

    for (unsigned i = 0; i < 3; i++) {
        load_new(&l[i], ctx, "shared", false, 4096);
    }
    limit(&l[2], THROTTLE_OPS_TOTAL, 3000);
    for (unsigned i = 0; i < 3; i++) {
        load_start(&l[i], depth[i]);
    }
    run_for(ctx, 5 * NANOSECONDS_PER_SECOND);
    for (unsigned i = 0; i < 3; i++) {
        assert_near(l[i].done, 5000, 5);
    }
    for (unsigned i = 0; i < 3; i++) {
        load_free(&l[i]);
    }
    test_context_free(ctx);
}

static void test_groups_of_other_names_are_apart(void)
{
    AioContext *ctx = test_context_new();
    Load a, b;

    load_new(&a, ctx, "a", false, 4096);
    load_new(&b, ctx, "b", false, 4096);
    limit(&a, THROTTLE_OPS_TOTAL, 1000);
    limit(&b, THROTTLE_OPS_TOTAL, 250);
    load_start(&a, 4);
    load_start(&b, 4);
    run_for(ctx, 2 * NANOSECONDS_PER_SECOND);
    assert_near(a.done, 2000, 1);
    assert_near(b.done, 500, 1);
    load_free(&a);
    load_free(&b);
    test_context_free(ctx);
}

/* The last who leaves takes the limits along. */
static void test_group_goes_with_its_members(void)
{
    AioContext *ctx = test_context_new();
    Load l;

    load_new(&l, ctx, "gone", false, 4096);
    limit(&l, THROTTLE_OPS_TOTAL, 1);
    load_free(&l);
    load_new(&l, ctx, "gone", false, 4096);
    load_start(&l, 1);
    run_for(ctx, STEP);
    g_assert_cmpuint(l.done, >, 1);
    load_free(&l);
    test_context_free(ctx);
}

static void test_new_limits_hold_at_once(void)
{
    AioContext *ctx = test_context_new();
    unsigned before;
    Load l;

    load_new(&l, ctx, "changed", false, 4096);
    limit(&l, THROTTLE_OPS_TOTAL, 1);
    load_start(&l, 4);
    run_for(ctx, 100 * SCALE_MS);
    limit(&l, THROTTLE_OPS_TOTAL, 1000);
    before = l.done;
    run_for(ctx, NANOSECONDS_PER_SECOND);
    assert_near(l.done - before, 1000, 1);
    load_free(&l);
    test_context_free(ctx);
}

/* ---- order ----------------------------------------------------------------------------------- */

static int order[100], n_done;

static void note_order(void *opaque, int ret G_GNUC_UNUSED)
{
    order[n_done++] = GPOINTER_TO_INT(opaque);
}

static void test_requests_keep_their_order(void)
{
    AioContext *ctx = test_context_new();
    Load l;

    n_done = 0;
    load_new(&l, ctx, "ordered", false, 4096);
    limit(&l, THROTTLE_OPS_TOTAL, 1000);
    for (int i = 0; i < 100; i++) {
        blk_aio_preadv(l.blk, 0, &l.qiov, 0, note_order, GINT_TO_POINTER(i));
    }
    run_for(ctx, NANOSECONDS_PER_SECOND);
    g_assert_cmpint(n_done, ==, 100);
    for (int i = 0; i < 100; i++) {
        g_assert_cmpint(order[i], ==, i);
    }
    load_free(&l);
    test_context_free(ctx);
}

/* ---- drained sections, moves ---------------------------------------------------------------- */

static void test_drain_does_not_wait_for_limits(void)
{
    AioContext *ctx = test_context_new();
    int64_t start;
    Load l;

    n_done = 0;
    load_new(&l, ctx, "drained", false, 4096);
    limit(&l, THROTTLE_OPS_TOTAL, 1);
    for (int i = 0; i < 100; i++) {
        blk_aio_preadv(l.blk, 0, &l.qiov, 0, note_order, GINT_TO_POINTER(i));
    }
    start = now;
    blk_drain(l.blk);
    g_assert_cmpint(n_done, ==, 100);
    g_assert_cmpint(now, ==, start);

    /* They count all the same: who comes now has long to wait. */
    load_start(&l, 1);
    run_for(ctx, 10 * NANOSECONDS_PER_SECOND);
    g_assert_cmpuint(l.done, ==, 0);
    load_free(&l);
    test_context_free(ctx);
}

/* One member's drain lets the others wait as before. */
static void test_drain_of_one_leaves_the_others_limited(void)
{
    AioContext *ctx = test_context_new();
    Load a, b;

    load_new(&a, ctx, "two", false, 4096);
    load_new(&b, ctx, "two", false, 4096);
    limit(&a, THROTTLE_OPS_TOTAL, 100);
    load_start(&a, 1);
    load_start(&b, 8);
    for (int i = 0; i < 100; i++) {
        run_for(ctx, 20 * SCALE_MS);
        blk_drain(a.blk);
    }
    assert_near(b.done, 100, 60);
    g_assert_cmpuint(b.done, >, 0);
    load_free(&a);
    load_free(&b);
    test_context_free(ctx);
}

static void test_leaving_lets_the_others_go_on(void)
{
    AioContext *ctx = test_context_new();
    unsigned before;
    Load a, b;

    load_new(&a, ctx, "left", false, 4096);
    load_new(&b, ctx, "left", false, 4096);
    limit(&a, THROTTLE_OPS_TOTAL, 100);
    load_start(&a, 4);
    load_start(&b, 4);
    run_for(ctx, NANOSECONDS_PER_SECOND);
    load_free(&a);
    before = b.done;
    run_for(ctx, 2 * NANOSECONDS_PER_SECOND);
    g_assert_cmpuint(b.done - before, >, 150);
    blk_io_limits_disable(b.blk);
    before = b.done;
    run_for(ctx, STEP);
    g_assert_cmpuint(b.done, >, before);
    load_free(&b);
    test_context_free(ctx);
}

/* ---- threads -------------------------------------------------------------------------------- */

typedef struct StartCall {
    Load *l;
    unsigned n;
} StartCall;

static void start_bh(void *opaque)
{
    StartCall *call = opaque;

    load_start(call->l, call->n);
}

static void test_members_in_several_threads(void)
{
    AioContext *ctx = test_context_new();
    IOThread *iothread[2];
    StartCall call[2];
    unsigned done[2];
    Load l[2];

    real_time = true;
    for (int i = 0; i < 2; i++) {
        iothread[i] = iothread_new();
        load_new(&l[i], ctx, "threads", false, 4096);
        blk_set_aio_context(l[i].blk, iothread_get_aio_context(iothread[i]), &error_abort);
    }
    limit(&l[0], THROTTLE_OPS_TOTAL, 4000);
    for (int i = 0; i < 2; i++) {
        call[i] = (StartCall){ &l[i], 4 + 28 * i };
        aio_bh_schedule_oneshot(iothread_get_aio_context(iothread[i]), start_bh, &call[i]);
    }
    g_usleep(2 * G_USEC_PER_SEC);
    for (int i = 0; i < 2; i++) {
        done[i] = qatomic_read(&l[i].done);
        qatomic_set(&l[i].stop, true);
    }
    /* Under load the machine may not keep up; it must never be more. */
    g_assert_cmpuint(done[0] + done[1], <=, 8400);
    g_assert_cmpuint(done[0] + done[1], >=, 4000);
    for (int i = 0; i < 2; i++) {
        blk_set_aio_context(l[i].blk, ctx, &error_abort);
        load_free(&l[i]);
        iothread_join(iothread[i]);
    }
    real_time = false;
    test_context_free(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name) g_test_add_func("/throttle-groups/" #name, test_##name)
    CASE(rate_of_one);
    CASE(rate_of_bytes);
    CASE(members_share_fairly);
    CASE(groups_of_other_names_are_apart);
    CASE(group_goes_with_its_members);
    CASE(new_limits_hold_at_once);
    CASE(requests_keep_their_order);
    CASE(drain_does_not_wait_for_limits);
    CASE(drain_of_one_leaves_the_others_limited);
    CASE(leaving_lets_the_others_go_on);
    CASE(members_in_several_threads);
    return g_test_run();
}
