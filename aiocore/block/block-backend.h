/*
 * BlockBackend: what a device model, or a fio job, sees of a node.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Home thread of the node's AioContext throughout.
 */
#ifndef QAIO_BLOCK_BLOCK_BACKEND_H
#define QAIO_BLOCK_BLOCK_BACKEND_H

#include "block/aiocb.h"
#include "block/block.h"
#include "block/throttle-groups.h"

typedef struct BlockBackend BlockBackend;

/* A backend of @bs, which it takes over. */
BlockBackend *blk_new_with_bs(BlockDriverState *bs);

/* Wait for all requests, then free the backend and its node. */
void blk_unref(BlockBackend *blk);

BlockDriverState *blk_bs(BlockBackend *blk);
AioContext *blk_get_aio_context(BlockBackend *blk);
int64_t blk_getlength(BlockBackend *blk);

/* With the write cache off (it is on at first) each write is one with BDRV_REQ_FUA. */
void blk_set_enable_write_cache(BlockBackend *blk, bool wce);

bool blk_enable_write_cache(BlockBackend *blk);

/* The most buffers, and bytes, that one request can have without being cut. */
int blk_get_max_iov(BlockBackend *blk);
uint32_t blk_get_max_transfer(BlockBackend *blk);

/* What the owner wants done about requests that fail. */
typedef enum BlockdevOnError {
    BLOCKDEV_ON_ERROR_REPORT, /* tell who asked */
    BLOCKDEV_ON_ERROR_IGNORE, /* go on as if nothing had happened */
    BLOCKDEV_ON_ERROR_ENOSPC, /* stop for -ENOSPC, report the rest */
    BLOCKDEV_ON_ERROR_STOP,   /* stop, and try once more when resumed */
    BLOCKDEV_ON_ERROR_AUTO,   /* QEMU's default: report for reads, enospc for writes */
} BlockdevOnError;

typedef enum BlockErrorAction {
    BLOCK_ERROR_ACTION_IGNORE,
    BLOCK_ERROR_ACTION_REPORT,
    BLOCK_ERROR_ACTION_STOP,
} BlockErrorAction;

/* At first AUTO for both. What is no read counts as a write. */
void blk_set_on_error(BlockBackend *blk, BlockdevOnError on_read_error,
                      BlockdevOnError on_write_error);
BlockdevOnError blk_get_on_error(BlockBackend *blk, bool is_read);

/* What that means for a request that failed with @error, an errno, above 0. The device model does
 * it; here requests end with their error, whatever was set. */
BlockErrorAction blk_get_error_action(BlockBackend *blk, bool is_read, int error);

/* Whether requests may lie past the end of the node, which is for files that grow. At first they
 * may not. */
void blk_set_allow_write_beyond_eof(BlockBackend *blk, bool allow);

/*
 * Start a request. @cb(@opaque, 0 or -errno) runs once, later than this call returns, when it is
 * done.
 * @qiov and its buffers stay the caller's, and must stay until then. -EIO for what lies outside of
 * the node. No call fails: errors, too, come through @cb. Nothing is allocated once as many
 * requests as now have been in flight before, or blk_reserve() has been told so.
 */
BlockAIOCB *blk_aio_preadv(BlockBackend *blk, int64_t offset, QEMUIOVector *qiov,
                           BdrvRequestFlags flags, BlockCompletionFunc *cb, void *opaque);
BlockAIOCB *blk_aio_pwritev(BlockBackend *blk, int64_t offset, QEMUIOVector *qiov,
                            BdrvRequestFlags flags, BlockCompletionFunc *cb, void *opaque);
BlockAIOCB *blk_aio_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes,
                                  BdrvRequestFlags flags, BlockCompletionFunc *cb, void *opaque);
BlockAIOCB *blk_aio_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes,
                             BlockCompletionFunc *cb, void *opaque);
BlockAIOCB *blk_aio_flush(BlockBackend *blk, BlockCompletionFunc *cb, void *opaque);

/* The request that runs in @co; NULL if @co is not a coroutine of the functions above. */
BlockAIOCB *blk_aio_of_coroutine(Coroutine *co);

/* The same requests for callers that are coroutines themselves. 0 or -errno. */
int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                               BdrvRequestFlags flags);
int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes,
                                QEMUIOVector *qiov, BdrvRequestFlags flags);
int coroutine_fn blk_co_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes,
                                      BdrvRequestFlags flags);
int coroutine_fn blk_co_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes);
int coroutine_fn blk_co_flush(BlockBackend *blk);
int coroutine_fn blk_co_truncate(BlockBackend *blk, int64_t offset, PreallocMode prealloc,
                                 Error **errp);

/* The same for callers that are no coroutines: they turn the loop until it is done. 0 or -errno. */
int blk_flush(BlockBackend *blk);
int blk_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes);
int blk_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags);

/* Wait until no request of @blk is in flight. What callbacks start meanwhile goes on afterwards:
 * see bdrv_drained_begin(). */
void blk_drain(BlockBackend *blk);

/* Move @blk and its node to @new_context: see bdrv_try_set_aio_context(). */
int blk_set_aio_context(BlockBackend *blk, AioContext *new_context, Error **errp);

/*
 * Have @blk's requests wait for the limits of the throttle group @group, which it joins. Set
 * limits, which must be valid, are those of the whole group. disable: leave the group. Outside of
 * coroutines and drained sections.
 */
void blk_io_limits_enable(BlockBackend *blk, const char *group);
void blk_set_io_limits(BlockBackend *blk, const ThrottleConfig *cfg);
void blk_io_limits_disable(BlockBackend *blk);

/* Gather requests until the last unplug. */
void blk_io_plug(BlockBackend *blk);
void blk_io_unplug(BlockBackend *blk);

/* Have room for @n more requests in flight in @ctx's backends; blk_aio_misses() counts what lacked
 * it. */
void blk_reserve(AioContext *ctx, unsigned n);
uint64_t blk_aio_misses(AioContext *ctx);

#endif
