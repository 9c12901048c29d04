/*
 * A request's way through a node.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     check ──▶ widen to whole blocks ──▶ track, wait for ──▶ cut to what the ──▶ driver
 *               (request-padding.c)       overlapping ones    driver takes
 */
#include "base/osdep.h"
#include "block/block_int.h"

/* The range as such; whether it lies within the device is the BlockBackend's to say. */
static int check_request(int64_t offset, int64_t bytes)
{
    if (unlikely(offset < 0 || bytes < 0 || bytes > BDRV_MAX_LENGTH ||
                 offset > BDRV_MAX_LENGTH - bytes)) {
        return -EIO;
    }
    return 0;
}

int bdrv_check_write_request(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int ret = check_request(offset, bytes);

    if (likely(ret == 0) && unlikely(!(bs->open_flags & BDRV_O_RDWR))) {
        return -EPERM;
    }
    return ret;
}

/* ---- requests -------------------------------------------------------------------------------- */

static QAIO_COLD int coroutine_fn padded_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    BdrvRequestPadding pad;
    BdrvTrackedRequest req;
    int ret;

    bs->padding_stats.padded_reads++;
    bdrv_pad_request(bs, &pad, &offset, &bytes, qiov);
    tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_READ);
    bdrv_wait_serialising_requests(&req);
    ret = bdrv_aligned_preadv(bs, offset, bytes, &pad.qiov, flags);
    tracked_request_end(&req);
    bdrv_padding_finish(&pad);
    return ret;
}

int coroutine_fn bdrv_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    BdrvTrackedRequest req;
    int ret = check_request(offset, bytes);

    if (unlikely(ret < 0 || bytes == 0)) {
        return ret;
    }
    if (unlikely(bdrv_is_unaligned(bs, offset, bytes))) {
        return padded_preadv(bs, offset, bytes, qiov, flags);
    }

    tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_READ);
    bdrv_wait_serialising_requests(&req);
    ret = bdrv_aligned_preadv(bs, offset, bytes, qiov, flags);
    tracked_request_end(&req);
    return ret;
}

static int coroutine_fn read_block(BlockDriverState *bs, int64_t offset, uint8_t *buf)
{
    QEMUIOVector qiov;

    qemu_iovec_init_buf(&qiov, buf, bs->bl.request_alignment);
    return bdrv_aligned_preadv(bs, offset, bs->bl.request_alignment, &qiov, 0);
}

/* Read the blocks at the ends of a widened write. */
static int coroutine_fn padding_rmw_read(BdrvRequestPadding *pad, int64_t offset, int64_t bytes)
{
    int64_t tail_block = offset + bytes - pad->bs->bl.request_alignment;
    int ret = 0;

    if (pad->head || pad->one_block) {
        ret = read_block(pad->bs, offset, pad->buf);
    }
    if (ret == 0 && pad->tail && !pad->one_block) {
        ret = read_block(pad->bs, tail_block, pad->tail_buf);
    }
    return ret;
}

static QAIO_COLD int coroutine_fn padded_pwritev(BlockDriverState *bs, int64_t offset,
                                                 int64_t bytes, QEMUIOVector *qiov,
                                                 BdrvRequestFlags flags)
{
    BdrvRequestPadding pad;
    BdrvTrackedRequest req;
    int ret;

    bs->padding_stats.rmw_writes++;
    bdrv_pad_request(bs, &pad, &offset, &bytes, qiov);
    tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_WRITE);
    bdrv_make_request_serialising(&req);
    ret = padding_rmw_read(&pad, offset, bytes);
    if (ret == 0) {
        ret = bdrv_aligned_pwritev(bs, offset, bytes, &pad.qiov, flags);
    }
    tracked_request_end(&req);
    bdrv_padding_finish(&pad);
    return ret;
}

static void coroutine_fn wait_before_write(BdrvTrackedRequest *req, BdrvRequestFlags flags)
{
    if (unlikely(flags & BDRV_REQ_SERIALISING)) {
        bdrv_make_request_serialising(req);
    } else {
        bdrv_wait_serialising_requests(req);
    }
}

int coroutine_fn bdrv_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                 QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    BdrvTrackedRequest req;
    int ret = bdrv_check_write_request(bs, offset, bytes);

    if (unlikely(ret < 0 || bytes == 0)) {
        return ret;
    }
    if (unlikely(flags & BDRV_REQ_ZERO_WRITE)) {
        return bdrv_co_pwrite_zeroes(bs, offset, bytes, flags & ~BDRV_REQ_ZERO_WRITE);
    }
    if (unlikely(bdrv_is_unaligned(bs, offset, bytes))) {
        return padded_pwritev(bs, offset, bytes, qiov, flags);
    }

    tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_WRITE);
    wait_before_write(&req, flags);
    ret = bdrv_aligned_pwritev(bs, offset, bytes, qiov, flags & ~BDRV_REQ_SERIALISING);
    tracked_request_end(&req);
    return ret;
}

static int coroutine_fn discard_in_pieces(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    uint32_t align = bs->bl.request_alignment;
    int64_t max = MAX(QEMU_ALIGN_DOWN(bs->bl.max_pdiscard ?: INT64_MAX, align), align);

    while (bytes > 0) {
        int64_t piece = MIN(bytes, max);
        int ret = bdrv_driver_pdiscard(bs, offset, piece);

        if (ret < 0) {
            return ret;
        }
        offset += piece;
        bytes -= piece;
    }
    return 0;
}

/* Blocks that are not wholly inside keep what they hold: a discard is only advice. */
int coroutine_fn bdrv_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    uint32_t align = bs->bl.request_alignment;
    BdrvTrackedRequest req;
    int64_t start, end;
    int ret = bdrv_check_write_request(bs, offset, bytes);

    if (unlikely(ret < 0)) {
        return ret;
    }
    start = QEMU_ALIGN_UP(offset, align);
    end = QEMU_ALIGN_DOWN(offset + bytes, align);
    if (unlikely(start >= end)) {
        return 0;
    }

    tracked_request_begin(&req, bs, start, end - start, BDRV_TRACKED_DISCARD);
    bdrv_wait_serialising_requests(&req);
    ret = discard_in_pieces(bs, start, end - start);
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
    ret = bdrv_driver_flush(bs);
    bs->in_flight--;
    return ret;
}

int coroutine_fn bdrv_co_truncate(BlockDriverState *bs, int64_t offset, PreallocMode prealloc,
                                  Error **errp)
{
    BdrvTrackedRequest req;
    int64_t old = bdrv_refresh_length(bs);
    int ret;

    if (!bs->drv->bdrv_co_truncate) {
        error_setg(errp, "%s: %s cannot be resized", bs->filename, bs->drv->format_name);
        return -ENOTSUP;
    }
    if (offset < 0 || offset > BDRV_MAX_LENGTH || old < 0) {
        error_setg(errp, "%s: cannot be made %" PRId64 " bytes long", bs->filename, offset);
        return old < 0 ? old : -EINVAL;
    }
    if (!(bs->open_flags & BDRV_O_RDWR)) {
        error_setg(errp, "%s: is open for reading only", bs->filename);
        return -EPERM;
    }

    /* What is cut off, or comes, belongs to us meanwhile. */
    tracked_request_begin(&req, bs, MIN(old, offset), ABS(offset - old), BDRV_TRACKED_TRUNCATE);
    bdrv_make_request_serialising(&req);
    ret = bs->drv->bdrv_co_truncate(bs, offset, prealloc, errp);
    bdrv_refresh_length(bs);
    tracked_request_end(&req);
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
