/* The null drivers: every kind of request ends, when it should, and changes nothing it should not.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "block/block-backend.h"
#include "util.h"

#define SIZE    (INT64_C(1) << 40)
#define LATENCY (5 * SCALE_MS)

typedef struct Fixture {
    AioContext *ctx;
    BlockBackend *blk;
    int done;
    int ret;
} Fixture;

static BlockDriver *const drivers[] = { &bdrv_null_co, &bdrv_null_aio };

static void set_up(Fixture *f, BlockDriver *drv, uint64_t latency_ns, bool read_zeroes)
{
    BlockdevOptions options = {
        .filename = "nothing",
        .fd = -1,
        .size = SIZE,
        .latency_ns = latency_ns,
        .read_zeroes = read_zeroes,
    };
    BlockDriverState *bs;

    *f = (Fixture){ .ctx = test_context_new() };
    bs = bdrv_open(drv, &options, BDRV_O_RDWR, f->ctx, &error_abort);
    f->blk = blk_new_with_bs(bs);
}

static void tear_down(Fixture *f)
{
    blk_unref(f->blk);
    test_context_free(f->ctx);
}

static void note_done(void *opaque, int ret)
{
    Fixture *f = opaque;

    f->done++;
    f->ret = ret ?: f->ret;
}

/* One request of each kind. */
static void start_all_kinds(Fixture *f, QEMUIOVector *qiov)
{
    blk_aio_preadv(f->blk, SIZE - qiov->size, qiov, 0, note_done, f);
    blk_aio_pwritev(f->blk, 1, qiov, BDRV_REQ_FUA, note_done, f);
    blk_aio_pdiscard(f->blk, 0, SIZE, note_done, f);
    blk_aio_flush(f->blk, note_done, f);
}

static void test_all_kinds_of_requests(gconstpointer drv)
{
    QEMUIOVector qiov;
    char buf[700];
    Fixture f;

    set_up(&f, (BlockDriver *)drv, 0, false);
    g_assert_cmpint(blk_getlength(f.blk), ==, SIZE);
    memset(buf, 'x', sizeof(buf));
    qemu_iovec_init_buf(&qiov, buf, sizeof(buf));
    start_all_kinds(&f, &qiov);
    g_assert_cmpint(f.done, ==, 0);
    TEST_POLL_UNTIL(f.ctx, f.done == 4);
    g_assert_cmpint(f.ret, ==, 0);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        g_assert_cmpint(buf[i], ==, 'x');
    }
    tear_down(&f);
}

static void test_past_the_end(gconstpointer drv)
{
    QEMUIOVector qiov;
    char buf[2];
    Fixture f;

    set_up(&f, (BlockDriver *)drv, 0, false);
    qemu_iovec_init_buf(&qiov, buf, sizeof(buf));
    blk_aio_preadv(f.blk, SIZE - 1, &qiov, 0, note_done, &f);
    TEST_POLL_UNTIL(f.ctx, f.done == 1);
    g_assert_cmpint(f.ret, ==, -EIO);
    tear_down(&f);
}

static void test_read_zeroes(gconstpointer drv)
{
    QEMUIOVector qiov;
    char buf[700];
    Fixture f;

    set_up(&f, (BlockDriver *)drv, 0, true);
    memset(buf, 'x', sizeof(buf));
    qemu_iovec_init_buf(&qiov, buf, sizeof(buf));
    blk_aio_pwritev(f.blk, 0, &qiov, 0, note_done, &f);
    TEST_POLL_UNTIL(f.ctx, f.done == 1);
    g_assert_cmpint(buf[0], ==, 'x');
    blk_aio_preadv(f.blk, 0, &qiov, 0, note_done, &f);
    TEST_POLL_UNTIL(f.ctx, f.done == 2);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        g_assert_cmpint(buf[i], ==, 0);
    }
    tear_down(&f);
}

/* They wait side by side, and none is early. */
static void test_latency(gconstpointer drv)
{
    int64_t start, took;
    QEMUIOVector qiov;
    char buf[512];
    Fixture f;

    set_up(&f, (BlockDriver *)drv, LATENCY, false);
    qemu_iovec_init_buf(&qiov, buf, sizeof(buf));
    start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    for (int i = 0; i < 25; i++) {
        start_all_kinds(&f, &qiov);
    }
    TEST_POLL_UNTIL(f.ctx, f.done > 0);
    took = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start;
    g_assert_cmpint(took, >=, LATENCY);
    TEST_POLL_UNTIL(f.ctx, f.done == 100);
    took = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start;
    g_assert_cmpint(took, <, 50 * LATENCY);
    g_assert_cmpint(f.ret, ==, 0);
    tear_down(&f);
}

/* Each starts its successor: the loop must turn all the same. */
typedef struct Chain {
    Fixture *f;
    QEMUIOVector qiov;
    unsigned n;
} Chain;

static bool stop;

static void chain_next(void *opaque, int ret)
{
    Chain *c = opaque;

    g_assert_cmpint(ret, ==, 0);
    c->n++;
    if (!stop) {
        blk_aio_preadv(c->f->blk, 0, &c->qiov, 0, chain_next, c);
    }
}

static void test_endless_chains_leave_the_loop_turning(gconstpointer drv)
{
    char buf[512];
    Chain c[10];
    Fixture f;

    set_up(&f, (BlockDriver *)drv, 0, false);
    stop = false;
    for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
        c[i] = (Chain){ .f = &f };
        qemu_iovec_init_buf(&c[i].qiov, buf, sizeof(buf));
        blk_aio_preadv(f.blk, 0, &c[i].qiov, 0, chain_next, &c[i]);
    }
    for (int i = 0; i < 1000; i++) {
        aio_poll(f.ctx, true);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
        g_assert_cmpuint(c[i].n, >, 100);
        g_assert_cmpuint(c[i].n, <=, 1000);
    }
    stop = true;
    tear_down(&f);
}

/* A callback that waits for a sibling of the same bottom half. */
static void wait_for_others(void *opaque, int ret)
{
    Fixture *f = opaque;

    note_done(f, ret);
    while (f->done < 3) {
        aio_poll(f->ctx, true);
    }
}

static void test_callback_waits_for_another(gconstpointer drv)
{
    QEMUIOVector qiov;
    char buf[512];
    Fixture f;

    set_up(&f, (BlockDriver *)drv, 0, false);
    qemu_iovec_init_buf(&qiov, buf, sizeof(buf));
    for (int i = 0; i < 3; i++) {
        blk_aio_preadv(f.blk, 0, &qiov, 0, wait_for_others, &f);
    }
    TEST_POLL_UNTIL(f.ctx, f.done == 3);
    tear_down(&f);
}

static void test_drain_waits_for_latency(gconstpointer drv)
{
    QEMUIOVector qiov;
    char buf[512];
    Fixture f;

    set_up(&f, (BlockDriver *)drv, LATENCY, false);
    qemu_iovec_init_buf(&qiov, buf, sizeof(buf));
    start_all_kinds(&f, &qiov);
    blk_drain(f.blk);
    g_assert_cmpint(f.done, ==, 4);
    tear_down(&f);
}

static void test_bad_options_are_refused(gconstpointer drv)
{
    BlockdevOptions options = { .filename = "nothing", .size = -1 };
    AioContext *ctx = test_context_new();
    Error *err = NULL;

    g_assert_null(bdrv_open((BlockDriver *)drv, &options, 0, ctx, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "nothing: "));
    error_free(err);
    test_context_free(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(drivers); i++) {
        const char *name = i ? "null-aio" : "null-co";
#define CASE(what)                                                   \
    do {                                                             \
        g_autofree char *path = g_strdup_printf("/%s/" #what, name); \
        g_test_add_data_func(path, drivers[i], test_##what);         \
    } while (0)
        CASE(all_kinds_of_requests);
        CASE(past_the_end);
        CASE(read_zeroes);
        CASE(latency);
        CASE(endless_chains_leave_the_loop_turning);
        CASE(callback_waits_for_another);
        CASE(drain_waits_for_latency);
        CASE(bad_options_are_refused);
    }
    return g_test_run();
}
