/*
 * Writing zeroes: by the device's own means where it has any, else from a buffer of them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     offset                                                      offset + bytes
 *     │ head │                   whole blocks                        │ tail │
 *     │ ordinary write of zeroes │ driver, cut at pwrite_zeroes_alignment │ ordinary write │
 */
#include "base/osdep.h"
#include "base/memalign.h"
#include "block/block_int.h"

/* Zeroes are written from a buffer of this size at most. */
#define ZERO_BYTES (1024 * 1024)

/* Ordinary writes of zeroes, in whole blocks. */
static int coroutine_fn write_zero_buffer(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          BdrvRequestFlags flags)
{
    int64_t len = MIN(bytes, ZERO_BYTES);
    uint8_t *buf = qemu_try_memalign(bs->bl.min_mem_alignment, len);
    QEMUIOVector qiov;
    int ret = 0;

    if (!buf) {
        return -ENOMEM;
    }
    memset(buf, 0, len);
    for (int64_t done = 0; ret == 0 && done < bytes; done += len) {
        qemu_iovec_init_buf(&qiov, buf, MIN(len, bytes - done));
        ret = bdrv_aligned_pwritev(bs, offset + done, qiov.size, &qiov, flags);
    }
    qemu_vfree(buf);
    return ret;
}

/* How much to hand to the driver at once: up to where its own blocks begin, then whole ones. */
static int64_t next_piece(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    uint32_t align = MAX(bs->bl.pwrite_zeroes_alignment, bs->bl.request_alignment);
    int64_t max = MAX(QEMU_ALIGN_DOWN(bs->bl.max_pwrite_zeroes ?: INT64_MAX, align), align);
    int64_t head = offset % align;

    if (head) {
        return MIN(bytes, align - head);
    }
    if (bytes > align && bytes % align) {
        bytes = QEMU_ALIGN_DOWN(bytes, align); /* the tail is a piece of its own */
    }
    return MIN(bytes, max);
}

/* A piece by the driver's own means, or without. */
static int coroutine_fn zero_piece(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                   BdrvRequestFlags flags)
{
    int ret = -ENOTSUP;

    if (bs->drv->bdrv_co_pwrite_zeroes) {
        ret = bs->drv->bdrv_co_pwrite_zeroes(bs, offset, bytes, flags & BDRV_REQ_MAY_UNMAP);
    }
    if (ret == -ENOTSUP && !(flags & BDRV_REQ_NO_FALLBACK)) {
        ret = write_zero_buffer(bs, offset, bytes, 0);
    }
    return ret;
}

int coroutine_fn bdrv_aligned_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                            BdrvRequestFlags flags)
{
    int64_t done = 0;
    int ret = 0;

    while (ret == 0 && done < bytes) {
        int64_t piece = next_piece(bs, offset + done, bytes - done);

        ret = zero_piece(bs, offset + done, piece, flags);
        done += piece;
    }
    if (ret == 0 && (flags & BDRV_REQ_FUA)) {
        ret = bdrv_co_flush(bs); /* no means of zeroing has a FUA of its own */
    }
    if (ret == 0 && offset + bytes > bs->total_bytes) {
        bs->total_bytes = offset + bytes;
    }
    return ret;
}

static int coroutine_fn zero_whole_blocks(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          BdrvRequestFlags flags)
{
    BdrvTrackedRequest req;
    int ret;

    tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_WRITE);
    bdrv_wait_serialising_requests(&req);
    ret = bdrv_aligned_pwrite_zeroes(bs, offset, bytes, flags);
    tracked_request_end(&req);
    return ret;
}

/* Less than a block: an ordinary write, which reads the rest of the block first. */
static int coroutine_fn zero_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                  BdrvRequestFlags flags)
{
    uint8_t *buf = g_malloc0(bytes);
    QEMUIOVector qiov;
    int ret;

    qemu_iovec_init_buf(&qiov, buf, bytes);
    ret = bdrv_co_pwritev(bs, offset, bytes, &qiov, flags & BDRV_REQ_FUA);
    g_free(buf);
    return ret;
}

int coroutine_fn bdrv_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                       BdrvRequestFlags flags)
{
    uint32_t align = bs->bl.request_alignment;
    int64_t end = offset + bytes, start, stop;
    int ret = bdrv_check_write_request(bs, offset, bytes);

    if (ret < 0) {
        return ret;
    }
    start = QEMU_ALIGN_UP(offset, align);
    stop = QEMU_ALIGN_DOWN(end, align);
    if (start > stop) {
        return zero_part(bs, offset, bytes, flags); /* inside of one block */
    }
    if (offset < start) {
        ret = zero_part(bs, offset, start - offset, flags);
    }
    if (ret == 0 && start < stop) {
        ret = zero_whole_blocks(bs, start, stop - start, flags);
    }
    if (ret == 0 && stop < end) {
        ret = zero_part(bs, stop, end - stop, flags);
    }
    return ret;
}
