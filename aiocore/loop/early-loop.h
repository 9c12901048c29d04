/*
 * EarlyLoop: the event loop that QEMU had before AioContext, over select(2).
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It has no timers and cannot be notified: whoever has a request in flight says so by io_flush, and
 * qemu_aio_wait() sleeps only for those who are busy. In QEMU all of it was global; here it belongs
 * to an object, which is the first argument, so that two jobs in one process have one each.
 *
 * A loop belongs to the thread that uses it, and nothing here may be called from another. Names are
 * QEMU's as of then, but for what now means something else there: that begins with early_.
 */
#ifndef QAIO_LOOP_EARLY_LOOP_H
#define QAIO_LOOP_EARLY_LOOP_H

#include "base/error.h"
#include "loop/aio.h"

typedef struct EarlyLoop EarlyLoop;
typedef struct EarlyBH EarlyBH;

/* Whether a request is in flight. */
typedef bool AioFlushHandler(void *opaque);

/* Do what waits to be done without any event. Returns whether something was done. */
typedef bool AioProcessQueue(void *opaque);

/* A loop without handlers and bottom halves. To be freed outside of its callbacks, which frees the
 * handlers and bottom halves it still has. */
EarlyLoop *early_loop_new(void);
void early_loop_free(EarlyLoop *loop);

/* ---- file descriptors ----------------------------------------------------------------------- */

/*
 * Watch @fd: @io_read when it is readable, @io_write when it is writable, but only while @io_flush
 * says that a request is in flight; one without @io_flush is waited for as long as it is there, but
 * keeps no qemu_aio_flush() going. @io_process_queue, which may be NULL, runs in each turn of the
 * loop. Set again, they replace those that @fd has; @io_read and @io_write both NULL delete them,
 * after which none of them runs any more. Both may be done in any callback, the handler's own too.
 *
 * False and *errp, with nothing changed, for an @fd that select() cannot watch: FD_SETSIZE (1024)
 * or more.
 */
bool qemu_aio_set_fd_handler(EarlyLoop *loop, int fd, IOHandler *io_read, IOHandler *io_write,
                             AioFlushHandler *io_flush, AioProcessQueue *io_process_queue,
                             void *opaque, Error **errp);

/* ---- turning the loop: callbacks may do so as well, to any depth ---------------------------- */

/*
 * One turn. Bottom halves that are due, or else the handlers' queues; if there was something to do,
 * that is all. Else sleep until a busy handler's descriptor is ready, and run its callbacks. If no
 * handler is busy, return at once.
 */
void qemu_aio_wait(EarlyLoop *loop);

/* The same without sleeping, as the main loop of then turned when it had other work. */
void early_loop_look(EarlyLoop *loop);

/* Turn until no handler is busy and no bottom half is due. */
void qemu_aio_flush(EarlyLoop *loop);

/* Run the handlers' queues once. Returns whether any had something to do. */
bool qemu_aio_process_queue(EarlyLoop *loop);

/* ---- bottom halves -------------------------------------------------------------------------- */

EarlyBH *early_bh_new(EarlyLoop *loop, QEMUBHFunc *cb, void *opaque);

/* Have it run in the next turn, or this one if it has not been passed. Twice is once. */
void early_bh_schedule(EarlyBH *bh);

/* It does not run unless it is scheduled again. */
void early_bh_cancel(EarlyBH *bh);

/* It does not run any more; the loop frees it. */
void early_bh_delete(EarlyBH *bh);

/* Run all that are due. Returns whether there was one. */
bool early_bh_poll(EarlyLoop *loop);

#endif
