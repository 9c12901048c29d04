/*
 * BlockBackend: requests with a callback, each run by a coroutine.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     blk_aio_preadv ── coroutine ──▶ blk_co_preadv ──▶ bdrv_co_preadv ──▶ driver ── yields
 *           │ returns                                                                  │
 *           ▼                                                    completion re-enters it ▼
 *        caller goes on                                    cb(opaque, ret) ◀── blk_aio_complete
 *
 * A request that is finished before the call returns (an error, mostly) waits for a bottom half:
 * callers may count on the callback coming later.
 */
#include "base/osdep.h"
#include "block/block-backend.h"
#include "coroutine/coroutine_int.h"

#define NOT_DONE 0x7fffffff

struct BlockBackend {
    BlockDriverState *bs;
    AioContext *ctx;
    AIOCBPool *acbs;
    unsigned in_flight; /* from the call that starts a request until its callback has returned */
    bool enable_write_cache;
    bool allow_write_beyond_eof;
};

/* A request with a callback: one cache line. */
typedef struct BlkAioEmAIOCB {
    BlockAIOCB common;
    BlockBackend *blk;
    int64_t offset;
    int64_t bytes;
    QEMUIOVector *qiov;
    int ret;        /* NOT_DONE until the coroutine is through */
    uint16_t flags; /* BdrvRequestFlags */
    bool has_returned;
} BlkAioEmAIOCB;

G_STATIC_ASSERT(sizeof(BlkAioEmAIOCB) <= 64);

/* ---- requests in coroutine context ---------------------------------------------------------- */

/* May grow under us: look again before saying no. */
static bool lies_within(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int64_t len = bdrv_getlength(blk->bs);

    if (likely(offset <= len - bytes)) {
        return true;
    }
    return offset <= bdrv_refresh_length(blk->bs) - bytes;
}

static int blk_check_byte_request(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    if (unlikely(bytes < 0 || offset < 0)) {
        return -EIO;
    }
    if (unlikely(!blk->allow_write_beyond_eof && !lies_within(blk, offset, bytes))) {
        return -EIO;
    }
    return 0;
}

int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                               BdrvRequestFlags flags)
{
    int ret = blk_check_byte_request(blk, offset, bytes);

    return unlikely(ret < 0) ? ret : bdrv_co_preadv(blk->bs, offset, bytes, qiov, flags);
}

int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes,
                                QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    int ret = blk_check_byte_request(blk, offset, bytes);

    if (unlikely(ret < 0)) {
        return ret;
    }
    if (!blk->enable_write_cache) {
        flags |= BDRV_REQ_FUA;
    }
    return bdrv_co_pwritev(blk->bs, offset, bytes, qiov, flags);
}

int coroutine_fn blk_co_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int ret = blk_check_byte_request(blk, offset, bytes);

    return ret < 0 ? ret : bdrv_co_pdiscard(blk->bs, offset, bytes);
}

int coroutine_fn blk_co_flush(BlockBackend *blk)
{
    return bdrv_co_flush(blk->bs);
}

/* ---- requests with a callback --------------------------------------------------------------- */

static AioContext *blk_aio_em_aiocb_get_aio_context(BlockAIOCB *acb)
{
    return container_of(acb, BlkAioEmAIOCB, common)->blk->ctx;
}

static const AIOCBInfo blk_aio_em_aiocb_info = {
    .aiocb_size = sizeof(BlkAioEmAIOCB),
    .get_aio_context = blk_aio_em_aiocb_get_aio_context,
};

static void blk_aio_complete(BlkAioEmAIOCB *acb)
{
    BlockBackend *blk = acb->blk;
    BlockCompletionFunc *cb = acb->common.cb;
    void *opaque = acb->common.opaque;
    int ret = acb->ret;

    if (!acb->has_returned) {
        return; /* blk_aio_prwv() sees to it */
    }
    /* Back first: a callback that starts the next request takes the block that is in the cache. */
    qemu_aio_unref(blk->acbs, acb);
    cb(opaque, ret);
    blk->in_flight--;
}

static void blk_aio_complete_bh(void *opaque)
{
    blk_aio_complete(opaque);
}

static void coroutine_fn blk_aio_read_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_preadv(acb->blk, acb->offset, acb->bytes, acb->qiov, acb->flags);
    blk_aio_complete(acb);
}

static void coroutine_fn blk_aio_write_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_pwritev(acb->blk, acb->offset, acb->bytes, acb->qiov, acb->flags);
    blk_aio_complete(acb);
}

static void coroutine_fn blk_aio_pdiscard_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_pdiscard(acb->blk, acb->offset, acb->bytes);
    blk_aio_complete(acb);
}

static void coroutine_fn blk_aio_flush_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_flush(acb->blk);
    blk_aio_complete(acb);
}

static BlockAIOCB *blk_aio_prwv(BlockBackend *blk, int64_t offset, int64_t bytes,
                                QEMUIOVector *qiov, CoroutineEntry *co_entry,
                                BdrvRequestFlags flags, BlockCompletionFunc *cb, void *opaque)
{
    BlkAioEmAIOCB *acb = qemu_aio_get(blk->acbs, cb, opaque);

    blk->in_flight++;
    acb->blk = blk;
    acb->offset = offset;
    acb->bytes = bytes;
    acb->qiov = qiov;
    acb->flags = flags;
    acb->ret = NOT_DONE;
    acb->has_returned = false;

    aio_co_enter(blk->ctx, qemu_coroutine_create(co_entry, acb));

    acb->has_returned = true;
    if (unlikely(acb->ret != NOT_DONE)) {
        aio_bh_schedule_oneshot(blk->ctx, blk_aio_complete_bh, acb);
    }
    return &acb->common;
}

BlockAIOCB *blk_aio_preadv(BlockBackend *blk, int64_t offset, QEMUIOVector *qiov,
                           BdrvRequestFlags flags, BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, offset, qiov->size, qiov, blk_aio_read_entry, flags, cb, opaque);
}

BlockAIOCB *blk_aio_pwritev(BlockBackend *blk, int64_t offset, QEMUIOVector *qiov,
                            BdrvRequestFlags flags, BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, offset, qiov->size, qiov, blk_aio_write_entry, flags, cb, opaque);
}

BlockAIOCB *blk_aio_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes,
                             BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, offset, bytes, NULL, blk_aio_pdiscard_entry, 0, cb, opaque);
}

BlockAIOCB *blk_aio_flush(BlockBackend *blk, BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, 0, 0, NULL, blk_aio_flush_entry, 0, cb, opaque);
}

BlockAIOCB *blk_aio_of_coroutine(Coroutine *co)
{
    if (co->entry == blk_aio_read_entry || co->entry == blk_aio_write_entry ||
        co->entry == blk_aio_pdiscard_entry || co->entry == blk_aio_flush_entry) {
        return co->entry_arg;
    }
    return NULL;
}

/* ---- callers that wait ---------------------------------------------------------------------- */

static void blk_store_result(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

/* Turn the loop until *@ret has been stored. */
static int blk_wait_for(BlockBackend *blk, const int *ret)
{
    g_assert(!qemu_in_coroutine());
    while (*ret == NOT_DONE) {
        aio_poll(blk->ctx, true);
    }
    return *ret;
}

int blk_flush(BlockBackend *blk)
{
    int ret = NOT_DONE;

    blk_aio_flush(blk, blk_store_result, &ret);
    return blk_wait_for(blk, &ret);
}

int blk_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int ret = NOT_DONE;

    blk_aio_pdiscard(blk, offset, bytes, blk_store_result, &ret);
    return blk_wait_for(blk, &ret);
}

void blk_drain(BlockBackend *blk)
{
    g_assert(!qemu_in_coroutine());
    while (blk->in_flight > 0) {
        aio_poll(blk->ctx, true);
    }
}

/* ---- the backend itself --------------------------------------------------------------------- */

BlockBackend *blk_new_with_bs(BlockDriverState *bs)
{
    BlockBackend *blk = g_new0(BlockBackend, 1);

    blk->bs = bs;
    blk->ctx = bdrv_get_aio_context(bs);
    blk->acbs = aio_get_aiocb_pool(blk->ctx, &blk_aio_em_aiocb_info);
    blk->enable_write_cache = true;
    return blk;
}

void blk_unref(BlockBackend *blk)
{
    blk_drain(blk);
    bdrv_unref(blk->bs);
    g_free(blk);
}

BlockDriverState *blk_bs(BlockBackend *blk)
{
    return blk->bs;
}

AioContext *blk_get_aio_context(BlockBackend *blk)
{
    return blk->ctx;
}

int64_t blk_getlength(BlockBackend *blk)
{
    return bdrv_getlength(blk->bs);
}

void blk_set_enable_write_cache(BlockBackend *blk, bool wce)
{
    blk->enable_write_cache = wce;
}

void blk_set_allow_write_beyond_eof(BlockBackend *blk, bool allow)
{
    blk->allow_write_beyond_eof = allow;
}

void blk_io_plug(BlockBackend *blk)
{
    bdrv_io_plug(blk->bs);
}

void blk_io_unplug(BlockBackend *blk)
{
    bdrv_io_unplug(blk->bs);
}

void blk_reserve(AioContext *ctx, unsigned n)
{
    aiocb_pool_reserve(aio_get_aiocb_pool(ctx, &blk_aio_em_aiocb_info), n);
}

uint64_t blk_aio_misses(AioContext *ctx)
{
    return aiocb_pool_misses(aio_get_aiocb_pool(ctx, &blk_aio_em_aiocb_info));
}
