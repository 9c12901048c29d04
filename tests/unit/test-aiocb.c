/* The pool of requests: what it hands out, what it reuses, when it allocates; and cancelling.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "block/aiocb.h"
#include "util.h"

#define BLOCK 100

static AioContext *get_aio_context(BlockAIOCB *acb);
static void cancel_async(BlockAIOCB *acb);

static const AIOCBInfo info = {
    .aiocb_size = BLOCK,
    .get_aio_context = get_aio_context,
    .cancel_async = cancel_async,
};

static void done_cb(void *opaque G_GNUC_UNUSED, int ret G_GNUC_UNUSED)
{
}

static void test_blocks_are_cache_lines_of_their_own(void)
{
    AioContext *ctx = test_context_new();
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, &info);
    char *blocks[20];

    for (int i = 0; i < 20; i++) {
        blocks[i] = qemu_aio_get(pool, done_cb, NULL);
        g_assert_cmpuint((uintptr_t)blocks[i] % 64, ==, 0);
        memset(blocks[i] + sizeof(BlockAIOCB), i, BLOCK - sizeof(BlockAIOCB));
    }
    for (int i = 0; i < 20; i++) {
        for (unsigned k = sizeof(BlockAIOCB); k < BLOCK; k++) {
            g_assert_cmpint(blocks[i][k], ==, i);
        }
        qemu_aio_unref(pool, blocks[i]);
    }
    test_context_free(ctx);
}

static void test_callback_and_opaque_are_set(void)
{
    AioContext *ctx = test_context_new();
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, &info);
    BlockAIOCB *acb = qemu_aio_get(pool, done_cb, ctx);

    g_assert_true(acb->aiocb_info == &info);
    g_assert_true(acb->cb == done_cb);
    g_assert_true(acb->opaque == ctx);
    qemu_aio_unref(pool, acb);
    test_context_free(ctx);
}

static void test_returned_last_is_taken_first(void)
{
    AioContext *ctx = test_context_new();
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, &info);
    void *a = qemu_aio_get(pool, done_cb, NULL), *b = qemu_aio_get(pool, done_cb, NULL);

    g_assert_true(a != b);
    qemu_aio_unref(pool, a);
    qemu_aio_unref(pool, b);
    g_assert_true(qemu_aio_get(pool, done_cb, NULL) == b);
    g_assert_true(qemu_aio_get(pool, done_cb, NULL) == a);
    qemu_aio_unref(pool, a);
    qemu_aio_unref(pool, b);
    test_context_free(ctx);
}

static void test_one_pool_per_context(void)
{
    AioContext *ctx = test_context_new(), *other = aio_context_new(&error_abort);
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, &info);

    g_assert_true(aio_get_aiocb_pool(ctx, &info) == pool);
    g_assert_true(aio_get_aiocb_pool(other, &info) != pool);
    aio_context_unref(other);
    test_context_free(ctx);
}

/* Take @n at once and return them. */
static void use(AIOCBPool *pool, unsigned n)
{
    g_autofree void **blocks = g_new(void *, n);

    for (unsigned i = 0; i < n; i++) {
        blocks[i] = qemu_aio_get(pool, done_cb, NULL);
    }
    for (unsigned i = 0; i < n; i++) {
        qemu_aio_unref(pool, blocks[i]);
    }
}

static void test_misses_count_what_was_not_at_hand(void)
{
    AioContext *ctx = test_context_new();
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, &info);

    g_assert_cmpuint(aiocb_pool_misses(pool), ==, 0);
    use(pool, 3);
    g_assert_cmpuint(aiocb_pool_misses(pool), ==, 3);
    use(pool, 3);
    g_assert_cmpuint(aiocb_pool_misses(pool), ==, 3);
    use(pool, 5);
    g_assert_cmpuint(aiocb_pool_misses(pool), ==, 5);
    test_context_free(ctx);
}

static void test_no_miss_within_the_reserve(void)
{
    AioContext *ctx = test_context_new();
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, &info);

    aiocb_pool_reserve(pool, 100);
    aiocb_pool_reserve(pool, 28);
    use(pool, 128);
    g_assert_cmpuint(aiocb_pool_misses(pool), ==, 0);
    use(pool, 129);
    g_assert_cmpuint(aiocb_pool_misses(pool), ==, 1);
    test_context_free(ctx);
}

/* ---- cancelling ---------------------------------------------------------------------------- */

/* A request that ends by a bottom half when it is told to. */
typedef struct Request {
    BlockAIOCB common;
    AioContext *ctx;
    int ret;
} Request;

G_STATIC_ASSERT(sizeof(Request) <= BLOCK);

static int cancels;

static AioContext *get_aio_context(BlockAIOCB *acb)
{
    return ((Request *)acb)->ctx;
}

static void end_request(void *opaque)
{
    Request *req = opaque;
    BlockCompletionFunc *cb = req->common.cb;
    void *cb_opaque = req->common.opaque;
    int ret = req->ret;

    memset(&req->common.cb, 0xaa, BLOCK - offsetof(BlockAIOCB, cb));
    qemu_aio_unref(aio_get_aiocb_pool(qemu_get_current_aio_context(), &info), req);
    cb(cb_opaque, ret);
}

static void cancel_async(BlockAIOCB *acb)
{
    Request *req = (Request *)acb;

    cancels++;
    req->ret = -ECANCELED;
    aio_bh_schedule_oneshot(req->ctx, end_request, req);
}

static void store(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

static Request *request_new(AioContext *ctx, int *result)
{
    Request *req = qemu_aio_get(aio_get_aiocb_pool(ctx, &info), store, result);

    req->ctx = ctx;
    *result = cancels = 0;
    return req;
}

static void test_cancel_waits_for_the_callback(void)
{
    AioContext *ctx = test_context_new();
    int result;
    Request *req = request_new(ctx, &result);

    bdrv_aio_cancel(&req->common);
    g_assert_cmpint(result, ==, -ECANCELED);
    g_assert_cmpint(cancels, ==, 1);
    test_context_free(ctx);
}

static void test_cancel_async_does_not_wait(void)
{
    AioContext *ctx = test_context_new();
    int result;
    Request *req = request_new(ctx, &result);

    bdrv_aio_cancel_async(&req->common);
    g_assert_cmpint(result, ==, 0);
    TEST_POLL_UNTIL(ctx, result);
    g_assert_cmpint(result, ==, -ECANCELED);
    test_context_free(ctx);
}

/* One that cannot be cancelled ends as it would have. */
static void test_cancel_waits_for_what_cannot_be_cancelled(void)
{
    static const AIOCBInfo stubborn = { .aiocb_size = BLOCK, .get_aio_context = get_aio_context };
    AioContext *ctx = test_context_new();
    int result;
    Request *req = request_new(ctx, &result);

    req->common.aiocb_info = &stubborn;
    req->ret = 7;
    aio_bh_schedule_oneshot(ctx, end_request, req);
    bdrv_aio_cancel_async(&req->common);
    g_assert_cmpint(result, ==, 0);
    bdrv_aio_cancel(&req->common);
    g_assert_cmpint(result, ==, 7);
    g_assert_cmpint(cancels, ==, 0);
    test_context_free(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aiocb/own-cache-lines", test_blocks_are_cache_lines_of_their_own);
    g_test_add_func("/aiocb/callback-and-opaque", test_callback_and_opaque_are_set);
    g_test_add_func("/aiocb/last-returned-first-taken", test_returned_last_is_taken_first);
    g_test_add_func("/aiocb/one-pool-per-context", test_one_pool_per_context);
    g_test_add_func("/aiocb/misses", test_misses_count_what_was_not_at_hand);
    g_test_add_func("/aiocb/reserve", test_no_miss_within_the_reserve);
    g_test_add_func("/aiocb/cancel/waits", test_cancel_waits_for_the_callback);
    g_test_add_func("/aiocb/cancel/async", test_cancel_async_does_not_wait);
    g_test_add_func("/aiocb/cancel/cannot-be", test_cancel_waits_for_what_cannot_be_cancelled);
    return g_test_run();
}
