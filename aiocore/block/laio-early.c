/*
 * Linux AIO with a callback per request, on the early loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     laio_early_submit ─▶ io_submit(2), one request ─▶ kernel ─▶ eventfd readable, select(2)
 * returns │                    ▲                              │ │ no room            │
 * io_process_queue:            ▼ └────▶ pending ──────┘ before the loop sleeps     io_getevents(2):
 * callbacks
 *
 * count is what io_flush goes by: from acceptance until the callback runs, waiting for room
 * included. Three things are better than they were then:
 *
 *   - A request that the kernel has no room for waits, where it failed. If that room is taken by
 *     others, and nothing of ours will wake the loop, a timer does, a little later.
 *   - A callback that turns the loop finds the completions that its caller has fetched and not
 *     delivered: seen is shared, and completion_bh makes the inner turn look there.
 *   - A request that fails tells why, not just that it did.
 */
#include "base/osdep.h"
#include <sys/timerfd.h>
#include "base/queue.h"
#include "block/laio-early.h"
#include "block/raw-aio.h"

/* How many completions are fetched at a time: as many as could be in flight, then. */
#define MAX_EVENTS 128

/* How long to leave a kernel without room alone: what an idle bottom half waits, elsewhere. */
#define RETRY_NS (10 * 1000 * 1000)

typedef struct LaioEarlyCB {
    BlockAIOCB common;
    struct iocb iocb;
    QEMUIOVector *qiov;
    int type;
    QSIMPLEQ_ENTRY(LaioEarlyCB) next; /* in pending */
} LaioEarlyCB;

static const AIOCBInfo laio_early_aiocb_info = { .aiocb_size = sizeof(LaioEarlyCB) };

struct LaioEarly {
    EarlyLoop *loop;
    io_context_t ctx;
    EventNotifier e;
    AIOCBPool *pool;
    unsigned max_events;

    unsigned count;     /* accepted, callback not run yet */
    unsigned in_flight; /* those of them that the kernel has */
    QSIMPLEQ_HEAD(, LaioEarlyCB) pending;
    int retry_fd; /* a timer, for pending when nothing is in flight */
    bool retry_armed;

    struct io_event events[MAX_EVENTS];
    struct io_event *seen; /* fetched and not delivered: seen[0 .. nseen) */
    unsigned nseen;
    EarlyBH *completion_bh;

    LaioEarlySubmittedFunc *submitted;
    void *submitted_opaque;
    AioStats stats;
};

/* ---- submission ----------------------------------------------------------------------------- */

/* Hand the request to the kernel. 0, -EAGAIN when there is no room, or why it will never be taken.
 */
static int laio_early_try(LaioEarly *s, LaioEarlyCB *laiocb)
{
    struct iocb *iocb = &laiocb->iocb;
    int ret;

    if (s->in_flight == s->max_events) {
        return -EAGAIN;
    }
    do {
        s->stats.submit_calls++;
        ret = io_submit(s->ctx, 1, &iocb);
    } while (unlikely(ret == -EINTR));

    if (likely(ret == 1)) {
        s->in_flight++;
        s->stats.batch[0]++;
        if (s->submitted) {
            s->submitted(s->submitted_opaque, laiocb->common.opaque);
        }
        return 0;
    }
    if (ret == 0 || ret == -EAGAIN) {
        s->stats.submit_again++;
        return -EAGAIN;
    }
    s->stats.submit_errors++;
    return ret;
}

static void laio_early_prepare(LaioEarly *s, LaioEarlyCB *laiocb, int fd, uint64_t offset,
                               BdrvRequestFlags flags)
{
    QEMUIOVector *qiov = laiocb->qiov;

    if (laiocb->type == QEMU_AIO_READ) {
        io_prep_preadv(&laiocb->iocb, fd, qiov->iov, qiov->niov, offset);
    } else {
        io_prep_pwritev(&laiocb->iocb, fd, qiov->iov, qiov->niov, offset);
    }
    if (flags & BDRV_REQ_FUA) {
        laiocb->iocb.aio_rw_flags |= RWF_DSYNC;
    }
    io_set_eventfd(&laiocb->iocb, event_notifier_get_fd(&s->e));
}

int laio_early_submit(LaioEarly *s, int fd, uint64_t offset, QEMUIOVector *qiov, int type,
                      BdrvRequestFlags flags, BlockCompletionFunc *cb, void *opaque)
{
    LaioEarlyCB *laiocb = qemu_aio_get(s->pool, cb, opaque);
    int ret;

    laiocb->qiov = qiov;
    laiocb->type = type;
    laio_early_prepare(s, laiocb, fd, offset, flags);

    /* Behind those that wait. */
    ret = likely(QSIMPLEQ_EMPTY(&s->pending)) ? laio_early_try(s, laiocb) : -EAGAIN;
    if (ret < 0 && ret != -EAGAIN) {
        qemu_aio_unref(s->pool, laiocb);
        return ret;
    }
    if (unlikely(ret == -EAGAIN)) {
        QSIMPLEQ_INSERT_TAIL(&s->pending, laiocb, next);
    }
    s->count++;
    return 0;
}

/* ---- completion ----------------------------------------------------------------------------- */

static void laio_early_complete(LaioEarly *s, LaioEarlyCB *laiocb, int ret)
{
    BlockCompletionFunc *cb = laiocb->common.cb;
    void *opaque = laiocb->common.opaque;

    s->count--;
    qemu_aio_unref(s->pool, laiocb);
    cb(opaque, ret);
}

/* What the request's submitter is told, given what the kernel said. */
static int laio_early_result(LaioEarlyCB *laiocb, ssize_t ret)
{
    QEMUIOVector *qiov = laiocb->qiov;

    if (likely(ret == (ssize_t)qiov->size) || ret < 0) {
        return ret < 0 ? (int)ret : 0;
    }
    if (laiocb->type != QEMU_AIO_READ) {
        return -EINVAL;
    }
    /* Past the end of the file, where there are zeroes. */
    qemu_iovec_memset(qiov, ret, 0, qiov->size - ret);
    return 0;
}

/* Fetch completions unless some are left. Returns whether there are any. */
static bool laio_early_fetch(LaioEarly *s)
{
    struct timespec no_wait = { 0 };
    int n;

    if (s->nseen) {
        return true;
    }
    if (!s->in_flight) {
        return false;
    }
    n = io_getevents(s->ctx, 0, MAX_EVENTS, s->events, &no_wait);
    s->seen = s->events;
    s->nseen = MAX(n, 0);
    return n > 0;
}

/* Deliver what has completed. Callbacks may come back here. */
static void qemu_laio_early_process_completions(LaioEarly *s)
{
    unsigned n = 0;

    while (laio_early_fetch(s)) {
        struct io_event *ev = s->seen++;
        LaioEarlyCB *laiocb = container_of(ev->obj, LaioEarlyCB, iocb);

        s->in_flight--;
        if (--s->nseen) {
            early_bh_schedule(s->completion_bh);
        }
        laio_early_complete(s, laiocb, laio_early_result(laiocb, (ssize_t)ev->res));
        n++;
    }
    early_bh_cancel(s->completion_bh);

    s->stats.completions += n;
    if (n) {
        aio_histogram_add(s->stats.completion_runs, n);
    }
}

/* ---- where the loop calls ------------------------------------------------------------------- */

static void laio_early_completion_bh(void *opaque)
{
    qemu_laio_early_process_completions(opaque);
}

/* What completes while callbacks run is taken as well, or the eventfd would end the next sleep. */
static void qemu_laio_early_completion_cb(void *opaque)
{
    LaioEarly *s = opaque;

    s->stats.eventfd_wakeups++;
    while (event_notifier_test_and_clear(&s->e)) {
        qemu_laio_early_process_completions(s);
    }
}

static bool qemu_laio_early_flush_cb(void *opaque)
{
    LaioEarly *s = opaque;

    return s->count > 0;
}

static void laio_early_arm_retry(LaioEarly *s)
{
    const struct itimerspec soon = { .it_value.tv_nsec = RETRY_NS };

    if (!s->retry_armed) {
        s->retry_armed = timerfd_settime(s->retry_fd, 0, &soon, NULL) == 0;
    }
}

/* Those that wait for room. */
static bool laio_early_process_queue(void *opaque)
{
    LaioEarly *s = opaque;
    LaioEarlyCB *laiocb;
    bool progress = false;

    while ((laiocb = QSIMPLEQ_FIRST(&s->pending))) {
        int ret = laio_early_try(s, laiocb);

        if (ret == -EAGAIN) {
            break;
        }
        QSIMPLEQ_REMOVE_HEAD(&s->pending, next);
        progress = true;
        if (ret < 0) {
            laio_early_complete(s, laiocb, ret);
        }
    }
    if (!QSIMPLEQ_EMPTY(&s->pending) && !s->in_flight) {
        laio_early_arm_retry(s);
    }
    return progress;
}

static void laio_early_retry_cb(void *opaque)
{
    LaioEarly *s = opaque;
    uint64_t expirations;

    /* The turn that ends here was enough; the next one looks at the queue. */
    s->retry_armed = read(s->retry_fd, &expirations, sizeof(expirations)) < 0;
}

static bool laio_early_retry_flush_cb(void *opaque)
{
    LaioEarly *s = opaque;

    return s->retry_armed;
}

/* ---- observers ------------------------------------------------------------------------------ */

unsigned laio_early_count(LaioEarly *s)
{
    return s->count;
}

void laio_early_set_submitted_func(LaioEarly *s, LaioEarlySubmittedFunc *fn, void *opaque)
{
    s->submitted = fn;
    s->submitted_opaque = opaque;
}

void laio_early_reserve(LaioEarly *s, unsigned n)
{
    aiocb_pool_reserve(s->pool, n);
}

uint64_t laio_early_misses(LaioEarly *s)
{
    return aiocb_pool_misses(s->pool);
}

const AioStats *laio_early_get_stats(LaioEarly *s)
{
    return &s->stats;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void laio_early_unwatch(LaioEarly *s, int fd)
{
    qemu_aio_set_fd_handler(s->loop, fd, NULL, NULL, NULL, NULL, NULL, &error_abort);
}

static bool laio_early_watch(LaioEarly *s, Error **errp)
{
    int fd = event_notifier_get_fd(&s->e);

    if (!qemu_aio_set_fd_handler(s->loop, fd, qemu_laio_early_completion_cb, NULL,
                                 qemu_laio_early_flush_cb, laio_early_process_queue, s, errp)) {
        return false;
    }
    if (!qemu_aio_set_fd_handler(s->loop, s->retry_fd, laio_early_retry_cb, NULL,
                                 laio_early_retry_flush_cb, NULL, s, errp)) {
        laio_early_unwatch(s, fd);
        return false;
    }
    return true;
}

static bool laio_early_open_fds(LaioEarly *s, Error **errp)
{
    int ret = event_notifier_init(&s->e, false);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "cannot make the notifier for Linux AIO");
        return false;
    }
    s->retry_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (s->retry_fd < 0) {
        error_setg_errno(errp, errno, "cannot make the timer for Linux AIO");
        event_notifier_cleanup(&s->e);
        return false;
    }
    return true;
}

static void laio_early_close_fds(LaioEarly *s)
{
    event_notifier_cleanup(&s->e);
    close(s->retry_fd);
}

LaioEarly *laio_early_new(EarlyLoop *loop, unsigned max_events, Error **errp)
{
    LaioEarly *s = g_new0(LaioEarly, 1);

    s->loop = loop;
    s->max_events = max_events;
    QSIMPLEQ_INIT(&s->pending);
    if (!laio_early_open_fds(s, errp)) {
        goto fail;
    }
    if (laio_setup_context(max_events, &s->ctx, errp) < 0) {
        goto fail_fds;
    }
    if (!laio_early_watch(s, errp)) {
        goto fail_ctx;
    }
    s->pool = aiocb_pool_new(&laio_early_aiocb_info);
    s->completion_bh = early_bh_new(loop, laio_early_completion_bh, s);
    return s;

fail_ctx:
    io_destroy(s->ctx);
fail_fds:
    laio_early_close_fds(s);
fail:
    g_free(s);
    return NULL;
}

void laio_early_free(LaioEarly *s)
{
    g_assert(s->count == 0);
    laio_early_unwatch(s, event_notifier_get_fd(&s->e));
    laio_early_unwatch(s, s->retry_fd);
    early_bh_delete(s->completion_bh);
    io_destroy(s->ctx);
    laio_early_close_fds(s);
    aiocb_pool_free(s->pool);
    g_free(s);
}
