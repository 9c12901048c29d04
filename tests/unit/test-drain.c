/* Drained sections, from every side, and nodes that move from one context to another.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/atomic.h"
#include "block/block-backend.h"
#include "loop/iothread.h"
#include "memdrv.h"
#include "util.h"

#define SIZE 65536

typedef struct Fixture {
    AioContext *ctx;
    MemDrv m;
    BlockBackend *blk;
    char buf[512];
    QEMUIOVector qiov;
    int done;          /* atomic */
    int order[64];     /* the numbers of requests, as they were done */
    AioContext *where; /* where the last callback ran */
} Fixture;

typedef struct Numbered {
    Fixture *f;
    int number;
} Numbered;

static void set_up(Fixture *f)
{
    BlockLimits bl = { .request_alignment = 1, .min_mem_alignment = 1 };

    f->ctx = test_context_new();
    f->done = 0;
    f->blk = blk_new_with_bs(memdrv_open(&f->m, f->ctx, SIZE, SIZE, &bl, BDRV_O_RDWR));
    f->m.auto_run = true;
    qemu_iovec_init_buf(&f->qiov, f->buf, sizeof(f->buf));
}

static void tear_down(Fixture *f)
{
    blk_unref(f->blk);
    memdrv_cleanup(&f->m);
    test_context_free(f->ctx);
}

static void note_done(void *opaque, int ret)
{
    Fixture *f = opaque;

    g_assert_cmpint(ret, ==, 0);
    f->where = qemu_get_current_aio_context();
    qatomic_set(&f->done, f->done + 1);
}

static void note_number(void *opaque, int ret)
{
    Numbered *n = opaque;

    n->f->order[n->f->done] = n->number;
    note_done(n->f, ret);
}

static void start(Fixture *f)
{
    blk_aio_preadv(f->blk, 0, &f->qiov, 0, note_done, f);
}

/* ---- in the home thread ---------------------------------------------------------------------- */

static void test_begin_waits(void)
{
    Fixture f;

    set_up(&f);
    for (int i = 0; i < 5; i++) {
        start(&f);
    }
    bdrv_drained_begin(blk_bs(f.blk));
    g_assert_cmpint(f.done, ==, 5);
    bdrv_drained_end(blk_bs(f.blk));
    tear_down(&f);
}

/* Every kind; in the order in which they came; not before the last end. */
static void test_requests_are_parked_in_order(void)
{
    Numbered n[8];
    Fixture f;

    set_up(&f);
    bdrv_drained_begin(blk_bs(f.blk));
    bdrv_drained_begin(blk_bs(f.blk));
    for (int i = 0; i < 8; i++) {
        n[i] = (Numbered){ &f, i };
    }
    blk_aio_preadv(f.blk, 0, &f.qiov, 0, note_number, &n[0]);
    blk_aio_pwritev(f.blk, 0, &f.qiov, 0, note_number, &n[1]);
    blk_aio_flush(f.blk, note_number, &n[2]);
    blk_aio_pdiscard(f.blk, 0, 512, note_number, &n[3]);
    blk_aio_pwrite_zeroes(f.blk, 0, 512, 0, note_number, &n[4]);
    for (int i = 5; i < 8; i++) {
        blk_aio_preadv(f.blk, 0, &f.qiov, 0, note_number, &n[i]);
    }
    test_poll_idle(f.ctx);
    for (unsigned i = 0; i < MEM_KINDS; i++) {
        g_assert_cmpuint(f.m.count[i], ==, 0);
    }
    bdrv_drained_end(blk_bs(f.blk));
    test_poll_idle(f.ctx);
    g_assert_cmpint(f.done, ==, 0);

    bdrv_drained_end(blk_bs(f.blk));
    TEST_POLL_UNTIL(f.ctx, f.done == 8);
    for (int i = 0; i < 8; i++) {
        g_assert_cmpint(f.order[i], ==, i);
    }
    tear_down(&f);
}

static void test_external_handlers_are_left_out(void)
{
    Fixture f;

    set_up(&f);
    bdrv_drained_begin(blk_bs(f.blk));
    g_assert_true(aio_external_disabled(f.ctx));
    bdrv_drained_begin(blk_bs(f.blk));
    bdrv_drained_end(blk_bs(f.blk));
    g_assert_true(aio_external_disabled(f.ctx));
    bdrv_drained_end(blk_bs(f.blk));
    g_assert_false(aio_external_disabled(f.ctx));
    tear_down(&f);
}

typedef struct CoDrain {
    Fixture *f;
    bool done;
} CoDrain;

static void coroutine_fn co_drain_entry(void *opaque)
{
    CoDrain *d = opaque;

    bdrv_drained_begin(blk_bs(d->f->blk));
    g_assert_cmpint(d->f->done, ==, 3);
    start(d->f);
    bdrv_drained_end(blk_bs(d->f->blk));
    d->done = true;
}

static void test_from_a_coroutine(void)
{
    Fixture f;
    CoDrain d = { .f = &f };

    set_up(&f);
    for (int i = 0; i < 3; i++) {
        start(&f);
    }
    qemu_coroutine_enter(qemu_coroutine_create(co_drain_entry, &d));
    TEST_POLL_UNTIL(f.ctx, d.done && f.done == 4);
    tear_down(&f);
}

/* A callback that starts the next, for ever. */
static void restart(void *opaque, int ret)
{
    Fixture *f = opaque;

    note_done(f, ret);
    if (f->done < 1000) {
        blk_aio_preadv(f->blk, 0, &f->qiov, 0, restart, f);
    }
}

static void test_drain_is_not_kept_up_by_callbacks(void)
{
    Fixture f;

    set_up(&f);
    for (int i = 0; i < 3; i++) {
        blk_aio_preadv(f.blk, 0, &f.qiov, 0, restart, &f);
    }
    blk_drain(f.blk);
    g_assert_cmpint(f.done, ==, 3);
    tear_down(&f);
}

/* ---- all nodes ------------------------------------------------------------------------------ */

static void test_all_nodes_of_a_context(void)
{
    BlockLimits bl = { .request_alignment = 1, .min_mem_alignment = 1 };
    BlockBackend *second;
    MemDrv m;
    Fixture f;

    set_up(&f);
    second = blk_new_with_bs(memdrv_open(&m, f.ctx, SIZE, SIZE, &bl, BDRV_O_RDWR));
    m.auto_run = true;
    start(&f);
    blk_aio_preadv(second, 0, &f.qiov, 0, note_done, &f);
    bdrv_drain_all_begin(f.ctx);
    g_assert_cmpint(f.done, ==, 2);
    start(&f);
    blk_aio_preadv(second, 0, &f.qiov, 0, note_done, &f);
    test_poll_idle(f.ctx);
    g_assert_cmpint(f.done, ==, 2);
    bdrv_drain_all_end(f.ctx);
    TEST_POLL_UNTIL(f.ctx, f.done == 4);

    blk_unref(second);
    memdrv_cleanup(&m);
    bdrv_drain_all(f.ctx); /* with one less */
    tear_down(&f);
}

/* ---- between threads ------------------------------------------------------------------------ */

static void start_bh(void *opaque)
{
    start(opaque);
}

static void test_moves_with_requests_before_and_after(void)
{
    IOThread *iothread = iothread_new();
    AioContext *there = iothread_get_aio_context(iothread);
    Fixture f;

    set_up(&f);
    for (int i = 0; i < 3; i++) {
        start(&f);
    }
    g_assert_cmpint(blk_set_aio_context(f.blk, there, &error_abort), ==, 0);
    g_assert_cmpint(f.done, ==, 3);
    g_assert_true(f.where == f.ctx);
    g_assert_true(blk_get_aio_context(f.blk) == there);

    for (int i = 0; i < 3; i++) {
        aio_bh_schedule_oneshot(there, start_bh, &f);
    }
    while (qatomic_read(&f.done) < 6) {
        g_usleep(100);
    }
    g_assert_cmpint(blk_set_aio_context(f.blk, f.ctx, &error_abort), ==, 0);
    g_assert_true(f.where == there);
    start(&f);
    TEST_POLL_UNTIL(f.ctx, f.done == 7);
    g_assert_true(f.where == f.ctx);
    tear_down(&f);
    iothread_join(iothread);
}

/* Begun here, parked, moved, done there: and ended in a section that was begun before the move. */
static void test_parked_requests_move_along(void)
{
    IOThread *iothread = iothread_new();
    AioContext *there = iothread_get_aio_context(iothread);
    Fixture f;

    set_up(&f);
    bdrv_drained_begin(blk_bs(f.blk));
    for (int i = 0; i < 5; i++) {
        start(&f);
    }
    g_assert_cmpint(blk_set_aio_context(f.blk, there, &error_abort), ==, 0);
    test_poll_idle(f.ctx);
    g_assert_cmpint(f.done, ==, 0);
    g_assert_false(aio_external_disabled(f.ctx));
    g_assert_true(aio_external_disabled(there));
    bdrv_drained_end(blk_bs(f.blk));
    while (qatomic_read(&f.done) < 5) {
        aio_poll(f.ctx, false);
    }
    g_assert_cmpint(blk_set_aio_context(f.blk, f.ctx, &error_abort), ==, 0);
    g_assert_true(f.where == there);
    g_assert_false(aio_external_disabled(there));
    tear_down(&f);
    iothread_join(iothread);
}

/* Somebody else's thread wants quiet. */
static void test_from_another_thread(void)
{
    IOThread *iothread = iothread_new();
    AioContext *there = iothread_get_aio_context(iothread);
    Fixture f;

    set_up(&f);
    g_assert_cmpint(blk_set_aio_context(f.blk, there, &error_abort), ==, 0);
    for (int i = 0; i < 200; i++) {
        int done;

        for (int k = 0; k < 3; k++) {
            aio_bh_schedule_oneshot(there, start_bh, &f);
        }
        bdrv_drained_begin(blk_bs(f.blk));
        done = qatomic_read(&f.done);
        g_assert_cmpint(f.m.bs->in_flight, ==, 0);
        g_assert_cmpint(qatomic_read(&f.done), ==, done);
        bdrv_drained_end(blk_bs(f.blk));
    }
    while (qatomic_read(&f.done) < 600) {
        g_usleep(100);
    }
    g_assert_cmpint(blk_set_aio_context(f.blk, f.ctx, &error_abort), ==, 0);
    tear_down(&f);
    iothread_join(iothread);
}

/* ---- a context that cannot take the node ---------------------------------------------------- */

static int attach_fails(BlockDriverState *bs, Error **errp)
{
    MemDrv *m = bs->opaque;

    if (bdrv_get_aio_context(bs) == m->ctx) {
        return 0;
    }
    error_setg(errp, "no room");
    return -EAGAIN;
}

static void test_failed_move_changes_nothing(void)
{
    IOThread *iothread = iothread_new();
    BlockDriver drv;
    Error *err = NULL;
    Fixture f;

    set_up(&f);
    drv = *f.m.bs->drv;
    drv.bdrv_attach_aio_context = attach_fails;
    f.m.bs->drv = &drv;
    start(&f);
    g_assert_cmpint(blk_set_aio_context(f.blk, iothread_get_aio_context(iothread), &err), ==,
                    -EAGAIN);
    g_assert_cmpstr(error_get_pretty(err), ==, "no room");
    error_free(err);
    g_assert_true(blk_get_aio_context(f.blk) == f.ctx);
    g_assert_false(aio_external_disabled(f.ctx));
    start(&f);
    TEST_POLL_UNTIL(f.ctx, f.done == 2);
    tear_down(&f);
    iothread_join(iothread);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name) g_test_add_func("/drain/" #name, test_##name)
    CASE(begin_waits);
    CASE(requests_are_parked_in_order);
    CASE(external_handlers_are_left_out);
    CASE(from_a_coroutine);
    CASE(drain_is_not_kept_up_by_callbacks);
    CASE(all_nodes_of_a_context);
    CASE(moves_with_requests_before_and_after);
    CASE(parked_requests_move_along);
    CASE(from_another_thread);
    CASE(failed_move_changes_nothing);
    return g_test_run();
}
