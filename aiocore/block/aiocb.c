/*
 * Requests that end in a callback: their pools, which are stacks of equal blocks, and cancelling.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include "base/memalign.h"
#include "block/aiocb.h"

#define CACHE_LINE 64

/* What a block is while it lies in the pool. What kind of request it is, it keeps. */
typedef struct FreeBlock {
    const AIOCBInfo *aiocb_info;
    QSLIST_ENTRY(FreeBlock) next;
} FreeBlock;

G_STATIC_ASSERT(offsetof(FreeBlock, aiocb_info) == offsetof(BlockAIOCB, aiocb_info));

struct AIOCBPool {
    QSLIST_HEAD(, FreeBlock) free_blocks;
    const AIOCBInfo *info;
    uint64_t misses;
};

/* ---- pools ---------------------------------------------------------------------------------- */

static FreeBlock *block_alloc(AIOCBPool *pool)
{
    FreeBlock *block = qemu_memalign(CACHE_LINE, QEMU_ALIGN_UP(pool->info->aiocb_size, CACHE_LINE));

    block->aiocb_info = pool->info;
    return block;
}

AIOCBPool *aiocb_pool_new(const AIOCBInfo *info)
{
    AIOCBPool *pool = g_new0(AIOCBPool, 1);

    pool->info = info;
    QSLIST_INIT(&pool->free_blocks);
    return pool;
}

void aiocb_pool_free(AIOCBPool *pool)
{
    FreeBlock *block;

    while ((block = QSLIST_FIRST(&pool->free_blocks))) {
        QSLIST_REMOVE_HEAD(&pool->free_blocks, next);
        qemu_vfree(block);
    }
    g_free(pool);
}

static void context_pool_destroy(void *opaque)
{
    aiocb_pool_free(opaque);
}

AIOCBPool *aio_get_aiocb_pool(AioContext *ctx, const AIOCBInfo *info)
{
    AIOCBPool *pool = aio_context_get_slot(ctx, AIO_SLOT_AIOCB_POOL);

    if (!pool) {
        pool = aiocb_pool_new(info);
        aio_context_set_slot(ctx, AIO_SLOT_AIOCB_POOL, pool, context_pool_destroy);
    }
    g_assert(pool->info == info);
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

    acb = (BlockAIOCB *)block;
    acb->cb = cb;
    acb->opaque = opaque;
    return acb;
}

void qemu_aio_unref(AIOCBPool *pool, void *acb)
{
    FreeBlock *block = acb;

    QSLIST_INSERT_HEAD(&pool->free_blocks, block, next);
}

/* ---- cancelling ----------------------------------------------------------------------------- */

void bdrv_aio_cancel_async(BlockAIOCB *acb)
{
    if (acb->aiocb_info->cancel_async) {
        acb->aiocb_info->cancel_async(acb);
    }
}

/* Stands in for the callback of a request that somebody waits for. */
typedef struct AwaitedEnd {
    bool ended;
    int ret;
} AwaitedEnd;

static void note_end(void *opaque, int ret)
{
    *(AwaitedEnd *)opaque = (AwaitedEnd){ .ended = true, .ret = ret };
}

void bdrv_aio_cancel(BlockAIOCB *acb)
{
    AioContext *ctx = acb->aiocb_info->get_aio_context(acb);
    BlockCompletionFunc *cb = acb->cb;
    void *opaque = acb->opaque;
    AwaitedEnd end = { .ended = false };

    acb->cb = note_end;
    acb->opaque = &end;
    bdrv_aio_cancel_async(acb);
    while (!end.ended) {
        aio_poll(ctx, true);
    }
    cb(opaque, end.ret);
}
