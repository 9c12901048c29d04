/*
 * ThreadPool: workers for what would block the event loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * There is one pool per AioContext. Workers are started when work waits and none is idle, up to
 * THREAD_POOL_MAX_THREADS, and leave after ten seconds without work.
 */
#ifndef QAIO_BLOCK_THREAD_POOL_H
#define QAIO_BLOCK_THREAD_POOL_H

#include "loop/aio.h"

#define THREAD_POOL_MAX_THREADS 64

typedef struct ThreadPool ThreadPool;

/* Runs in a worker. Returns what the submitter gets. */
typedef int ThreadPoolFunc(void *opaque);

/* The pool of @ctx, made on first use and freed with @ctx. Home thread. */
ThreadPool *aio_get_thread_pool(AioContext *ctx);

/*
 * Run @func(@arg) in a worker, and return its result when it is done. Home thread of the pool's
 * context; allocates nothing. -EAGAIN when not a single worker can be started.
 */
int coroutine_fn thread_pool_submit_co(ThreadPool *pool, ThreadPoolFunc *func, void *arg);

#endif
