/*
 * How requests reach the driver: by coroutine or by callback, and in what pieces.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A driver says in its limits how many bytes and buffers it takes at once. What is more goes in
 * pieces, one after the other; what is in buffers so small that the allowed number of them does not
 * make up a block, by way of a copy.
 */
#include "base/osdep.h"
#include "base/memalign.h"
#include "block/block_int.h"

/* ---- drivers with callbacks ------------------------------------------------------------------ */

/* A coroutine that waits for a driver's callback. */
typedef struct CoroutineIOCompletion {
    Coroutine *coroutine;
    int ret;
} CoroutineIOCompletion;

static void bdrv_co_io_em_complete(void *opaque, int ret)
{
    CoroutineIOCompletion *co = opaque;

    co->ret = ret;
    aio_co_wake(co->coroutine);
}

static int coroutine_fn bdrv_co_io_em_wait(CoroutineIOCompletion *co, const BlockAIOCB *acb)
{
    if (!acb) {
        return -EIO;
    }
    qemu_coroutine_yield();
    return co->ret;
}

static int coroutine_fn bdrv_driver_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                           QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    CoroutineIOCompletion co;

    if (likely(bs->drv->bdrv_co_preadv)) {
        return bs->drv->bdrv_co_preadv(bs, offset, bytes, qiov, flags);
    }
    co.coroutine = qemu_coroutine_self();
    return bdrv_co_io_em_wait(
        &co, bs->drv->bdrv_aio_preadv(bs, offset, bytes, qiov, flags, bdrv_co_io_em_complete, &co));
}

static int coroutine_fn bdrv_driver_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                            QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    CoroutineIOCompletion co;

    if (likely(bs->drv->bdrv_co_pwritev)) {
        return bs->drv->bdrv_co_pwritev(bs, offset, bytes, qiov, flags);
    }
    co.coroutine = qemu_coroutine_self();
    return bdrv_co_io_em_wait(&co, bs->drv->bdrv_aio_pwritev(bs, offset, bytes, qiov, flags,
                                                             bdrv_co_io_em_complete, &co));
}

int coroutine_fn bdrv_driver_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    CoroutineIOCompletion co;

    if (bs->drv->bdrv_co_pdiscard) {
        return bs->drv->bdrv_co_pdiscard(bs, offset, bytes);
    }
    co.coroutine = qemu_coroutine_self();
    return bdrv_co_io_em_wait(
        &co, bs->drv->bdrv_aio_pdiscard(bs, offset, bytes, bdrv_co_io_em_complete, &co));
}

int coroutine_fn bdrv_driver_flush(BlockDriverState *bs)
{
    CoroutineIOCompletion co;

    if (bs->drv->bdrv_co_flush_to_disk) {
        return bs->drv->bdrv_co_flush_to_disk(bs);
    }
    co.coroutine = qemu_coroutine_self();
    return bdrv_co_io_em_wait(&co, bs->drv->bdrv_aio_flush(bs, bdrv_co_io_em_complete, &co));
}

/* ---- cutting to what the driver takes ------------------------------------------------------- */

/* A copy is made in pieces of this size. */
#define BOUNCE_BYTES (1024 * 1024)

typedef int coroutine_fn DriverFunc(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                    QEMUIOVector *qiov, BdrvRequestFlags flags);

static int64_t max_transfer(BlockDriverState *bs)
{
    uint32_t align = bs->bl.request_alignment;

    return QEMU_ALIGN_DOWN(bs->bl.max_transfer ?: (uint32_t)INT_MAX, align);
}

/* How many of the @bytes at @done of @qiov fit in one request, in whole blocks; 0: the buffers are
 * too small for even one block. */
static int64_t next_piece(BlockDriverState *bs, QEMUIOVector *qiov, int64_t done, int64_t bytes)
{
    int64_t piece = MIN(bytes, max_transfer(bs));
    size_t head, tail;
    struct iovec *iov;
    int niov;

    iov = qemu_iovec_slice(qiov, done, piece, &head, &tail, &niov);
    if (bs->bl.max_iov && (unsigned)niov > bs->bl.max_iov) {
        piece = iov_size(iov, bs->bl.max_iov) - head;
    }
    return QEMU_ALIGN_DOWN(piece, bs->bl.request_alignment);
}

/* A piece by way of one large buffer. Returns how many bytes it was, or -errno. */
static int64_t coroutine_fn bounce_piece(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                         QEMUIOVector *qiov, int64_t done, DriverFunc *func,
                                         BdrvRequestFlags flags)
{
    int64_t piece = MIN(MIN(bytes, BOUNCE_BYTES), max_transfer(bs));
    uint8_t *buf = qemu_try_memalign(bs->bl.min_mem_alignment, piece);
    QEMUIOVector bounce;
    int ret;

    if (!buf) {
        return -ENOMEM;
    }
    qemu_iovec_init_buf(&bounce, buf, piece);
    if (func == bdrv_driver_pwritev) {
        qemu_iovec_to_buf(qiov, done, buf, piece);
    }
    ret = func(bs, offset, piece, &bounce, flags);
    if (ret == 0 && func == bdrv_driver_preadv) {
        qemu_iovec_from_buf(qiov, done, buf, piece);
    }
    qemu_vfree(buf);
    return ret < 0 ? ret : piece;
}

static int64_t coroutine_fn direct_piece(BlockDriverState *bs, int64_t offset, int64_t piece,
                                         QEMUIOVector *qiov, int64_t done, DriverFunc *func,
                                         BdrvRequestFlags flags)
{
    QEMUIOVector slice;
    int ret;

    qemu_iovec_init_slice(&slice, qiov, done, piece);
    ret = func(bs, offset, piece, &slice, flags);
    qemu_iovec_destroy(&slice);
    return ret < 0 ? ret : piece;
}

static int coroutine_fn in_pieces(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                  QEMUIOVector *qiov, DriverFunc *func, BdrvRequestFlags flags)
{
    for (int64_t done = 0; done < bytes;) {
        int64_t piece = next_piece(bs, qiov, done, bytes - done);
        int64_t ret = piece
                          ? direct_piece(bs, offset + done, piece, qiov, done, func, flags)
                          : bounce_piece(bs, offset + done, bytes - done, qiov, done, func, flags);

        if (ret < 0) {
            return ret;
        }
        done += ret;
    }
    return 0;
}

int coroutine_fn bdrv_aligned_preadv_slow(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    if (bdrv_fits_driver(bs, bytes, qiov)) {
        return bdrv_driver_preadv(bs, offset, bytes, qiov, flags);
    }
    return in_pieces(bs, offset, bytes, qiov, bdrv_driver_preadv, flags);
}

int coroutine_fn bdrv_aligned_pwritev_slow(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                           QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    if (bdrv_fits_driver(bs, bytes, qiov)) {
        return bdrv_driver_pwritev(bs, offset, bytes, qiov, flags);
    }
    return in_pieces(bs, offset, bytes, qiov, bdrv_driver_pwritev, flags);
}
