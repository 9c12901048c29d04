/*
 * BlockAIOCB: a request that ends in a callback, and the pool such requests come from.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_BLOCK_AIOCB_H
#define QAIO_BLOCK_AIOCB_H

#include "base/queue.h"
#include "loop/aio.h"

/* @ret is 0 or -errno. Runs in the home thread, after the call that started the request has
 * returned. */
typedef void BlockCompletionFunc(void *opaque, int ret);

/* What a caller may know of a request in flight; valid until its callback has run. */
typedef struct BlockAIOCB BlockAIOCB;

/* A kind of request. */
typedef struct AIOCBInfo {
    size_t aiocb_size; /* of the structure that begins with the BlockAIOCB */
    AioContext *(*get_aio_context)(BlockAIOCB *acb);

    /* Have the request end soon, by -ECANCELED if it has not begun. NULL: it takes its time. */
    void (*cancel_async)(BlockAIOCB *acb);
} AIOCBInfo;

struct BlockAIOCB {
    const AIOCBInfo *aiocb_info; /* set by the pool, once */
    BlockCompletionFunc *cb;
    void *opaque;
};

/* Cancel the request if that can still be done, and wait until its callback has run, which is told
 * -ECANCELED or how the request ended. Home thread of its context. */
void bdrv_aio_cancel(BlockAIOCB *acb);

/* The same without waiting. */
void bdrv_aio_cancel_async(BlockAIOCB *acb);

/*
 * Requests of one kind and context. Blocks are one cache line aligned, are never given back before
 * the pool goes, and the one returned last is taken first: it is the one still in the cache. Home
 * thread.
 */
typedef struct AIOCBPool AIOCBPool;

AIOCBPool *aiocb_pool_new(const AIOCBInfo *info);

/* Frees the blocks that are back. */
void aiocb_pool_free(AIOCBPool *pool);

/* The one pool that belongs to @ctx itself, made on first use; @info is the same at every call. */
AIOCBPool *aio_get_aiocb_pool(AioContext *ctx, const AIOCBInfo *info);

/* Have @n more blocks at hand. */
void aiocb_pool_reserve(AIOCBPool *pool, unsigned n);

/* How often qemu_aio_get() found the pool empty and had to allocate. */
uint64_t aiocb_pool_misses(AIOCBPool *pool);

/* A block with @cb and @opaque set, the rest as it was left. Goes back with qemu_aio_unref(), to
 * this pool or to another context's of the same kind. */
void *qemu_aio_get(AIOCBPool *pool, BlockCompletionFunc *cb, void *opaque);
void qemu_aio_unref(AIOCBPool *pool, void *acb);

#endif
