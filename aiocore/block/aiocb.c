/*
 * The pool of requests: a stack of equal blocks per context.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include "base/memalign.h"
#include "block/aiocb.h"

#define CACHE_LINE 64

/* What a block is while it lies in the pool. */
typedef struct FreeBlock {
    QSLIST_ENTRY(FreeBlock) next;
} FreeBlock;

struct AIOCBPool {
    QSLIST_HEAD(, FreeBlock) free_blocks;
    size_t size;
    unsigned live; /* handed out */
    uint64_t misses;
};

static void *block_alloc(AIOCBPool *pool)
{
    return qemu_memalign(CACHE_LINE, pool->size);
}

static void aiocb_pool_destroy(void *opaque)
{
    AIOCBPool *pool = opaque;
    FreeBlock *block;

    g_assert(pool->live == 0);
    while ((block = QSLIST_FIRST(&pool->free_blocks))) {
        QSLIST_REMOVE_HEAD(&pool->free_blocks, next);
        qemu_vfree(block);
    }
    g_free(pool);
}

AIOCBPool *aio_get_aiocb_pool(AioContext *ctx, size_t size)
{
    AIOCBPool *pool = aio_context_get_slot(ctx, AIO_SLOT_AIOCB_POOL);

    size = QEMU_ALIGN_UP(size, CACHE_LINE);
    if (!pool) {
        pool = g_new0(AIOCBPool, 1);
        pool->size = size;
        QSLIST_INIT(&pool->free_blocks);
        aio_context_set_slot(ctx, AIO_SLOT_AIOCB_POOL, pool, aiocb_pool_destroy);
    }
    g_assert(pool->size == size);
    return pool;
}

void aiocb_pool_reserve(AIOCBPool *pool, unsigned n)
{
    for (; n > 0; n--) {
        FreeBlock *block = block_alloc(pool);

        QSLIST_INSERT_HEAD(&pool->free_blocks, block, next);
    }
}

uint64_t aiocb_pool_misses(AIOCBPool *pool)
{
    return pool->misses;
}

void *qemu_aio_get(AIOCBPool *pool, BlockCompletionFunc *cb, void *opaque)
{
    FreeBlock *block = QSLIST_FIRST(&pool->free_blocks);
    BlockAIOCB *acb;

    if (likely(block)) {
        QSLIST_REMOVE_HEAD(&pool->free_blocks, next);
    } else {
        block = block_alloc(pool);
        pool->misses++;
    }
    pool->live++;

    acb = (BlockAIOCB *)block;
    acb->cb = cb;
    acb->opaque = opaque;
    return acb;
}

void qemu_aio_unref(AIOCBPool *pool, void *acb)
{
    FreeBlock *block = acb;

    pool->live--;
    QSLIST_INSERT_HEAD(&pool->free_blocks, block, next);
}
