/*
 * Opening and closing of nodes, and their static properties.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include <sys/stat.h>
#include "block/block_int.h"

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

BlockDriverState *bdrv_open_fd(const char *filename, int fd, int open_flags, AioContext *ctx,
                               Error **errp)
{
    BlockDriver *drv = find_driver(filename, fd, errp);
    BlockDriverState *bs;

    if (!drv) {
        return NULL;
    }

    bs = g_new0(BlockDriverState, 1);
    bs->drv = drv;
    bs->aio_context = ctx;
    bs->filename = g_strdup(filename);
    bs->open_flags = open_flags;
    QLIST_INIT(&bs->tracked_requests);
    if (drv->bdrv_open(bs, fd, errp) < 0) {
        goto fail;
    }
    if (bdrv_refresh_length(bs) < 0) {
        error_setg_errno(errp, (int)-bs->total_bytes, "%s: cannot find out its size", filename);
        drv->bdrv_close(bs);
        goto fail;
    }
    return bs;

fail:
    g_free(bs->filename);
    g_free(bs);
    return NULL;
}

void bdrv_unref(BlockDriverState *bs)
{
    g_assert(bs->in_flight == 0);
    g_assert(QLIST_EMPTY(&bs->tracked_requests));
    bs->drv->bdrv_close(bs);
    g_free(bs->filename);
    g_free(bs);
}

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

bool bdrv_qiov_is_aligned(BlockDriverState *bs, QEMUIOVector *qiov)
{
    return qemu_iovec_is_aligned(qiov, bs->bl.min_mem_alignment);
}
