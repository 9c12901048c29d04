/*
 * Nodes with requests that end in a callback, on the early loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A node proper, which says what the file is and holds the tracked requests, is the same as today;
 * only nobody enters it by a coroutine.
 */
#include "base/osdep.h"
#include "block/block-early.h"
#include "block/block_int.h"
#include "block/raw-aio.h"

struct EarlyBlock {
    EarlyLoop *loop;
    LaioEarly *laio;
    AIOCBPool *pool;
    QLIST_HEAD(, EarlyBDS) bdrv_states;
    LaioEarlySubmittedFunc *submitted;
    void *submitted_opaque;
};

struct EarlyBDS {
    EarlyBlock *block;
    BlockDriverState *node;
    int fd; /* the opener's */
    bool growable;
    BdrvRequestFlags write_flags;
    QLIST_ENTRY(EarlyBDS) list; /* in bdrv_states */
};

typedef struct EarlyBdrvAIOCB {
    BlockAIOCB common;
    BdrvTrackedRequest tracked;
    AIOCBPool *pool;
} EarlyBdrvAIOCB;

static const AIOCBInfo early_bdrv_aiocb_info = { .aiocb_size = sizeof(EarlyBdrvAIOCB) };

/* ---- requests ------------------------------------------------------------------------------- */

/* May grow under us: look again before saying no. */
static bool lies_within(EarlyBDS *bs, int64_t offset, int64_t bytes)
{
    if (likely(offset <= bdrv_getlength(bs->node) - bytes)) {
        return true;
    }
    return offset <= bdrv_refresh_length(bs->node) - bytes;
}

static int check_request(EarlyBDS *bs, int64_t offset, int64_t bytes)
{
    if (offset < 0 || bytes < 0 || offset > BDRV_MAX_LENGTH - bytes ||
        (!bs->growable && !lies_within(bs, offset, bytes))) {
        return -EIO;
    }
    return 0;
}

static void track(EarlyBDS *bs, BdrvTrackedRequest *req, int64_t offset, int64_t bytes,
                  BdrvTrackedRequestType type)
{
    req->bs = bs->node;
    req->offset = offset;
    req->bytes = bytes;
    req->type = type;
    bs->node->in_flight++;
    QLIST_INSERT_HEAD(&bs->node->tracked_requests, req, list);
}

static void untrack(BdrvTrackedRequest *req)
{
    QLIST_REMOVE(req, list);
    req->bs->in_flight--;
}

static void early_bdrv_aio_done(void *opaque, int ret)
{
    EarlyBdrvAIOCB *acb = opaque;
    BdrvTrackedRequest *req = &acb->tracked;
    BlockCompletionFunc *cb = acb->common.cb;
    void *cb_opaque = acb->common.opaque;

    if (ret == 0 && req->type == BDRV_TRACKED_WRITE) {
        req->bs->total_bytes = MAX(req->bs->total_bytes, req->offset + req->bytes);
    }
    untrack(req);
    qemu_aio_unref(acb->pool, acb);
    cb(cb_opaque, ret);
}

static int early_bdrv_aio_rw(EarlyBDS *bs, int64_t offset, QEMUIOVector *qiov, int type,
                             BlockCompletionFunc *cb, void *opaque)
{
    bool is_read = type == QEMU_AIO_READ;
    EarlyBdrvAIOCB *acb;
    int ret = check_request(bs, offset, qiov->size);

    if (unlikely(ret < 0)) {
        return ret;
    }

    acb = qemu_aio_get(bs->block->pool, cb, opaque);
    acb->pool = bs->block->pool;
    track(bs, &acb->tracked, offset, qiov->size, is_read ? BDRV_TRACKED_READ : BDRV_TRACKED_WRITE);
    ret = laio_early_submit(bs->block->laio, bs->fd, offset, qiov, type,
                            is_read ? 0 : bs->write_flags, early_bdrv_aio_done, acb);
    if (unlikely(ret < 0)) {
        untrack(&acb->tracked);
        qemu_aio_unref(acb->pool, acb);
    }
    return ret;
}

int early_bdrv_aio_readv(EarlyBDS *bs, int64_t offset, QEMUIOVector *qiov, BlockCompletionFunc *cb,
                         void *opaque)
{
    return early_bdrv_aio_rw(bs, offset, qiov, QEMU_AIO_READ, cb, opaque);
}

int early_bdrv_aio_writev(EarlyBDS *bs, int64_t offset, QEMUIOVector *qiov, BlockCompletionFunc *cb,
                          void *opaque)
{
    return early_bdrv_aio_rw(bs, offset, qiov, QEMU_AIO_WRITE, cb, opaque);
}

int early_bdrv_flush(EarlyBDS *bs)
{
    early_bdrv_drain_all(bs->block);
    return fdatasync(bs->fd) < 0 ? -errno : 0;
}

int early_bdrv_discard(EarlyBDS *bs, int64_t offset, int64_t bytes)
{
    int ret = check_request(bs, offset, bytes);

    if (ret < 0 || bytes == 0) {
        return ret;
    }
    return raw_discard_now(bs->fd, bs->node->drv == &bdrv_host_device, offset, bytes);
}

void early_bdrv_drain_all(EarlyBlock *block)
{
    EarlyBDS *bs;

    qemu_aio_flush(block->loop);

    /* What is still there now nobody would ever finish. */
    QLIST_FOREACH (bs, &block->bdrv_states, list) {
        g_assert(QLIST_EMPTY(&bs->node->tracked_requests));
    }
}

/* ---- nodes ---------------------------------------------------------------------------------- */

EarlyBDS *early_bdrv_open_fd(EarlyBlock *block, const char *filename, int fd, int open_flags,
                             bool growable, bool write_through, Error **errp)
{
    BlockDriverState *node;
    EarlyBDS *bs;

    g_assert(open_flags & BDRV_O_NOCACHE);
    node = bdrv_open_fd(filename, fd, open_flags & ~BDRV_O_NATIVE_AIO, NULL, errp);
    if (!node) {
        return NULL;
    }

    bs = g_new0(EarlyBDS, 1);
    bs->block = block;
    bs->node = node;
    bs->fd = fd;
    bs->growable = growable;
    bs->write_flags = write_through ? BDRV_REQ_FUA : 0;
    QLIST_INSERT_HEAD(&block->bdrv_states, bs, list);
    return bs;
}

void early_bdrv_close(EarlyBDS *bs)
{
    early_bdrv_drain_all(bs->block);
    QLIST_REMOVE(bs, list);
    bdrv_unref(bs->node);
    g_free(bs);
}

BlockDriverState *early_bdrv_node(EarlyBDS *bs)
{
    return bs->node;
}

/* ---- what was global ------------------------------------------------------------------------ */

EarlyBlock *early_block_new(EarlyLoop *loop, unsigned max_events, Error **errp)
{
    EarlyBlock *block;
    LaioEarly *laio = laio_early_new(loop, max_events, errp);

    if (!laio) {
        return NULL;
    }
    block = g_new0(EarlyBlock, 1);
    block->loop = loop;
    block->laio = laio;
    block->pool = aiocb_pool_new(&early_bdrv_aiocb_info);
    QLIST_INIT(&block->bdrv_states);
    return block;
}

void early_block_free(EarlyBlock *block)
{
    g_assert(QLIST_EMPTY(&block->bdrv_states));
    laio_early_free(block->laio);
    aiocb_pool_free(block->pool);
    g_free(block);
}

static void early_block_submitted(void *opaque, void *request)
{
    EarlyBlock *block = opaque;
    EarlyBdrvAIOCB *acb = request;

    block->submitted(block->submitted_opaque, acb->common.opaque);
}

void early_block_set_submitted_func(EarlyBlock *block, LaioEarlySubmittedFunc *fn, void *opaque)
{
    block->submitted = fn;
    block->submitted_opaque = opaque;
    laio_early_set_submitted_func(block->laio, fn ? early_block_submitted : NULL, block);
}

const AioStats *early_block_get_stats(EarlyBlock *block)
{
    return laio_early_get_stats(block->laio);
}

void early_block_reserve(EarlyBlock *block, unsigned n)
{
    aiocb_pool_reserve(block->pool, n);
    laio_early_reserve(block->laio, n);
}

uint64_t early_block_misses(EarlyBlock *block)
{
    return aiocb_pool_misses(block->pool) + laio_early_misses(block->laio);
}
