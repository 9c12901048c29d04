/*
 * ThreadPool: workers for what would block the event loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * There is one pool per AioContext. Workers are started when work waits and none is idle, up to a
 * maximum, and leave after ten seconds without work, down to a minimum. What is submitted begins in
 * the order of submission and ends in the home thread, by a bottom half.
 */
#ifndef QAIO_BLOCK_THREAD_POOL_H
#define QAIO_BLOCK_THREAD_POOL_H

#include "block/aiocb.h"

/* How many workers there may be if nobody says otherwise: QEMU's number. */
#define THREAD_POOL_MAX_THREADS 64

typedef struct ThreadPool ThreadPool;

/* Runs in a worker. Returns what the submitter gets. */
typedef int ThreadPoolFunc(void *opaque);

/* The pool of @ctx, made on first use and freed with @ctx. Home thread. */
ThreadPool *aio_get_thread_pool(AioContext *ctx);

/* A pool of the caller's own that completes in @ctx; free it, with nothing submitted any more, in
 * @ctx's home thread. */
ThreadPool *thread_pool_new(AioContext *ctx);
void thread_pool_free(ThreadPool *pool);

/*
 * Keep at least @min workers, which start now, and have at most @max from now on: those above it
 * leave when they are through with what they do. False and *errp, with nothing changed, unless
 * 0 <= @min <= @max and 1 <= @max. Home thread.
 */
bool thread_pool_set_params(ThreadPool *pool, int64_t min, int64_t max, Error **errp);

/*
 * Run @func(@arg) in a worker, and return its result when it is done. Home thread of the pool's
 * context; allocates nothing. -EAGAIN when not a single worker can be started.
 */
int coroutine_fn thread_pool_submit_co(ThreadPool *pool, ThreadPoolFunc *func, void *arg);

/*
 * The same with a callback, which is never called from inside of this function and is told -EAGAIN,
 * too. Cancelling has an effect until a worker has taken it: then @func does not run.
 */
BlockAIOCB *thread_pool_submit_aio(ThreadPool *pool, ThreadPoolFunc *func, void *arg,
                                   BlockCompletionFunc *cb, void *opaque);

/* The same for whom the end does not concern. */
void thread_pool_submit(ThreadPool *pool, ThreadPoolFunc *func, void *arg);

#endif
