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
#include "block/block_int.h"
#include "coroutine/coroutine_int.h"

#define NOT_DONE 0x7fffffff

struct BlockBackend {
    BlockDriverState *bs;
    AioContext *ctx;
    AIOCBPool *acbs;
    unsigned in_flight; /* from the call that starts a request until its callback has returned */
    bool enable_write_cache;
    bool allow_write_beyond_eof;

    unsigned quiesce_counter; /* drained sections that the node is in */
    CoQueue queued_requests;  /* those that wait for their end */

    ThrottleGroupMember tgm;

    BlockdevOnError on_read_error, on_write_error;
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

/* A request that comes in a drained section is not in flight until that has ended, wherever the
 * node is then: see blk_resume_parked(). */
static QAIO_COLD void coroutine_fn blk_park(BlockBackend *blk)
{
    while (blk->quiesce_counter) {
        blk->in_flight--;
        qemu_co_queue_wait(&blk->queued_requests, NULL);
        blk->in_flight++;
    }
}

static void coroutine_fn blk_wait_while_drained(BlockBackend *blk)
{
    if (unlikely(blk->quiesce_counter)) {
        blk_park(blk);
    }
}

/* May the request go on? It waits until the node takes requests; then 0, or -EIO for its range. */
static QAIO_ALWAYS_INLINE int coroutine_fn blk_admit(BlockBackend *blk, int64_t offset,
                                                     int64_t bytes)
{
    blk_wait_while_drained(blk);
    return blk_check_byte_request(blk, offset, bytes);
}

static void coroutine_fn blk_throttle(BlockBackend *blk, int64_t bytes, bool is_write)
{
    if (unlikely(blk->tgm.group)) {
        throttle_group_co_io_limits_intercept(&blk->tgm, bytes, is_write);
    }
}

/* Each of these is of a request that blk->in_flight counts already. */
static int coroutine_fn blk_co_do_preadv(BlockBackend *blk, int64_t offset, int64_t bytes,
                                         QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    int ret = blk_admit(blk, offset, bytes);

    if (unlikely(ret < 0)) {
        return ret;
    }
    blk_throttle(blk, bytes, false);
    return bdrv_co_preadv(blk->bs, offset, bytes, qiov, flags);
}

static int coroutine_fn blk_co_do_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes,
                                          QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    int ret = blk_admit(blk, offset, bytes);

    if (unlikely(ret < 0)) {
        return ret;
    }
    blk_throttle(blk, bytes, true);
    if (!blk->enable_write_cache) {
        flags |= BDRV_REQ_FUA;
    }
    return bdrv_co_pwritev(blk->bs, offset, bytes, qiov, flags);
}

static int coroutine_fn blk_co_do_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int ret = blk_admit(blk, offset, bytes);

    return ret < 0 ? ret : bdrv_co_pdiscard(blk->bs, offset, bytes);
}

static int coroutine_fn blk_co_do_flush(BlockBackend *blk)
{
    blk_wait_while_drained(blk);
    return bdrv_co_flush(blk->bs);
}

int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                               BdrvRequestFlags flags)
{
    int ret;

    blk->in_flight++;
    ret = blk_co_do_preadv(blk, offset, bytes, qiov, flags);
    blk->in_flight--;
    return ret;
}

int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes,
                                QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    int ret;

    blk->in_flight++;
    ret = blk_co_do_pwritev(blk, offset, bytes, qiov, flags);
    blk->in_flight--;
    return ret;
}

int coroutine_fn blk_co_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes,
                                      BdrvRequestFlags flags)
{
    return blk_co_pwritev(blk, offset, bytes, NULL, flags | BDRV_REQ_ZERO_WRITE);
}

int coroutine_fn blk_co_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int ret;

    blk->in_flight++;
    ret = blk_co_do_pdiscard(blk, offset, bytes);
    blk->in_flight--;
    return ret;
}

int coroutine_fn blk_co_flush(BlockBackend *blk)
{
    int ret;

    blk->in_flight++;
    ret = blk_co_do_flush(blk);
    blk->in_flight--;
    return ret;
}

int coroutine_fn blk_co_truncate(BlockBackend *blk, int64_t offset, PreallocMode prealloc,
                                 Error **errp)
{
    int ret;

    blk->in_flight++;
    blk_wait_while_drained(blk);
    ret = bdrv_co_truncate(blk->bs, offset, prealloc, errp);
    blk->in_flight--;
    return ret;
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

    acb->ret = blk_co_do_preadv(acb->blk, acb->offset, acb->bytes, acb->qiov, acb->flags);
    blk_aio_complete(acb);
}

static void coroutine_fn blk_aio_write_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_do_pwritev(acb->blk, acb->offset, acb->bytes, acb->qiov, acb->flags);
    blk_aio_complete(acb);
}

static void coroutine_fn blk_aio_pdiscard_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_do_pdiscard(acb->blk, acb->offset, acb->bytes);
    blk_aio_complete(acb);
}

static void coroutine_fn blk_aio_flush_entry(void *opaque)
{
    BlkAioEmAIOCB *acb = opaque;

    acb->ret = blk_co_do_flush(acb->blk);
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

BlockAIOCB *blk_aio_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes,
                                  BdrvRequestFlags flags, BlockCompletionFunc *cb, void *opaque)
{
    return blk_aio_prwv(blk, offset, bytes, NULL, blk_aio_write_entry, flags | BDRV_REQ_ZERO_WRITE,
                        cb, opaque);
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

int blk_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags)
{
    int ret = NOT_DONE;

    blk_aio_pwrite_zeroes(blk, offset, bytes, flags, blk_store_result, &ret);
    return blk_wait_for(blk, &ret);
}

void blk_drain(BlockBackend *blk)
{
    bdrv_drain(blk->bs);
}

/* ---- what the node wants -------------------------------------------------------------------- */

static void blk_root_drained_begin(void *opaque)
{
    BlockBackend *blk = opaque;

    blk->quiesce_counter++;
    if (blk->tgm.group) {
        throttle_group_disable_limits(&blk->tgm);
    }
}

static bool blk_root_drained_poll(void *opaque)
{
    return ((BlockBackend *)opaque)->in_flight > 0;
}

/*
 * The parked ones go on, unless one of them brings the next section with it. The node may have
 * moved: then they are entered here, and not woken in the thread where they were parked. On their
 * way from there they would be in flight for nobody, and the node could move, or go, before they
 * arrive.
 */
static void blk_resume_parked(BlockBackend *blk)
{
    CoQueue *queue = &blk->queued_requests;

    while (!blk->quiesce_counter && !qemu_co_queue_empty(queue)) {
        Coroutine *co = QSIMPLEQ_FIRST(&queue->entries);

        QSIMPLEQ_REMOVE_HEAD(&queue->entries, co_queue_next);
        aio_co_enter(blk->ctx, co);
    }
}

static void blk_root_drained_end(void *opaque)
{
    BlockBackend *blk = opaque;

    blk->quiesce_counter--;
    if (blk->tgm.group) {
        throttle_group_enable_limits(&blk->tgm);
    }
    blk_resume_parked(blk);
}

static void blk_root_detach_aio_context(void *opaque)
{
    BlockBackend *blk = opaque;

    if (blk->tgm.group) {
        throttle_group_detach_aio_context(&blk->tgm);
    }
}

static void blk_root_attach_aio_context(void *opaque, AioContext *ctx)
{
    BlockBackend *blk = opaque;

    blk->ctx = ctx;
    blk->acbs = aio_get_aiocb_pool(ctx, &blk_aio_em_aiocb_info);
    if (blk->tgm.group) {
        throttle_group_attach_aio_context(&blk->tgm, ctx);
    }
}

static const BdrvParentOps blk_root = {
    .drained_begin = blk_root_drained_begin,
    .drained_poll = blk_root_drained_poll,
    .drained_end = blk_root_drained_end,
    .detach_aio_context = blk_root_detach_aio_context,
    .attach_aio_context = blk_root_attach_aio_context,
};

int blk_set_aio_context(BlockBackend *blk, AioContext *new_context, Error **errp)
{
    return bdrv_try_set_aio_context(blk->bs, new_context, errp);
}

/* ---- the backend itself --------------------------------------------------------------------- */

BlockBackend *blk_new_with_bs(BlockDriverState *bs)
{
    BlockBackend *blk = g_new0(BlockBackend, 1);

    blk->bs = bs;
    qemu_co_queue_init(&blk->queued_requests);
    blk_root_attach_aio_context(blk, bdrv_get_aio_context(bs));
    bs->parent = &blk_root;
    bs->parent_opaque = blk;
    blk->enable_write_cache = true;
    blk_set_on_error(blk, BLOCKDEV_ON_ERROR_AUTO, BLOCKDEV_ON_ERROR_AUTO);
    return blk;
}

void blk_unref(BlockBackend *blk)
{
    do {
        blk_drain(blk); /* what callbacks start while we drain comes after: drain again */
    } while (blk->in_flight > 0);
    if (blk->tgm.group) {
        throttle_group_unregister_tgm(&blk->tgm);
    }
    bdrv_unref(blk->bs);
    g_free(blk);
}

/* ---- errors --------------------------------------------------------------------------------- */

void blk_set_on_error(BlockBackend *blk, BlockdevOnError on_read_error,
                      BlockdevOnError on_write_error)
{
    blk->on_read_error = on_read_error;
    blk->on_write_error = on_write_error;
}

BlockdevOnError blk_get_on_error(BlockBackend *blk, bool is_read)
{
    return is_read ? blk->on_read_error : blk->on_write_error;
}

BlockErrorAction blk_get_error_action(BlockBackend *blk, bool is_read, int error)
{
    BlockdevOnError on_error = blk_get_on_error(blk, is_read);

    if (on_error == BLOCKDEV_ON_ERROR_AUTO) {
        on_error = is_read ? BLOCKDEV_ON_ERROR_REPORT : BLOCKDEV_ON_ERROR_ENOSPC;
    }
    if (on_error == BLOCKDEV_ON_ERROR_STOP ||
        (on_error == BLOCKDEV_ON_ERROR_ENOSPC && error == ENOSPC)) {
        return BLOCK_ERROR_ACTION_STOP;
    }
    return on_error == BLOCKDEV_ON_ERROR_IGNORE ? BLOCK_ERROR_ACTION_IGNORE
                                                : BLOCK_ERROR_ACTION_REPORT;
}

/* ---- throttling ----------------------------------------------------------------------------- */

void blk_io_limits_enable(BlockBackend *blk, const char *group)
{
    g_assert(!blk->tgm.group && !blk->quiesce_counter);
    throttle_group_register_tgm(&blk->tgm, group, blk->ctx);
}

void blk_set_io_limits(BlockBackend *blk, const ThrottleConfig *cfg)
{
    throttle_group_config(&blk->tgm, cfg);
}

void blk_io_limits_disable(BlockBackend *blk)
{
    bdrv_drained_begin(blk->bs); /* none waits then */
    throttle_group_enable_limits(&blk->tgm);
    throttle_group_unregister_tgm(&blk->tgm);
    bdrv_drained_end(blk->bs);
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

bool blk_enable_write_cache(BlockBackend *blk)
{
    return blk->enable_write_cache;
}

int blk_get_max_iov(BlockBackend *blk)
{
    return blk->bs->bl.max_iov ?: IOV_MAX;
}

uint32_t blk_get_max_transfer(BlockBackend *blk)
{
    return QEMU_ALIGN_DOWN(blk->bs->bl.max_transfer ?: (uint32_t)INT_MAX,
                           blk->bs->bl.request_alignment);
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
