/*
 * What the files of the block layer share: the node, its driver, and the requests that it tracks.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_BLOCK_BLOCK_INT_H
#define QAIO_BLOCK_BLOCK_INT_H

#include "base/queue.h"
#include "block/aiocb.h"
#include "block/block.h"
#include "coroutine/co-queue.h"

typedef enum BdrvTrackedRequestType {
    BDRV_TRACKED_READ,
    BDRV_TRACKED_WRITE,
    BDRV_TRACKED_DISCARD,
    BDRV_TRACKED_TRUNCATE,
} BdrvTrackedRequestType;

/* A request between its entry to and its return from the node. On its coroutine's stack. */
typedef struct BdrvTrackedRequest {
    BlockDriverState *bs;
    int64_t offset;
    int64_t bytes;
    BdrvTrackedRequestType type;
    bool serialising; /* no overlapping one may go on while this does */
    bool waiting;     /* for an overlapping one; those that come after need not wait for it */
    QLIST_ENTRY(BdrvTrackedRequest) list;
} BdrvTrackedRequest;

struct BlockDriver {
    const char *format_name;

    /* Take over what concerns the driver into bs->opaque, and fill bs->bl. 0, or -errno and *errp.
     */
    int (*bdrv_open)(BlockDriverState *bs, const BlockdevOptions *options, Error **errp);
    void (*bdrv_close)(BlockDriverState *bs);
    int64_t (*bdrv_getlength)(BlockDriverState *bs);

    int coroutine_fn (*bdrv_co_preadv)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                       QEMUIOVector *qiov, BdrvRequestFlags flags);
    int coroutine_fn (*bdrv_co_pwritev)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                        QEMUIOVector *qiov, BdrvRequestFlags flags);
    int coroutine_fn (*bdrv_co_pdiscard)(BlockDriverState *bs, int64_t offset, int64_t bytes);
    int coroutine_fn (*bdrv_co_flush_to_disk)(BlockDriverState *bs);

    /* NULL, or -ENOTSUP: has no way of its own. @flags: MAY_UNMAP only. */
    int coroutine_fn (*bdrv_co_pwrite_zeroes)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                              BdrvRequestFlags flags);
    /* NULL: the size is what it is. */
    int coroutine_fn (*bdrv_co_truncate)(BlockDriverState *bs, int64_t offset,
                                         PreallocMode prealloc, Error **errp);

    /* The same for drivers with callbacks, which stand in where the coroutine's are NULL. The
     * callback does not run before the call has returned; NULL: the request failed, -EIO. */
    BlockAIOCB *(*bdrv_aio_preadv)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                   QEMUIOVector *qiov, BdrvRequestFlags flags,
                                   BlockCompletionFunc *cb, void *opaque);
    BlockAIOCB *(*bdrv_aio_pwritev)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                    QEMUIOVector *qiov, BdrvRequestFlags flags,
                                    BlockCompletionFunc *cb, void *opaque);
    BlockAIOCB *(*bdrv_aio_pdiscard)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                     BlockCompletionFunc *cb, void *opaque);
    BlockAIOCB *(*bdrv_aio_flush)(BlockDriverState *bs, BlockCompletionFunc *cb, void *opaque);

    void (*bdrv_io_plug)(BlockDriverState *bs);
    void (*bdrv_io_unplug)(BlockDriverState *bs);

    /* Give up, and take up, what belongs to bs->aio_context, in its home thread, with nothing in
     * flight. attach: 0, or -errno and *errp. NULL: there is nothing. */
    void (*bdrv_detach_aio_context)(BlockDriverState *bs);
    int (*bdrv_attach_aio_context)(BlockDriverState *bs, Error **errp);
};

/* What a node wants of whoever sends it requests. Home thread of its context. */
typedef struct BdrvParentOps {
    /* Start nothing new, and ... */
    void (*drained_begin)(void *opaque);
    /* ... whether there is still something in flight. */
    bool (*drained_poll)(void *opaque);
    void (*drained_end)(void *opaque);
    /* The node moves, in a drained section: in the old, then in the new home thread. */
    void (*detach_aio_context)(void *opaque);
    void (*attach_aio_context)(void *opaque, AioContext *ctx);
} BdrvParentOps;

/* The nodes of one context. Its home thread's. */
typedef QTAILQ_HEAD(BdrvNodeList, BlockDriverState) BdrvNodeList;

/* ---- block.c -------------------------------------------------------------------------------- */

BdrvNodeList *bdrv_nodes_of(AioContext *ctx);

/* Call @cb(@opaque) in the home thread of @ctx: here if that is the caller, else wait for it. */
void bdrv_run_in_home_thread(AioContext *ctx, QEMUBHFunc *cb, void *opaque);

/* What every request touches comes first. */
struct BlockDriverState {
    BlockDriver *drv;
    void *opaque; /* the driver's */

    /* Requests inside; empty if and only if in_flight is 0, but for flushes, which are not tracked.
     */
    QLIST_HEAD(, BdrvTrackedRequest) tracked_requests;
    unsigned in_flight;
    unsigned serialising_in_flight;
    int64_t total_bytes; /* as last seen; writes past it move it */
    int open_flags;
    BlockLimits bl;

    CoQueue serialising_waiters;   /* requests that wait for overlapping ones */
    struct PadBuffer *pad_buffers; /* request-padding.c's, for reuse */
    BdrvPaddingStats padding_stats;

    AioContext *aio_context;
    char *filename;
    unsigned quiesce_counter;    /* drained sections that it is in */
    const BdrvParentOps *parent; /* NULL: nobody yet */
    void *parent_opaque;
    QTAILQ_ENTRY(BlockDriverState) node_list;
};

/* ---- tracked-request.c ---------------------------------------------------------------------- */

static inline void coroutine_fn tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs,
                                                      int64_t offset, int64_t bytes,
                                                      BdrvTrackedRequestType type)
{
    req->bs = bs;
    req->offset = offset;
    req->bytes = bytes;
    req->type = type;
    req->serialising = false;
    req->waiting = false;
    bs->in_flight++;
    QLIST_INSERT_HEAD(&bs->tracked_requests, req, list);
}

/* Some wait, or have others wait. */
void coroutine_fn tracked_request_end_serialising(BdrvTrackedRequest *req);

static inline void coroutine_fn tracked_request_end(BdrvTrackedRequest *req)
{
    BlockDriverState *bs = req->bs;

    QLIST_REMOVE(req, list);
    bs->in_flight--;
    if (unlikely(bs->serialising_in_flight)) {
        tracked_request_end_serialising(req);
    }
}

/* Make @req, which is of whole blocks, one that nothing overlaps, and wait until it can go on. */
void coroutine_fn bdrv_make_request_serialising(BdrvTrackedRequest *req);

/* Wait until no serialising request overlaps @req. */
void coroutine_fn bdrv_wait_serialising_slow(BdrvTrackedRequest *req);

static inline void coroutine_fn bdrv_wait_serialising_requests(BdrvTrackedRequest *req)
{
    if (unlikely(req->bs->serialising_in_flight)) {
        bdrv_wait_serialising_slow(req);
    }
}

/* ---- request-padding.c ---------------------------------------------------------------------- */

/*
 * A request widened to whole blocks: the blocks at its ends are in a buffer of ours.
 *
 *         offset of the request
 *     ├─ head ─┤                        ├─ tail ─┤
 *     [  block │                        │  block ]
 *     buf ─────┤ the caller's buffers   ├──────── buf, behind the first block; or in it
 */
typedef struct BdrvRequestPadding {
    BlockDriverState *bs;
    struct PadBuffer *buffer;
    uint8_t *buf;      /* the block with the head; the only one if the tail is in the same */
    uint8_t *tail_buf; /* the block with the tail */
    size_t head;
    size_t tail;
    bool one_block;
    QEMUIOVector qiov;   /* head, the caller's, tail */
    struct iovec iov[4]; /* qiov's, where they suffice */
} BdrvRequestPadding;

/* Whether the request must be widened. */
static inline bool bdrv_is_unaligned(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    return ((offset | bytes) & (bs->bl.request_alignment - 1)) != 0;
}

/* Widen *@offset and *@bytes, and make @pad->qiov for them around @qiov. */
void bdrv_pad_request(BlockDriverState *bs, BdrvRequestPadding *pad, int64_t *offset,
                      int64_t *bytes, QEMUIOVector *qiov);

/* Give back what @pad took. */
void bdrv_padding_finish(BdrvRequestPadding *pad);

void bdrv_padding_cleanup(BlockDriverState *bs);

/* ---- io.c ----------------------------------------------------------------------------------- */

/* -EIO for a range that cannot be addressed, -EPERM when @bs is read-only. */
int bdrv_check_write_request(BlockDriverState *bs, int64_t offset, int64_t bytes);

/* ---- driver-io.c ---------------------------------------------------------------------------- */

/* Whether @n is within @limit, which is none if it is 0: less 1, that is the largest there is. */
static inline bool bdrv_is_within(uint64_t n, uint32_t limit)
{
    return n - 1 <= limit - 1;
}

/* Whether the driver takes it as it is. Neither is empty. */
static inline bool bdrv_fits_driver(BlockDriverState *bs, int64_t bytes, QEMUIOVector *qiov)
{
    return bdrv_is_within(bytes, bs->bl.max_transfer) && bdrv_is_within(qiov->niov, bs->bl.max_iov);
}

/* In pieces, or by callback. */
int coroutine_fn bdrv_aligned_preadv_slow(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                          QEMUIOVector *qiov, BdrvRequestFlags flags);
int coroutine_fn bdrv_aligned_pwritev_slow(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                           QEMUIOVector *qiov, BdrvRequestFlags flags);

/* Whole blocks; the caller's request has waited. It is cut to what the driver takes. */
static inline int coroutine_fn bdrv_aligned_preadv(BlockDriverState *bs, int64_t offset,
                                                   int64_t bytes, QEMUIOVector *qiov,
                                                   BdrvRequestFlags flags)
{
    if (likely(bdrv_fits_driver(bs, bytes, qiov) && bs->drv->bdrv_co_preadv)) {
        return bs->drv->bdrv_co_preadv(bs, offset, bytes, qiov, flags);
    }
    return bdrv_aligned_preadv_slow(bs, offset, bytes, qiov, flags);
}

/* The same; a file may grow by it. */
static inline int coroutine_fn bdrv_aligned_pwritev(BlockDriverState *bs, int64_t offset,
                                                    int64_t bytes, QEMUIOVector *qiov,
                                                    BdrvRequestFlags flags)
{
    int ret = likely(bdrv_fits_driver(bs, bytes, qiov) && bs->drv->bdrv_co_pwritev)
                  ? bs->drv->bdrv_co_pwritev(bs, offset, bytes, qiov, flags)
                  : bdrv_aligned_pwritev_slow(bs, offset, bytes, qiov, flags);

    if (ret == 0 && offset + bytes > bs->total_bytes) {
        bs->total_bytes = offset + bytes;
    }
    return ret;
}

/* One piece, as the driver has it. */
int coroutine_fn bdrv_driver_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_driver_flush(BlockDriverState *bs);

/* ---- write-zeroes.c ------------------------------------------------------------------------- */

/* The same with zeroes. */
int coroutine_fn bdrv_aligned_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                            BdrvRequestFlags flags);

#endif
