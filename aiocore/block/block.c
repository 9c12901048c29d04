/*
 * Nodes: opening and closing, moving from one context to another, static properties.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include <sys/stat.h>
#include "block/block_int.h"
#include "loop/aio-wait.h"

/* NULL and *errp if there is no driver for what @fd is. */
static BlockDriver *find_driver(const char *filename, int fd, Error **errp)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        error_setg_errno(errp, errno, "%s: cannot tell what it is", filename);
        return NULL;
    }
    if (S_ISBLK(st.st_mode)) {
        return &bdrv_host_device;
    }
    if (S_ISREG(st.st_mode)) {
        return &bdrv_file;
    }
    error_setg(errp, "%s is neither a regular file nor a block device: name one of these",
               filename);
    return NULL;
}

/* ---- nodes of a context --------------------------------------------------------------------- */

BdrvNodeList *bdrv_nodes_of(AioContext *ctx)
{
    BdrvNodeList *nodes = aio_context_get_slot(ctx, AIO_SLOT_BDRV_NODES);

    if (!nodes) {
        nodes = g_new0(BdrvNodeList, 1);
        QTAILQ_INIT(nodes);
        aio_context_set_slot(ctx, AIO_SLOT_BDRV_NODES, nodes, g_free);
    }
    return nodes;
}

/* ---- opening and closing -------------------------------------------------------------------- */

BlockDriverState *bdrv_open(BlockDriver *drv, const BlockdevOptions *options, int open_flags,
                            AioContext *ctx, Error **errp)
{
    BlockDriverState *bs;

    if (!drv) {
        drv = find_driver(options->filename, options->fd, errp);
    }
    if (!drv) {
        return NULL;
    }

    bs = g_new0(BlockDriverState, 1);
    bs->drv = drv;
    bs->aio_context = ctx;
    bs->filename = g_strdup(options->filename);
    bs->open_flags = open_flags;
    QLIST_INIT(&bs->tracked_requests);
    qemu_co_queue_init(&bs->serialising_waiters);
    if (drv->bdrv_open(bs, options, errp) < 0) {
        goto fail;
    }
    if (bdrv_refresh_length(bs) < 0) {
        error_setg_errno(errp, (int)-bs->total_bytes, "%s: cannot find out its size", bs->filename);
        drv->bdrv_close(bs);
        goto fail;
    }
    if (ctx) {
        QTAILQ_INSERT_TAIL(bdrv_nodes_of(ctx), bs, node_list);
    }
    return bs;

fail:
    g_free(bs->filename);
    g_free(bs);
    return NULL;
}

BlockDriverState *bdrv_open_fd(const char *filename, int fd, int open_flags, AioContext *ctx,
                               Error **errp)
{
    BlockdevOptions options = { .filename = filename, .fd = fd };

    return bdrv_open(NULL, &options, open_flags, ctx, errp);
}

void bdrv_unref(BlockDriverState *bs)
{
    g_assert(bs->in_flight == 0);
    g_assert(QLIST_EMPTY(&bs->tracked_requests));
    g_assert(bs->quiesce_counter == 0);
    if (bs->aio_context) {
        QTAILQ_REMOVE(bdrv_nodes_of(bs->aio_context), bs, node_list);
    }
    bs->drv->bdrv_close(bs);
    bdrv_padding_cleanup(bs);
    g_free(bs->filename);
    g_free(bs);
}

/* ---- moving to another context -------------------------------------------------------------- */

typedef struct HomeCall {
    QEMUBHFunc *cb;
    void *opaque;
} HomeCall;

void bdrv_run_in_home_thread(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
    if (in_aio_context_home_thread(ctx)) {
        cb(opaque);
        return;
    }
    aio_context_acquire(ctx);
    aio_wait_bh_oneshot(ctx, cb, opaque);
    aio_context_release(ctx);
}

typedef struct AttachCall {
    BlockDriverState *bs;
    AioContext *ctx;
    Error **errp;
    int ret;
} AttachCall;

static void detach_bh(void *opaque)
{
    BlockDriverState *bs = opaque;

    if (bs->parent) {
        bs->parent->detach_aio_context(bs->parent_opaque);
    }
    if (bs->drv->bdrv_detach_aio_context) {
        bs->drv->bdrv_detach_aio_context(bs);
    }
    QTAILQ_REMOVE(bdrv_nodes_of(bs->aio_context), bs, node_list);
    aio_enable_external(bs->aio_context);
}

/* In a drained section: so external handlers are left out on arrival, too. */
static void attach_bh(void *opaque)
{
    AttachCall *call = opaque;
    BlockDriverState *bs = call->bs;

    bs->aio_context = call->ctx;
    call->ret =
        bs->drv->bdrv_attach_aio_context ? bs->drv->bdrv_attach_aio_context(bs, call->errp) : 0;
    if (call->ret < 0) {
        return;
    }
    aio_disable_external(call->ctx);
    QTAILQ_INSERT_TAIL(bdrv_nodes_of(call->ctx), bs, node_list);
    if (bs->parent) {
        bs->parent->attach_aio_context(bs->parent_opaque, call->ctx);
    }
}

static int attach_in(BlockDriverState *bs, AioContext *ctx, Error **errp)
{
    AttachCall call = { .bs = bs, .ctx = ctx, .errp = errp };

    bdrv_run_in_home_thread(ctx, attach_bh, &call);
    return call.ret;
}

int bdrv_try_set_aio_context(BlockDriverState *bs, AioContext *new_context, Error **errp)
{
    AioContext *old_context = bs->aio_context;
    int ret;

    g_assert(!qemu_in_coroutine());
    if (old_context == new_context) {
        return 0;
    }
    bdrv_drained_begin(bs);
    bdrv_run_in_home_thread(old_context, detach_bh, bs);
    ret = attach_in(bs, new_context, errp);
    if (ret < 0) {
        attach_in(bs, old_context, &error_abort); /* where it was before */
    }
    bdrv_drained_end(bs);
    return ret;
}

/* ---- properties ----------------------------------------------------------------------------- */

AioContext *bdrv_get_aio_context(BlockDriverState *bs)
{
    return bs->aio_context;
}

const char *bdrv_get_format_name(BlockDriverState *bs)
{
    return bs->drv->format_name;
}

int64_t bdrv_getlength(BlockDriverState *bs)
{
    return bs->total_bytes;
}

int64_t bdrv_refresh_length(BlockDriverState *bs)
{
    bs->total_bytes = bs->drv->bdrv_getlength(bs);
    return bs->total_bytes;
}

const BlockLimits *bdrv_get_limits(BlockDriverState *bs)
{
    return &bs->bl;
}

const BdrvPaddingStats *bdrv_get_padding_stats(BlockDriverState *bs)
{
    return &bs->padding_stats;
}

bool bdrv_qiov_is_aligned(BlockDriverState *bs, QEMUIOVector *qiov)
{
    return qemu_iovec_is_aligned(qiov, bs->bl.min_mem_alignment);
}
