/* The pool of requests: what it hands out, what it reuses, and when it allocates.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "block/aiocb.h"
#include "util.h"

#define BLOCK 100

static void done_cb(void *opaque G_GNUC_UNUSED, int ret G_GNUC_UNUSED)
{
}

static void test_blocks_are_cache_lines_of_their_own(void)
{
    AioContext *ctx = test_context_new();
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, BLOCK);
    char *blocks[20];

    for (int i = 0; i < 20; i++) {
        blocks[i] = qemu_aio_get(pool, done_cb, NULL);
        g_assert_cmpuint((uintptr_t)blocks[i] % 64, ==, 0);
        memset(blocks[i], i, BLOCK);
    }
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < BLOCK; k++) {
            g_assert_cmpint(blocks[i][k], ==, i);
        }
        qemu_aio_unref(pool, blocks[i]);
    }
    test_context_free(ctx);
}

static void test_callback_and_opaque_are_set(void)
{
    AioContext *ctx = test_context_new();
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, BLOCK);
    BlockAIOCB *acb = qemu_aio_get(pool, done_cb, ctx);

    g_assert_true(acb->cb == done_cb);
    g_assert_true(acb->opaque == ctx);
    qemu_aio_unref(pool, acb);
    test_context_free(ctx);
}

static void test_returned_last_is_taken_first(void)
{
    AioContext *ctx = test_context_new();
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, BLOCK);
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
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, BLOCK);

    g_assert_true(aio_get_aiocb_pool(ctx, BLOCK) == pool);
    g_assert_true(aio_get_aiocb_pool(other, BLOCK) != pool);
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
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, BLOCK);

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
    AIOCBPool *pool = aio_get_aiocb_pool(ctx, BLOCK);

    aiocb_pool_reserve(pool, 100);
    aiocb_pool_reserve(pool, 28);
    use(pool, 128);
    g_assert_cmpuint(aiocb_pool_misses(pool), ==, 0);
    use(pool, 129);
    g_assert_cmpuint(aiocb_pool_misses(pool), ==, 1);
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
    return g_test_run();
}
