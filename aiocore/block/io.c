/*
 * A request's way through a node: check, track, hand to the driver.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include "block/block_int.h"

static void coroutine_fn tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs,
                                               int64_t offset, int64_t bytes,
                                               BdrvTrackedRequestType type)
{
    req->bs = bs;
    req->offset = offset;
    req->bytes = bytes;
    req->type = type;
    bs->in_flight++;
    QLIST_INSERT_HEAD(&bs->tracked_requests, req, list);
}

static void coroutine_fn tracked_request_end(BdrvTrackedRequest *req)
{
    QLIST_REMOVE(req, list);
    req->bs->in_flight--;
}

/* The range as such; whether it lies within the device is the BlockBackend's to say. */
static int check_request(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    if (unlikely(offset < 0 || bytes < 0 || bytes > BDRV_MAX_LENGTH ||
                 offset > BDRV_MAX_LENGTH - bytes)) {
        return -EIO;
    }
    if (unlikely((offset | bytes) & (bs->bl.request_alignment - 1))) {
        return -EINVAL;
    }
    return 0;
}

static int check_write_request(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int ret = check_request(bs, offset, bytes);

    if (likely(ret == 0) && unlikely(!(bs->open_flags & BDRV_O_RDWR))) {
        return -EPERM;
    }
    return ret;
}

int coroutine_fn bdrv_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    BdrvTrackedRequest req;
    int ret = check_request(bs, offset, bytes);

    if (unlikely(ret < 0)) {
        return ret;
    }

    tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_READ);
    ret = bs->drv->bdrv_co_preadv(bs, offset, bytes, qiov, flags);
    tracked_request_end(&req);
    return ret;
}

int coroutine_fn bdrv_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                 QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    BdrvTrackedRequest req;
    int ret = check_write_request(bs, offset, bytes);

    if (unlikely(ret < 0)) {
        return ret;
    }

    tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_WRITE);
    ret = bs->drv->bdrv_co_pwritev(bs, offset, bytes, qiov, flags);
    if (ret == 0 && offset + bytes > bs->total_bytes) {
        bs->total_bytes = offset + bytes;
    }
    tracked_request_end(&req);
    return ret;
}

int coroutine_fn bdrv_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    BdrvTrackedRequest req;
    int ret = check_write_request(bs, offset, bytes);

    if (ret < 0) {
        return ret;
    }

    tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_DISCARD);
    ret = bs->drv->bdrv_co_pdiscard(bs, offset, bytes);
    tracked_request_end(&req);
    return ret;
}

int coroutine_fn bdrv_co_flush(BlockDriverState *bs)
{
    int ret;

    if (bs->open_flags & BDRV_O_NO_FLUSH) {
        return 0;
    }
    bs->in_flight++;
    ret = bs->drv->bdrv_co_flush_to_disk(bs);
    bs->in_flight--;
    return ret;
}

void bdrv_io_plug(BlockDriverState *bs)
{
    if (bs->drv->bdrv_io_plug) {
        bs->drv->bdrv_io_plug(bs);
    }
}

void bdrv_io_unplug(BlockDriverState *bs)
{
    if (bs->drv->bdrv_io_unplug) {
        bs->drv->bdrv_io_unplug(bs);
    }
}
