/*
 * ThreadPool: workers for what would block the event loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     coroutine                       worker                              home thread
 *     submit_co: queue, yield ──▶ takes it, runs func, puts it on done ──▶ completion_bh: wakes the
 *                                 and schedules completion_bh               coroutine, which goes
 * on
 *
 * An element lives on the stack of the coroutine that waits for it.
 */
#include "base/osdep.h"
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include "base/queue.h"
#include "block/thread-pool.h"

#define IDLE_SECONDS 10

typedef struct ThreadPoolElement {
    ThreadPoolFunc *func;
    void *arg;
    int ret;
    Coroutine *co;
    QSIMPLEQ_ENTRY(ThreadPoolElement) next; /* in requests, then in done */
} ThreadPoolElement;

typedef QSIMPLEQ_HEAD(, ThreadPoolElement) ElementList;

struct ThreadPool {
    QEMUBH *completion_bh;

    pthread_mutex_t lock;        /* protects everything below */
    pthread_cond_t request_cond; /* a request came, or stopping was set */
    pthread_cond_t stopped_cond; /* the last thread left */
    ElementList requests;        /* waiting for a worker */
    ElementList done;            /* waiting for completion_bh */
    unsigned queued;             /* length of requests */
    unsigned threads;
    unsigned idle_threads;
    bool stopping;
};

/* ---- workers ------------------------------------------------------------------------------- */

/* Under lock. The next request; NULL when there was none for too long, or the pool stops. */
static ThreadPoolElement *wait_for_request(ThreadPool *pool)
{
    struct timespec end_time;
    ThreadPoolElement *elem;

    clock_gettime(CLOCK_MONOTONIC, &end_time);
    end_time.tv_sec += IDLE_SECONDS;
    pool->idle_threads++;
    while (QSIMPLEQ_EMPTY(&pool->requests) && !pool->stopping) {
        if (pthread_cond_timedwait(&pool->request_cond, &pool->lock, &end_time)) {
            break;
        }
    }
    pool->idle_threads--;

    elem = QSIMPLEQ_FIRST(&pool->requests);
    if (elem) {
        QSIMPLEQ_REMOVE_HEAD(&pool->requests, next);
        pool->queued--;
    }
    return elem;
}

static void *worker_thread(void *opaque)
{
    ThreadPool *pool = opaque;
    ThreadPoolElement *elem;

    pthread_mutex_lock(&pool->lock);
    while ((elem = wait_for_request(pool))) {
        pthread_mutex_unlock(&pool->lock);
        elem->ret = elem->func(elem->arg);
        pthread_mutex_lock(&pool->lock);

        QSIMPLEQ_INSERT_TAIL(&pool->done, elem, next);
        qemu_bh_schedule(pool->completion_bh);
    }
    if (--pool->threads == 0) {
        pthread_cond_signal(&pool->stopped_cond);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Under lock. Signals are for the threads that the program knows: workers block them all. */
static bool start_worker(ThreadPool *pool)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    int ret;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ret = pthread_create(&thread, &attr, worker_thread, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);

    pool->threads += ret == 0;
    return ret == 0;
}

/* ---- the home thread ----------------------------------------------------------------------- */

static void completion_bh_cb(void *opaque)
{
    ThreadPool *pool = opaque;
    ThreadPoolElement *elem;

    /* Once a coroutine is woken its element is gone, and it may have come to wait in a nested loop:
     * take them one at a time, and see to it that a nested loop comes here too. */
    pthread_mutex_lock(&pool->lock);
    while ((elem = QSIMPLEQ_FIRST(&pool->done))) {
        QSIMPLEQ_REMOVE_HEAD(&pool->done, next);
        if (!QSIMPLEQ_EMPTY(&pool->done)) {
            qemu_bh_schedule(pool->completion_bh);
        }
        pthread_mutex_unlock(&pool->lock);
        aio_co_wake(elem->co);
        pthread_mutex_lock(&pool->lock);
    }
    /* Workers schedule under the lock, so nothing that is done now goes unseen. */
    qemu_bh_cancel(pool->completion_bh);
    pthread_mutex_unlock(&pool->lock);
}

/* Under lock. Returns whether somebody will come for the request. */
static bool find_worker(ThreadPool *pool)
{
    if (pool->idle_threads >= pool->queued + 1) {
        pthread_cond_signal(&pool->request_cond);
        return true;
    }
    if (pool->threads < THREAD_POOL_MAX_THREADS && start_worker(pool)) {
        return true;
    }
    return pool->threads > 0;
}

int coroutine_fn thread_pool_submit_co(ThreadPool *pool, ThreadPoolFunc *func, void *arg)
{
    ThreadPoolElement elem = { .func = func, .arg = arg, .co = qemu_coroutine_self() };
    bool found;

    pthread_mutex_lock(&pool->lock);
    found = find_worker(pool);
    if (found) {
        QSIMPLEQ_INSERT_TAIL(&pool->requests, &elem, next);
        pool->queued++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!found) {
        return -EAGAIN;
    }

    qemu_coroutine_yield();
    return elem.ret;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void thread_pool_free(void *opaque)
{
    ThreadPool *pool = opaque;

    pthread_mutex_lock(&pool->lock);
    g_assert(QSIMPLEQ_EMPTY(&pool->requests) && QSIMPLEQ_EMPTY(&pool->done));
    pool->stopping = true;
    pthread_cond_broadcast(&pool->request_cond);
    while (pool->threads > 0) {
        pthread_cond_wait(&pool->stopped_cond, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);

    qemu_bh_delete(pool->completion_bh);
    pthread_cond_destroy(&pool->request_cond);
    pthread_cond_destroy(&pool->stopped_cond);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool);
}

static ThreadPool *thread_pool_new(AioContext *ctx)
{
    ThreadPool *pool = g_new0(ThreadPool, 1);
    pthread_condattr_t attr;

    pool->completion_bh = aio_bh_new(ctx, completion_bh_cb, pool);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->request_cond, &attr);
    pthread_condattr_destroy(&attr);
    pthread_cond_init(&pool->stopped_cond, NULL);
    QSIMPLEQ_INIT(&pool->requests);
    QSIMPLEQ_INIT(&pool->done);
    return pool;
}

ThreadPool *aio_get_thread_pool(AioContext *ctx)
{
    ThreadPool *pool = aio_context_get_slot(ctx, AIO_SLOT_THREAD_POOL);

    if (!pool) {
        pool = thread_pool_new(ctx);
        aio_context_set_slot(ctx, AIO_SLOT_THREAD_POOL, pool, thread_pool_free);
    }
    return pool;
}
