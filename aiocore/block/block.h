/*
 * BlockDriverState: one open file or device, and what every part of the block layer says about
 * requests. SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     BlockBackend ── what a device model (here: fio's job) sees: blk_*
 *         │
 *     BlockDriverState ── one node: limits, tracked requests: bdrv_*
 *         │
 *     BlockDriver ── how the node is reached: file, host_device
 *
 * All of it belongs to the home thread of the node's AioContext, unless a function says otherwise.
 */
#ifndef QAIO_BLOCK_BLOCK_H
#define QAIO_BLOCK_BLOCK_H

#include "base/iov.h"
#include "loop/aio.h"

typedef struct BlockDriver BlockDriver;
typedef struct BlockDriverState BlockDriverState;

typedef enum BdrvRequestFlags {
    BDRV_REQ_FUA = 1 << 0, /* complete when the data is on stable storage */
} BdrvRequestFlags;

/* How to open; the file descriptor's own flags must agree with RDWR and NOCACHE. */
enum {
    BDRV_O_RDWR = 1 << 0,
    BDRV_O_NOCACHE = 1 << 1,  /* O_DIRECT */
    BDRV_O_NO_FLUSH = 1 << 2, /* flushes do nothing (cache=unsafe) */
    BDRV_O_NATIVE_AIO =
        1 << 3, /* Linux AIO; needs NOCACHE, as buffered requests would block in it */
};

/* What requests must look like. Probed when the node is opened. */
typedef struct BlockLimits {
    uint32_t request_alignment; /* of offset and length, in bytes; a power of two, at least 1 */
    size_t min_mem_alignment;   /* of buffers */
} BlockLimits;

/* Offsets from here on would not fit the arithmetic of an aligned request. */
#define BDRV_MAX_LENGTH QEMU_ALIGN_DOWN(INT64_MAX, 65536)

/* The drivers of this layer. */
extern BlockDriver bdrv_file;
extern BlockDriver bdrv_host_device;

/*
 * Open a node over @fd, which the caller keeps, and closes after bdrv_unref(). @filename is for
 * messages. The driver is chosen by what @fd is: host_device for a block device, file for a regular
 * file. The caller must be in the home thread of @ctx. NULL and *errp for anything else, and when a
 * request of no alignment gets through.
 */
BlockDriverState *bdrv_open_fd(const char *filename, int fd, int open_flags, AioContext *ctx,
                               Error **errp);

/* Close. No request may be in flight. */
void bdrv_unref(BlockDriverState *bs);

AioContext *bdrv_get_aio_context(BlockDriverState *bs);
const char *bdrv_get_format_name(BlockDriverState *bs);

/* Length in bytes as last seen, or -errno. A file that others let grow: see bdrv_refresh_length().
 */
int64_t bdrv_getlength(BlockDriverState *bs);
int64_t bdrv_refresh_length(BlockDriverState *bs);

const BlockLimits *bdrv_get_limits(BlockDriverState *bs);

/* Whether @qiov's buffers can be used for direct I/O as they are. */
bool bdrv_qiov_is_aligned(BlockDriverState *bs, QEMUIOVector *qiov);

/* ---- requests, in coroutine context; all return 0 or -errno --------------------------------- */

/*
 * Offset and bytes must be multiples of request_alignment: -EINVAL otherwise. -EIO for what lies
 * outside of what can be addressed at all.
 */
int coroutine_fn bdrv_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                QEMUIOVector *qiov, BdrvRequestFlags flags);
int coroutine_fn bdrv_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                 QEMUIOVector *qiov, BdrvRequestFlags flags);
int coroutine_fn bdrv_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_co_flush(BlockDriverState *bs);

/* Gather requests between plug and the last unplug, which submits them. The calls nest. */
void bdrv_io_plug(BlockDriverState *bs);
void bdrv_io_unplug(BlockDriverState *bs);

#endif
