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
typedef struct BlockAIOCB {
    BlockCompletionFunc *cb;
    void *opaque;
} BlockAIOCB;

/*
 * Requests of one kind and context. Blocks are one cache line aligned, are never given back before
 * the context goes, and the one returned last is taken first: it is the one still in the cache.
 */
typedef struct AIOCBPool AIOCBPool;

/* The pool of @ctx; @size bytes a block, the same at every call. Home thread. */
AIOCBPool *aio_get_aiocb_pool(AioContext *ctx, size_t size);

/* Have @n more blocks at hand. */
void aiocb_pool_reserve(AIOCBPool *pool, unsigned n);

/* How often qemu_aio_get() found the pool empty and had to allocate. */
uint64_t aiocb_pool_misses(AIOCBPool *pool);

/* A block with @cb and @opaque set, the rest as it was left. Goes back with qemu_aio_unref(). */
void *qemu_aio_get(AIOCBPool *pool, BlockCompletionFunc *cb, void *opaque);
void qemu_aio_unref(AIOCBPool *pool, void *acb);

#endif
