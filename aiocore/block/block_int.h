/*
 * What the files of the block layer share: the node, its driver, and the requests that it tracks.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_BLOCK_BLOCK_INT_H
#define QAIO_BLOCK_BLOCK_INT_H

#include "base/queue.h"
#include "block/block.h"

typedef enum BdrvTrackedRequestType {
    BDRV_TRACKED_READ,
    BDRV_TRACKED_WRITE,
    BDRV_TRACKED_DISCARD,
} BdrvTrackedRequestType;

/* A request between its entry to and its return from the node. On its coroutine's stack. */
typedef struct BdrvTrackedRequest {
    BlockDriverState *bs;
    int64_t offset;
    int64_t bytes;
    BdrvTrackedRequestType type;
    QLIST_ENTRY(BdrvTrackedRequest) list;
} BdrvTrackedRequest;

struct BlockDriver {
    const char *format_name;

    /* Take over @fd's properties into bs->opaque, and fill bs->bl. 0, or -errno and *errp. */
    int (*bdrv_open)(BlockDriverState *bs, int fd, Error **errp);
    void (*bdrv_close)(BlockDriverState *bs);
    int64_t (*bdrv_getlength)(BlockDriverState *bs);

    int coroutine_fn (*bdrv_co_preadv)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                       QEMUIOVector *qiov, BdrvRequestFlags flags);
    int coroutine_fn (*bdrv_co_pwritev)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                        QEMUIOVector *qiov, BdrvRequestFlags flags);
    int coroutine_fn (*bdrv_co_pdiscard)(BlockDriverState *bs, int64_t offset, int64_t bytes);
    int coroutine_fn (*bdrv_co_flush_to_disk)(BlockDriverState *bs);

    void (*bdrv_io_plug)(BlockDriverState *bs);
    void (*bdrv_io_unplug)(BlockDriverState *bs);
};

struct BlockDriverState {
    BlockDriver *drv;
    void *opaque; /* the driver's */
    AioContext *aio_context;
    char *filename;
    int open_flags;
    BlockLimits bl;
    int64_t total_bytes; /* as last seen; writes past it move it */

    /* Requests inside; empty if and only if in_flight is 0, but for flushes, which are not tracked.
     */
    QLIST_HEAD(, BdrvTrackedRequest) tracked_requests;
    unsigned in_flight;
};

#endif
