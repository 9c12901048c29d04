/*
 * ThreadPool: workers for what would block the event loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     home thread                     worker                               home thread
 *     submit: queue, go on ──▶ takes it, runs func, puts it on done, ──▶ completion_bh: wakes the
 *                              schedules completion_bh                   coroutine or calls back
 *
 *                 worker takes it           func returned
 *     THREAD_QUEUED ──────────▶ THREAD_ACTIVE ──────────▶ THREAD_DONE ──▶ completion_bh
 *           ╰───────────────────────────────────────────────▲
 *                       cancelled: -ECANCELED
 *
 * An element lives on the stack of the coroutine that waits for it, or in the request with the
 * callback.
 */
#include "base/osdep.h"
#include <pthread.h>
#include <time.h>
#include "base/queue.h"
#include "base/thread.h"
#include "block/thread-pool.h"

#define IDLE_SECONDS 10

enum ThreadState {
    THREAD_QUEUED,
    THREAD_ACTIVE,
    THREAD_DONE,
};

typedef struct ThreadPoolElement {
    ThreadPoolFunc *func;
    void *arg;
    int ret;
    enum ThreadState state;               /* under lock */
    Coroutine *co;                        /* who waits; NULL: a ThreadPoolAIOCB's element */
    QTAILQ_ENTRY(ThreadPoolElement) next; /* in requests, then in done */
} ThreadPoolElement;

typedef struct ThreadPoolAIOCB {
    BlockAIOCB common;
    ThreadPool *pool;
    ThreadPoolElement elem;
} ThreadPoolAIOCB;

typedef QTAILQ_HEAD(, ThreadPoolElement) ElementList;

struct ThreadPool {
    AioContext *ctx;
    QEMUBH *completion_bh;
    AIOCBPool *acbs;        /* home thread */
    ElementList completing; /* taken off done, not completed yet; home thread */

    pthread_mutex_t lock; /* protects everything below */
    pthread_cond_t
        request_cond; /* a request came, there are too many threads, or stopping was set */
    pthread_cond_t stopped_cond; /* the last thread left */
    ElementList requests;        /* waiting for a worker */
    ElementList done;            /* waiting for completion_bh */
    unsigned queued;             /* length of requests */
    unsigned threads;
    unsigned idle_threads;
    unsigned starting_threads; /* that have not come to look for a request yet */
    unsigned min_threads;
    unsigned max_threads;
    bool stopping;
};

/* ---- workers ------------------------------------------------------------------------------- */

/* Under lock. */
static bool worker_must_leave(ThreadPool *pool)
{
    return pool->stopping || pool->threads > pool->max_threads;
}

/* Under lock. NULL: there is none. */
static ThreadPoolElement *take_request(ThreadPool *pool)
{
    ThreadPoolElement *elem = QTAILQ_FIRST(&pool->requests);

    if (elem) {
        QTAILQ_REMOVE(&pool->requests, elem, next);
        pool->queued--;
        elem->state = THREAD_ACTIVE;
    }
    return elem;
}

/* Under lock. False when time passed in vain, and the worker is not one of those that stay. */
static bool sleep_until_something_comes(ThreadPool *pool)
{
    struct timespec end_time;
    bool timed_out;

    clock_gettime(CLOCK_MONOTONIC, &end_time);
    end_time.tv_sec += IDLE_SECONDS;
    pool->idle_threads++;
    timed_out = pthread_cond_timedwait(&pool->request_cond, &pool->lock, &end_time) != 0;
    pool->idle_threads--;
    return !timed_out || pool->threads <= pool->min_threads;
}

/* Under lock. The next request; NULL when the worker is to leave. */
static ThreadPoolElement *wait_for_request(ThreadPool *pool)
{
    ThreadPoolElement *elem;
    bool stay = true;

    while (!worker_must_leave(pool)) {
        elem = take_request(pool);
        if (elem || !stay) {
            return elem;
        }
        stay = sleep_until_something_comes(pool);
    }
    return NULL;
}

/* Under lock, which orders what func did before completion_bh, which the caller schedules then. */
static void element_done(ThreadPool *pool, ThreadPoolElement *elem, int ret)
{
    elem->ret = ret;
    elem->state = THREAD_DONE;
    QTAILQ_INSERT_TAIL(&pool->done, elem, next);
}

/*
 * Run @elem. Returns the next one, if there is one at once. Nobody is woken while we hold the lock:
 * he would run into it.
 */
static ThreadPoolElement *run_request(ThreadPool *pool, ThreadPoolElement *elem)
{
    int ret = elem->func(elem->arg);

    pthread_mutex_lock(&pool->lock);
    element_done(pool, elem, ret);
    elem = worker_must_leave(pool) ? NULL : take_request(pool);
    pthread_mutex_unlock(&pool->lock);
    qemu_bh_schedule(pool->completion_bh);
    return elem;
}

/* Under lock. What woke this one may have been meant for one that goes on. */
static void worker_leaves(ThreadPool *pool)
{
    if (pool->queued) {
        pthread_cond_signal(&pool->request_cond);
    }
    if (--pool->threads == 0) {
        pthread_cond_signal(&pool->stopped_cond);
    }
}

static void *worker_thread(void *opaque)
{
    ThreadPool *pool = opaque;
    ThreadPoolElement *elem;

    pthread_mutex_lock(&pool->lock);
    pool->starting_threads--;
    while ((elem = wait_for_request(pool))) {
        pthread_mutex_unlock(&pool->lock);
        while (elem) {
            elem = run_request(pool, elem);
        }
        pthread_mutex_lock(&pool->lock);
    }
    worker_leaves(pool);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Under lock. */
static bool start_worker(ThreadPool *pool)
{
    pthread_attr_t attr;
    pthread_t thread;
    int ret;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    ret = thread_create_quiet(&thread, &attr, worker_thread, pool);
    pthread_attr_destroy(&attr);

    pool->threads += ret == 0;
    pool->starting_threads += ret == 0;
    return ret == 0;
}

/* ---- completion ---------------------------------------------------------------------------- */

/* The element is gone when this returns. */
static void element_complete(ThreadPoolElement *elem)
{
    ThreadPoolAIOCB *acb;
    BlockCompletionFunc *cb;
    void *opaque;
    int ret = elem->ret;

    if (elem->co) {
        aio_co_wake(elem->co);
        return;
    }
    acb = container_of(elem, ThreadPoolAIOCB, elem);
    cb = acb->common.cb;
    opaque = acb->common.opaque;
    qemu_aio_unref(acb->pool->acbs, acb);
    if (cb) {
        cb(opaque, ret);
    }
}

/* The next that is done; NULL, and completion_bh not due any more, if there is none. */
static ThreadPoolElement *take_done(ThreadPool *pool)
{
    ThreadPoolElement *elem;

    if (QTAILQ_EMPTY(&pool->completing)) {
        pthread_mutex_lock(&pool->lock);
        QTAILQ_CONCAT(&pool->completing, &pool->done, next);
        if (QTAILQ_EMPTY(&pool->completing)) {
            /* Workers schedule after they have put theirs on done: what comes now does not go
             * unseen. */
            qemu_bh_cancel(pool->completion_bh);
        }
        pthread_mutex_unlock(&pool->lock);
    }
    elem = QTAILQ_FIRST(&pool->completing);
    if (elem) {
        QTAILQ_REMOVE(&pool->completing, elem, next);
    }
    return elem;
}

static void completion_bh_cb(void *opaque)
{
    ThreadPool *pool = opaque;
    ThreadPoolElement *elem;

    /* Once it is completed an element is gone, and whoever was told may have come to wait in a
     * nested loop: take them one at a time, and see to it that a nested loop comes here too. */
    while ((elem = take_done(pool))) {
        if (!QTAILQ_EMPTY(&pool->completing)) {
            qemu_bh_schedule(pool->completion_bh);
        }
        element_complete(elem);
    }
}

/* ---- submission ---------------------------------------------------------------------------- */

/* Under lock. Returns whether somebody will come for the request; *@wake: he has to be woken. */
static bool find_worker(ThreadPool *pool, bool *wake)
{
    bool enough = pool->idle_threads + pool->starting_threads > pool->queued;

    *wake = enough && pool->idle_threads;
    if (enough || (pool->threads < pool->max_threads && start_worker(pool))) {
        return true;
    }
    return pool->threads > 0;
}

/* False, with nothing done, if not a single worker can be started. */
static bool element_submit(ThreadPool *pool, ThreadPoolElement *elem)
{
    bool found, wake;

    pthread_mutex_lock(&pool->lock);
    found = find_worker(pool, &wake);
    if (found) {
        QTAILQ_INSERT_TAIL(&pool->requests, elem, next);
        pool->queued++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (wake) {
        pthread_cond_signal(&pool->request_cond);
    }
    return found;
}

int coroutine_fn thread_pool_submit_co(ThreadPool *pool, ThreadPoolFunc *func, void *arg)
{
    ThreadPoolElement elem = { .func = func, .arg = arg, .co = qemu_coroutine_self() };

    if (!element_submit(pool, &elem)) {
        return -EAGAIN;
    }
    qemu_coroutine_yield();
    return elem.ret;
}

static AioContext *thread_pool_get_aio_context(BlockAIOCB *acb)
{
    return container_of(acb, ThreadPoolAIOCB, common)->pool->ctx;
}

static void thread_pool_cancel(BlockAIOCB *common)
{
    ThreadPoolAIOCB *acb = container_of(common, ThreadPoolAIOCB, common);
    ThreadPool *pool = acb->pool;

    pthread_mutex_lock(&pool->lock);
    if (acb->elem.state == THREAD_QUEUED) {
        QTAILQ_REMOVE(&pool->requests, &acb->elem, next);
        pool->queued--;
        element_done(pool, &acb->elem, -ECANCELED);
        qemu_bh_schedule(pool->completion_bh);
    }
    pthread_mutex_unlock(&pool->lock);
}

static const AIOCBInfo thread_pool_aiocb_info = {
    .aiocb_size = sizeof(ThreadPoolAIOCB),
    .get_aio_context = thread_pool_get_aio_context,
    .cancel_async = thread_pool_cancel,
};

BlockAIOCB *thread_pool_submit_aio(ThreadPool *pool, ThreadPoolFunc *func, void *arg,
                                   BlockCompletionFunc *cb, void *opaque)
{
    ThreadPoolAIOCB *acb = qemu_aio_get(pool->acbs, cb, opaque);

    acb->pool = pool;
    acb->elem = (ThreadPoolElement){ .func = func, .arg = arg };
    if (!element_submit(pool, &acb->elem)) {
        pthread_mutex_lock(&pool->lock);
        element_done(pool, &acb->elem, -EAGAIN);
        pthread_mutex_unlock(&pool->lock);
        qemu_bh_schedule(pool->completion_bh);
    }
    return &acb->common;
}

void thread_pool_submit(ThreadPool *pool, ThreadPoolFunc *func, void *arg)
{
    thread_pool_submit_aio(pool, func, arg, NULL, NULL);
}

/* ---- life ---------------------------------------------------------------------------------- */

bool thread_pool_set_params(ThreadPool *pool, int64_t min, int64_t max, Error **errp)
{
    if (min < 0 || max < 1 || min > max || max > INT_MAX) {
        error_setg(errp, "a thread pool has at least 1 thread at most, and not more at least than "
                         "at most");
        return false;
    }
    pthread_mutex_lock(&pool->lock);
    pool->min_threads = min;
    pool->max_threads = max;
    while (pool->threads < pool->min_threads && start_worker(pool)) {
        /* Those that cannot be started now are tried again when there is work. */
    }
    pthread_cond_broadcast(&pool->request_cond);
    pthread_mutex_unlock(&pool->lock);
    return true;
}

ThreadPool *thread_pool_new(AioContext *ctx)
{
    ThreadPool *pool = g_new0(ThreadPool, 1);
    pthread_condattr_t attr;

    pool->ctx = ctx;
    pool->completion_bh = aio_bh_new(ctx, completion_bh_cb, pool);
    pool->acbs = aiocb_pool_new(&thread_pool_aiocb_info);
    pool->max_threads = THREAD_POOL_MAX_THREADS;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->request_cond, &attr);
    pthread_condattr_destroy(&attr);
    pthread_cond_init(&pool->stopped_cond, NULL);
    QTAILQ_INIT(&pool->completing);
    QTAILQ_INIT(&pool->requests);
    QTAILQ_INIT(&pool->done);
    return pool;
}

void thread_pool_free(ThreadPool *pool)
{
    pthread_mutex_lock(&pool->lock);
    g_assert(QTAILQ_EMPTY(&pool->requests) && QTAILQ_EMPTY(&pool->done) &&
             QTAILQ_EMPTY(&pool->completing));
    pool->stopping = true;
    pthread_cond_broadcast(&pool->request_cond);
    while (pool->threads > 0) {
        pthread_cond_wait(&pool->stopped_cond, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);

    qemu_bh_delete(pool->completion_bh);
    aiocb_pool_free(pool->acbs);
    pthread_cond_destroy(&pool->request_cond);
    pthread_cond_destroy(&pool->stopped_cond);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool);
}

static void context_pool_destroy(void *opaque)
{
    thread_pool_free(opaque);
}

ThreadPool *aio_get_thread_pool(AioContext *ctx)
{
    ThreadPool *pool = aio_context_get_slot(ctx, AIO_SLOT_THREAD_POOL);

    if (!pool) {
        pool = thread_pool_new(ctx);
        aio_context_set_slot(ctx, AIO_SLOT_THREAD_POOL, pool, context_pool_destroy);
    }
    return pool;
}
