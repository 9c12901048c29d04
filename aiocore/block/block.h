/*
 * BlockDriverState: one open file or device, and what every part of the block layer says about
 * requests. SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     BlockBackend ── what a device model (here: fio's job) sees: blk_*
 *         │
 *     BlockDriverState ── one node: limits, tracked requests: bdrv_*
 *         │
 *     BlockDriver ── how the node is reached: file, host_device, null-co, null-aio
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
    BDRV_REQ_FUA = 1 << 0,         /* complete when the data is on stable storage */
    BDRV_REQ_ZERO_WRITE = 1 << 1,  /* write zeroes; there are no buffers */
    BDRV_REQ_MAY_UNMAP = 1 << 2,   /* zeroes may be a hole */
    BDRV_REQ_NO_FALLBACK = 1 << 3, /* -ENOTSUP rather than zeroes written one by one */
    BDRV_REQ_SERIALISING = 1 << 4, /* wait for overlapping requests, and have them wait for this */
} BdrvRequestFlags;

/* What is done about the space by which a file grows. */
typedef enum PreallocMode {
    PREALLOC_MODE_OFF,    /* nothing: a hole */
    PREALLOC_MODE_FALLOC, /* reserved */
    PREALLOC_MODE_FULL,   /* written */
} PreallocMode;

/* How to open; the file descriptor's own flags must agree with RDWR and NOCACHE. */
enum {
    BDRV_O_RDWR = 1 << 0,
    BDRV_O_NOCACHE = 1 << 1,  /* O_DIRECT */
    BDRV_O_NO_FLUSH = 1 << 2, /* flushes do nothing (cache=unsafe) */
    BDRV_O_NATIVE_AIO =
        1 << 3,               /* Linux AIO; needs NOCACHE, as buffered requests would block in it */
    BDRV_O_IO_URING = 1 << 4, /* io_uring */
};

/* What requests must look like. Probed when the node is opened. */
typedef struct BlockLimits {
    uint32_t request_alignment; /* of offset and length, in bytes; a power of two, at least 1 */
    uint32_t max_transfer;      /* bytes in one request of the driver's; 0: no limit */
    uint32_t max_iov;           /* buffers in one request of the driver's; 0: no limit */
    size_t min_mem_alignment;   /* of buffers */

    /* What is best, and most, in one discard and one write of zeroes; 0: no matter, no limit. */
    uint32_t pdiscard_alignment;
    int64_t max_pdiscard;
    uint32_t pwrite_zeroes_alignment;
    int64_t max_pwrite_zeroes;
} BlockLimits;

/* Offsets from here on would not fit the arithmetic of an aligned request. */
#define BDRV_MAX_LENGTH QEMU_ALIGN_DOWN(INT64_MAX, 65536)

/* The drivers of this layer. */
extern BlockDriver bdrv_file;
extern BlockDriver bdrv_host_device;
extern BlockDriver bdrv_null_co;
extern BlockDriver bdrv_null_aio;

/* What a node is opened over; each driver reads what concerns it. */
typedef struct BlockdevOptions {
    const char *filename;   /* for messages */
    int fd;                 /* file, host_device: the caller's, who closes it after bdrv_unref() */
    uint64_t aio_max_batch; /* native AIO: requests to gather; 0: as the context says */
    int64_t size;           /* null-co, null-aio: in bytes */
    uint64_t latency_ns;    /* the same: how long each request takes */
    bool read_zeroes;       /* the same: reads give zeroes; else they leave the buffers alone */
} BlockdevOptions;

/*
 * Open a node. @drv NULL: chosen by what @options->fd is, host_device for a block device, file for
 * a regular file. The caller must be in the home thread of @ctx, or @ctx is NULL: then the node is
 * good for being asked about, not for requests. NULL and *errp for what the driver
 * is not for, and when a request of no alignment gets through.
 */
BlockDriverState *bdrv_open(BlockDriver *drv, const BlockdevOptions *options, int open_flags,
                            AioContext *ctx, Error **errp);

/* The same over @fd with the driver for it. */
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

/* Requests that were no whole blocks. */
typedef struct BdrvPaddingStats {
    uint64_t padded_reads; /* more was read than asked for */
    uint64_t rmw_writes;   /* the rest of the blocks was read first */
} BdrvPaddingStats;

/* How many since @bs was opened. */
const BdrvPaddingStats *bdrv_get_padding_stats(BlockDriverState *bs);

/* Whether @qiov's buffers can be used for direct I/O as they are. */
bool bdrv_qiov_is_aligned(BlockDriverState *bs, QEMUIOVector *qiov);

/* ---- requests, in coroutine context; all return 0 or -errno --------------------------------- */

/*
 * Offset and bytes need not be multiples of request_alignment. What a read lacks is read along,
 * into a buffer of ours; what a write lacks is read before, with overlapping requests kept away.
 * -EIO for what lies outside of what can be addressed at all, -EPERM for writing to what is
 * read-only.
 */
int coroutine_fn bdrv_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                QEMUIOVector *qiov, BdrvRequestFlags flags);
int coroutine_fn bdrv_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                 QEMUIOVector *qiov, BdrvRequestFlags flags);
int coroutine_fn bdrv_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_co_flush(BlockDriverState *bs);

/* Zeroes, the quickest way the device has: @flags may have MAY_UNMAP, NO_FALLBACK and FUA. */
int coroutine_fn bdrv_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                       BdrvRequestFlags flags);

/* Make a file @offset bytes long. -ENOTSUP, and *errp, for what has the size it has. */
int coroutine_fn bdrv_co_truncate(BlockDriverState *bs, int64_t offset, PreallocMode prealloc,
                                  Error **errp);

/* ---- drained sections ----------------------------------------------------------------------- */

/*
 * From begin to end @bs has nothing in flight, and what its BlockBackend starts meanwhile is parked
 * and goes on afterwards, in order. External handlers of the context are left out. The calls nest.
 * Any thread with a context of its own, if the home thread is turning its loop. Not from a
 * request's callback: it is in flight itself until it returns.
 */
void bdrv_drained_begin(BlockDriverState *bs);
void bdrv_drained_end(BlockDriverState *bs);

/* Both. */
void bdrv_drain(BlockDriverState *bs);

/* The same for all nodes of @ctx. Home thread, outside of coroutines; nodes neither come nor go in
 * between. */
void bdrv_drain_all_begin(AioContext *ctx);
void bdrv_drain_all_end(AioContext *ctx);
void bdrv_drain_all(AioContext *ctx);

/*
 * Move @bs, and its BlockBackend, to @new_context. Outside of coroutines; other home threads of the
 * two than the caller are turning their loops. Requests that are parked while that happens go on in
 * the new one. 0, or -errno and *errp with all as it was.
 */
int bdrv_try_set_aio_context(BlockDriverState *bs, AioContext *new_context, Error **errp);

/* Gather requests between plug and the last unplug, which submits them. The calls nest. */
void bdrv_io_plug(BlockDriverState *bs);
void bdrv_io_unplug(BlockDriverState *bs);

#endif
