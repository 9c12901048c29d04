/*
 * Linux AIO as QEMU used it before coroutines: a request is one io_submit(2) and a callback.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * There is one LaioEarly per EarlyLoop, in the loop's thread. linux-aio.h is what became of it.
 */
#ifndef QAIO_BLOCK_LAIO_EARLY_H
#define QAIO_BLOCK_LAIO_EARLY_H

#include "block/aiocb.h"
#include "block/linux-aio.h"
#include "loop/early-loop.h"

typedef struct LaioEarly LaioEarly;

/*
 * The state for @loop, with up to @max_events requests in the kernel at a time. NULL and *errp when
 * io_setup(2) fails, no descriptor is to be had, or only one that select() cannot watch.
 */
LaioEarly *laio_early_new(EarlyLoop *loop, unsigned max_events, Error **errp);

/* No request may be in flight. */
void laio_early_free(LaioEarly *s);

/*
 * Submit a request of @type QEMU_AIO_READ or QEMU_AIO_WRITE (@flags may have BDRV_REQ_FUA), at
 * once. 0: @cb(@opaque, 0 or -errno) will run once, from a turn of the loop, and until then @qiov
 * and its buffers must stay. -errno: the kernel refused it, and that is all that will be heard.
 *
 * A short read is filled up with zeroes; a short write is -EINVAL, as it was then. What the kernel
 * has no room for waits, in order, and goes to it before the loop sleeps again. Nothing is
 * allocated once as many requests have been in flight before, or laio_early_reserve() was told so.
 */
int laio_early_submit(LaioEarly *s, int fd, uint64_t offset, QEMUIOVector *qiov, int type,
                      BdrvRequestFlags flags, BlockCompletionFunc *cb, void *opaque);

/* Requests accepted whose callback has not run. */
unsigned laio_early_count(LaioEarly *s);

/* @fn learns of each request right after the kernel took it; @request is what its callback will
 * get. It must not submit or turn the loop. */
typedef void LaioEarlySubmittedFunc(void *opaque, void *request);
void laio_early_set_submitted_func(LaioEarly *s, LaioEarlySubmittedFunc *fn, void *opaque);

/* Have room for @n more requests; laio_early_misses() counts what lacked it. */
void laio_early_reserve(LaioEarly *s, unsigned n);
uint64_t laio_early_misses(LaioEarly *s);

/* What happened since the state was made. There is no ring to look at: its counters stay 0. */
const AioStats *laio_early_get_stats(LaioEarly *s);

#endif
