/*
 * Drivers that do nothing, and so show what everything around them costs: null-co, null-aio.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * null-co     is done at once, or after latency_ns, in the request's own coroutine
 * null-aio    is done by a callback: from a bottom half, or from a timer after latency_ns
 *
 * Writes go nowhere. Reads leave the buffers as they are unless read_zeroes is set.
 */
#include "base/osdep.h"
#include "block/block_int.h"
#include "loop/coroutine-sleep.h"

typedef struct NullAIOCB NullAIOCB;

typedef struct BDRVNullState {
    int64_t length;
    int64_t latency_ns;
    bool read_zeroes;

    /* null-aio's. Requests without latency share a bottom half: to make one each would allocate. */
    AIOCBPool *acbs;
    QEMUBH *bh;
    QSIMPLEQ_HEAD(, NullAIOCB) done;
} BDRVNullState;

static void null_fill(BDRVNullState *s, QEMUIOVector *qiov)
{
    if (s->read_zeroes) {
        qemu_iovec_memset(qiov, 0, 0, qiov->size);
    }
}

/* ---- null-co -------------------------------------------------------------------------------- */

static int coroutine_fn null_co_common(BlockDriverState *bs)
{
    BDRVNullState *s = bs->opaque;

    if (s->latency_ns) {
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, s->latency_ns);
    }
    return 0;
}

static int coroutine_fn null_co_preadv(BlockDriverState *bs, int64_t offset G_GNUC_UNUSED,
                                       int64_t bytes G_GNUC_UNUSED, QEMUIOVector *qiov,
                                       BdrvRequestFlags flags G_GNUC_UNUSED)
{
    null_fill(bs->opaque, qiov);
    return null_co_common(bs);
}

static int coroutine_fn null_co_pwritev(BlockDriverState *bs, int64_t offset G_GNUC_UNUSED,
                                        int64_t bytes G_GNUC_UNUSED,
                                        QEMUIOVector *qiov G_GNUC_UNUSED,
                                        BdrvRequestFlags flags G_GNUC_UNUSED)
{
    return null_co_common(bs);
}

static int coroutine_fn null_co_pdiscard(BlockDriverState *bs, int64_t offset G_GNUC_UNUSED,
                                         int64_t bytes G_GNUC_UNUSED)
{
    return null_co_common(bs);
}

/* ---- null-aio ------------------------------------------------------------------------------- */

struct NullAIOCB {
    BlockAIOCB common;
    BlockDriverState *bs;
    QEMUTimer timer;
    QSIMPLEQ_ENTRY(NullAIOCB) next; /* in done */
};

static AioContext *null_get_aio_context(BlockAIOCB *acb)
{
    return bdrv_get_aio_context(container_of(acb, NullAIOCB, common)->bs);
}

static const AIOCBInfo null_aiocb_info = {
    .aiocb_size = sizeof(NullAIOCB),
    .get_aio_context = null_get_aio_context,
};

static void null_complete(NullAIOCB *acb)
{
    BDRVNullState *s = acb->bs->opaque;
    BlockCompletionFunc *cb = acb->common.cb;
    void *opaque = acb->common.opaque;

    qemu_aio_unref(s->acbs, acb);
    cb(opaque, 0);
}

static void null_timer_cb(void *opaque)
{
    null_complete(opaque);
}

/* Those that callbacks add wait for the next turn, as they would with a bottom half each. But a
 * callback may wait for the others in a nested loop: that finds them on the list. */
static void null_bh_cb(void *opaque)
{
    BDRVNullState *s = opaque;
    NullAIOCB *acb, *last = QSIMPLEQ_LAST(&s->done, NullAIOCB, next);
    bool was_last = false;

    while (!was_last && (acb = QSIMPLEQ_FIRST(&s->done))) {
        QSIMPLEQ_REMOVE_HEAD(&s->done, next);
        if (!QSIMPLEQ_EMPTY(&s->done)) {
            qemu_bh_schedule(s->bh);
        }
        was_last = acb == last;
        null_complete(acb);
    }
    if (QSIMPLEQ_EMPTY(&s->done)) {
        qemu_bh_cancel(s->bh);
    }
}

static BlockAIOCB *null_aio_common(BlockDriverState *bs, BlockCompletionFunc *cb, void *opaque)
{
    BDRVNullState *s = bs->opaque;
    NullAIOCB *acb = qemu_aio_get(s->acbs, cb, opaque);

    acb->bs = bs;
    if (s->latency_ns) {
        aio_timer_init(bdrv_get_aio_context(bs), &acb->timer, QEMU_CLOCK_REALTIME, SCALE_NS,
                       null_timer_cb, acb);
        timer_mod_ns(&acb->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + s->latency_ns);
    } else {
        QSIMPLEQ_INSERT_TAIL(&s->done, acb, next);
        qemu_bh_schedule(s->bh);
    }
    return &acb->common;
}

static BlockAIOCB *null_aio_preadv(BlockDriverState *bs, int64_t offset G_GNUC_UNUSED,
                                   int64_t bytes G_GNUC_UNUSED, QEMUIOVector *qiov,
                                   BdrvRequestFlags flags G_GNUC_UNUSED, BlockCompletionFunc *cb,
                                   void *opaque)
{
    null_fill(bs->opaque, qiov);
    return null_aio_common(bs, cb, opaque);
}

static BlockAIOCB *null_aio_pwritev(BlockDriverState *bs, int64_t offset G_GNUC_UNUSED,
                                    int64_t bytes G_GNUC_UNUSED, QEMUIOVector *qiov G_GNUC_UNUSED,
                                    BdrvRequestFlags flags G_GNUC_UNUSED, BlockCompletionFunc *cb,
                                    void *opaque)
{
    return null_aio_common(bs, cb, opaque);
}

static BlockAIOCB *null_aio_pdiscard(BlockDriverState *bs, int64_t offset G_GNUC_UNUSED,
                                     int64_t bytes G_GNUC_UNUSED, BlockCompletionFunc *cb,
                                     void *opaque)
{
    return null_aio_common(bs, cb, opaque);
}

static BlockAIOCB *null_aio_flush(BlockDriverState *bs, BlockCompletionFunc *cb, void *opaque)
{
    return null_aio_common(bs, cb, opaque);
}

/* ---- opening -------------------------------------------------------------------------------- */

static int null_open(BlockDriverState *bs, const BlockdevOptions *options, Error **errp)
{
    BDRVNullState *s;

    if (options->size < 0 || options->latency_ns > INT64_MAX) {
        error_setg(errp, "%s: a size below 0 and a latency of centuries cannot be had",
                   bs->filename);
        return -EINVAL;
    }
    s = g_new0(BDRVNullState, 1);
    s->length = options->size;
    s->latency_ns = options->latency_ns;
    s->read_zeroes = options->read_zeroes;
    bs->opaque = s;
    bs->bl = (BlockLimits){ .request_alignment = 1, .min_mem_alignment = 1 };
    return 0;
}

static void null_aio_detach_aio_context(BlockDriverState *bs)
{
    BDRVNullState *s = bs->opaque;

    qemu_bh_delete(s->bh);
}

static int null_aio_attach_aio_context(BlockDriverState *bs, Error **errp G_GNUC_UNUSED)
{
    BDRVNullState *s = bs->opaque;

    s->bh = aio_bh_new(bdrv_get_aio_context(bs), null_bh_cb, s);
    return 0;
}

static int null_aio_open(BlockDriverState *bs, const BlockdevOptions *options, Error **errp)
{
    int ret = null_open(bs, options, errp);
    BDRVNullState *s = bs->opaque;

    if (ret == 0) {
        s->acbs = aiocb_pool_new(&null_aiocb_info);
        QSIMPLEQ_INIT(&s->done);
        ret = null_aio_attach_aio_context(bs, errp);
    }
    return ret;
}

static void null_close(BlockDriverState *bs)
{
    g_free(bs->opaque);
}

static void null_aio_close(BlockDriverState *bs)
{
    BDRVNullState *s = bs->opaque;

    null_aio_detach_aio_context(bs);
    aiocb_pool_free(s->acbs);
    null_close(bs);
}

static int64_t null_getlength(BlockDriverState *bs)
{
    return ((BDRVNullState *)bs->opaque)->length;
}

BlockDriver bdrv_null_co = {
    .format_name = "null-co",
    .bdrv_open = null_open,
    .bdrv_close = null_close,
    .bdrv_getlength = null_getlength,
    .bdrv_co_preadv = null_co_preadv,
    .bdrv_co_pwritev = null_co_pwritev,
    .bdrv_co_pdiscard = null_co_pdiscard,
    .bdrv_co_flush_to_disk = null_co_common,
};

BlockDriver bdrv_null_aio = {
    .format_name = "null-aio",
    .bdrv_open = null_aio_open,
    .bdrv_close = null_aio_close,
    .bdrv_getlength = null_getlength,
    .bdrv_aio_preadv = null_aio_preadv,
    .bdrv_aio_pwritev = null_aio_pwritev,
    .bdrv_aio_pdiscard = null_aio_pdiscard,
    .bdrv_aio_flush = null_aio_flush,
    .bdrv_detach_aio_context = null_aio_detach_aio_context,
    .bdrv_attach_aio_context = null_aio_attach_aio_context,
};
