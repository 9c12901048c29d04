/*
 * io_uring as a backend of coroutines: the same as linux-aio.h by other means.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * There is one LuringState per AioContext. Everything here belongs to that context's home thread.
 */
#ifndef QAIO_BLOCK_IO_URING_H
#define QAIO_BLOCK_IO_URING_H

#include "block/aio-stats.h"
#include "block/block.h"

typedef struct LuringState LuringState;

/* The most requests that a ring can be made for. */
#define LURING_MAX_ENTRIES 32768

/*
 * Make the state of @ctx, for up to @max_events requests in flight (more than LURING_MAX_ENTRIES
 * are as many). NULL and *errp when the kernel has no io_uring for us, or this build has none.
 * Freed with @ctx.
 */
LuringState *aio_setup_linux_io_uring(AioContext *ctx, unsigned max_events, Error **errp);

/* The state of @ctx; NULL if none was made. */
LuringState *aio_get_linux_io_uring(AioContext *ctx);

/*
 * Submit a request of @type QEMU_AIO_READ, QEMU_AIO_WRITE (@flags may have BDRV_REQ_FUA) or
 * QEMU_AIO_FLUSH, and return when it is done: 0 or -errno. What a read lacks is read again, until
 * the end of the file, after which there are zeroes; a short write is -ENOSPC.
 */
int coroutine_fn luring_co_submit(LuringState *s, int fd, uint64_t offset, QEMUIOVector *qiov,
                                  int type, BdrvRequestFlags flags);

/* Gather requests until the last unplug; the calls nest. */
void luring_io_plug(LuringState *s);
void luring_io_unplug(LuringState *s);

/* Whether requests from completions wait for each other; see laio_set_defer(). */
void luring_set_defer(LuringState *s, bool defer);

/* How many requests wait in the queue, not yet taken by the kernel. */
unsigned luring_queued(LuringState *s);

/* @fn learns of each batch right after the kernel took it; see laio_set_submitted_func(). */
void luring_set_submitted_func(LuringState *s, AioSubmittedFunc *fn, void *opaque);

const AioStats *luring_get_stats(LuringState *s);

#endif
