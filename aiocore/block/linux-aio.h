/*
 * Linux native AIO as a backend of coroutines: a queue in front of io_submit(2), and the completion
 * ring. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * There is one LinuxAioState per AioContext. Everything here belongs to that context's home thread.
 */
#ifndef QAIO_BLOCK_LINUX_AIO_H
#define QAIO_BLOCK_LINUX_AIO_H

#include <libaio.h>
#include "block/aio-stats.h"
#include "block/block.h"

typedef struct LinuxAioState LinuxAioState;

/* How many may be in flight: QEMU's number. */
#define LAIO_DEFAULT_MAX_EVENTS 1024

/*
 * Make the state of @ctx, for up to @max_events requests in flight. NULL and *errp when io_setup(2)
 * fails; when that is because all of fs.aio-max-nr is taken, the message says so. Freed with @ctx.
 */
LinuxAioState *aio_setup_linux_aio(AioContext *ctx, unsigned max_events, Error **errp);

/* The state of @ctx; NULL if none was made. */
LinuxAioState *aio_get_linux_aio(AioContext *ctx);

/*
 * Submit a request of @type QEMU_AIO_READ, QEMU_AIO_WRITE (@flags may have BDRV_REQ_FUA) or
 * QEMU_AIO_FLUSH, and return when it is done: 0 or -errno. A short read is filled up with zeroes, a
 * short write is -ENOSPC. @dev_max_batch is the node's own limit for gathering, 0 if it has none.
 */
int coroutine_fn laio_co_submit(LinuxAioState *s, int fd, uint64_t offset, QEMUIOVector *qiov,
                                int type, BdrvRequestFlags flags, uint64_t dev_max_batch);

/* Gather requests until the last unplug; the calls nest. */
void laio_io_plug(LinuxAioState *s);
void laio_io_unplug(LinuxAioState *s);

/*
 * Whether requests that are made while completions are consumed wait until all are, and go as one
 * batch, as in QEMU from 9.0 on. At first they do; else each goes at once, as before.
 */
void laio_set_defer(LinuxAioState *s, bool defer);

/* How many requests wait in the queue, not yet taken by the kernel. */
unsigned laio_queued(LinuxAioState *s);

/*
 * @fn learns of each batch right after the kernel took it: @n requests, before any of them
 * completes. It must not submit or wait. laio_iocb_coroutine() tells which coroutine waits for a
 * request.
 */
typedef void LaioSubmittedFunc(void *opaque, struct iocb **iocbs, int n);
void laio_set_submitted_func(LinuxAioState *s, LaioSubmittedFunc *fn, void *opaque);

static inline Coroutine *laio_iocb_coroutine(const struct iocb *iocb)
{
    return iocb->data;
}

const AioStats *laio_get_stats(LinuxAioState *s);

/* ---- what other users of Linux AIO share ---------------------------------------------------- */

/* io_setup(2). 0, or -errno and *errp, which names the sysctl when that is the reason. */
int laio_setup_context(unsigned max_events, io_context_t *ctx, Error **errp);

#endif
