/*
 * io_uring as a backend of coroutines.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *      luring_co_submit                                           coroutine goes on
 *           │                                                            ▲
 *           ▼                 ioq_submit                                 │
 *        pending ─────────────────────────────▶ in flight ──────────▶ completed
 *        (in_queue)    io_uring_enter(2): batch  (in_flight)     completion ring
 *           ▲                                                            │
 *           ╰──────────── read that got less than it wanted, EINTR, EAGAIN
 *
 * When the queue is submitted is aio-queue.h's to say. The ring's descriptor is readable as long as
 * there are completions, so that there is no eventfd to be cleared.
 */
#include "base/osdep.h"
#include "block/io_uring.h"

#ifdef HAVE_LIBURING

#include <liburing.h>
#include <sys/uio.h>
#include "block/aio-queue.h"
#include "block/raw-aio.h"

/* One request. On the stack of the coroutine that waits for it. */
typedef struct LuringAIOCB {
    Coroutine *co;
    QEMUIOVector *qiov;
    int fd;
    int type;
    BdrvRequestFlags flags;
    uint64_t offset;
    ssize_t ret; /* -EINPROGRESS until it is done */

    size_t total_read;      /* of a read in parts: what is there */
    QEMUIOVector rest_qiov; /* ... and where the rest goes, if total_read */
    QSIMPLEQ_ENTRY(LuringAIOCB) next;
} LuringAIOCB;

struct LuringState {
    AioContext *aio_context;
    struct io_uring ring;
    AioQueue io_q;
    QSIMPLEQ_HEAD(, LuringAIOCB) pending;
    unsigned prepared; /* in the submission ring, and not taken yet: the first of pending */
    Coroutine **batch; /* max_events of them, for submitted */

    QEMUBH *completion_bh;

    AioSubmittedFunc *submitted;
    void *submitted_opaque;
    AioStats stats;
};

/* ---- completion ---------------------------------------------------------------------------- */

static void ioq_submit(LuringState *s);

/* Once more, behind the others. */
static void luring_resubmit(LuringState *s, LuringAIOCB *luringcb)
{
    QSIMPLEQ_INSERT_TAIL(&s->pending, luringcb, next);
    s->io_q.in_queue++;
}

static void luring_resubmit_short_read(LuringState *s, LuringAIOCB *luringcb, size_t nread)
{
    if (luringcb->total_read) {
        qemu_iovec_destroy(&luringcb->rest_qiov);
    }
    luringcb->total_read += nread;
    qemu_iovec_init_slice(&luringcb->rest_qiov, luringcb->qiov, luringcb->total_read,
                          luringcb->qiov->size - luringcb->total_read);
    luring_resubmit(s, luringcb);
}

/* What the request's submitter is told, given what the kernel said in the end. */
static int luring_result(LuringAIOCB *luringcb, int ret)
{
    size_t total;

    if (ret < 0 || !luringcb->qiov) {
        return ret;
    }
    total = luringcb->total_read + ret;
    if (total == luringcb->qiov->size) {
        return 0;
    }
    if (luringcb->type != QEMU_AIO_READ) {
        return -ENOSPC;
    }
    /* Past the end of the file, where there are zeroes. */
    qemu_iovec_memset(luringcb->qiov, total, 0, luringcb->qiov->size - total);
    return 0;
}

static void luring_finish(LuringAIOCB *luringcb, int ret)
{
    luringcb->ret = luring_result(luringcb, ret);
    if (luringcb->total_read) {
        qemu_iovec_destroy(&luringcb->rest_qiov);
    }

    /* One that is still entered is on its way out of luring_co_submit, and looks at ret there. */
    if (!qemu_coroutine_entered(luringcb->co)) {
        aio_co_wake(luringcb->co);
    }
}

static void luring_process_completion(LuringState *s, LuringAIOCB *luringcb, int ret)
{
    if (unlikely(ret == -EINTR || ret == -EAGAIN)) {
        luring_resubmit(s, luringcb);
    } else if (unlikely(ret > 0 && luringcb->type == QEMU_AIO_READ &&
                        luringcb->total_read + ret < luringcb->qiov->size)) {
        luring_resubmit_short_read(s, luringcb, ret);
    } else {
        luring_finish(luringcb, ret);
    }
}

/* Take one completion. The counters move one by one, for nested loops to see a state that is true.
 */
static bool luring_take(LuringState *s, LuringAIOCB **luringcb, int *ret)
{
    struct io_uring_cqe *cqe;

    s->stats.ring_polls++;
    if (io_uring_peek_cqe(&s->ring, &cqe) < 0 || !cqe) {
        s->stats.ring_polls_empty++;
        return false;
    }
    *luringcb = io_uring_cqe_get_data(cqe);
    *ret = cqe->res;
    io_uring_cqe_seen(&s->ring, cqe);
    s->io_q.in_flight--;
    return true;
}

/* Finish all requests that have completed. Nested runs, from callbacks, are welcome. */
static void luring_process_completions(LuringState *s)
{
    LuringAIOCB *luringcb;
    unsigned n = 0;
    int ret;

    s->io_q.completion_depth++;
    while (luring_take(s, &luringcb, &ret)) {
        if (io_uring_cq_ready(&s->ring)) {
            /* A callback that waits in a nested loop must find the rest there. */
            qemu_bh_schedule(s->completion_bh);
        }
        luring_process_completion(s, luringcb, ret);
        n++;
    }
    s->io_q.completion_depth--;
    qemu_bh_cancel(s->completion_bh);

    s->stats.completions += n;
    if (n) {
        aio_histogram_add(s->stats.completion_runs, n);
    }
}

static void luring_process_completions_and_submit(LuringState *s)
{
    luring_process_completions(s);
    if (aio_queue_unblock(&s->io_q)) {
        ioq_submit(s);
    }
}

/* ---- where the loop calls ------------------------------------------------------------------ */

static void qemu_luring_completion_bh(void *opaque)
{
    luring_process_completions_and_submit(opaque);
}

static void qemu_luring_completion_cb(void *opaque)
{
    LuringState *s = opaque;

    s->stats.eventfd_wakeups++;
    luring_process_completions_and_submit(s);
}

/* The kernel finishes requests when we enter it; it says if there are some that wait for that. */
static bool luring_look(LuringState *s)
{
    if (!io_uring_cq_ready(&s->ring) &&
        IO_URING_READ_ONCE(*s->ring.sq.kflags) & IORING_SQ_TASKRUN) {
        io_uring_get_events(&s->ring);
    }
    return io_uring_cq_ready(&s->ring);
}

static bool qemu_luring_poll_cb(void *opaque)
{
    LuringState *s = opaque;

    return s->io_q.in_flight && luring_look(s);
}

static void qemu_luring_poll_ready(void *opaque)
{
    luring_process_completions_and_submit(opaque);
}

/* ---- submission ---------------------------------------------------------------------------- */

static void luring_prep_rw(struct io_uring_sqe *sqe, LuringAIOCB *luringcb)
{
    QEMUIOVector *qiov = luringcb->total_read ? &luringcb->rest_qiov : luringcb->qiov;
    uint64_t offset = luringcb->offset + luringcb->total_read;
    struct iovec *iov = qiov->iov;

    if (luringcb->type == QEMU_AIO_READ) {
        if (likely(qiov->niov == 1)) {
            io_uring_prep_read(sqe, luringcb->fd, iov->iov_base, iov->iov_len, offset);
        } else {
            io_uring_prep_readv(sqe, luringcb->fd, iov, qiov->niov, offset);
        }
    } else if (likely(qiov->niov == 1)) {
        io_uring_prep_write(sqe, luringcb->fd, iov->iov_base, iov->iov_len, offset);
    } else {
        io_uring_prep_writev(sqe, luringcb->fd, iov, qiov->niov, offset);
    }
    if (luringcb->flags & BDRV_REQ_FUA) {
        sqe->rw_flags = RWF_DSYNC;
    }
}

static void luring_prep(struct io_uring_sqe *sqe, LuringAIOCB *luringcb)
{
    if (luringcb->type == QEMU_AIO_FLUSH) {
        io_uring_prep_fsync(sqe, luringcb->fd, IORING_FSYNC_DATASYNC);
    } else {
        luring_prep_rw(sqe, luringcb);
    }
    io_uring_sqe_set_data(sqe, luringcb);
}

/* Fill the submission ring with those of pending that are not in it yet and may go in flight. */
static void ioq_prepare(LuringState *s)
{
    unsigned room = s->io_q.max_events - s->io_q.in_flight;
    struct io_uring_sqe *sqe;
    LuringAIOCB *luringcb;
    unsigned i = 0;

    QSIMPLEQ_FOREACH (luringcb, &s->pending, next) {
        if (i++ < s->prepared) {
            continue;
        }
        sqe = s->prepared < room ? io_uring_get_sqe(&s->ring) : NULL;
        if (!sqe) {
            break;
        }
        luring_prep(sqe, luringcb);
        s->prepared++;
    }
}

/* The kernel took the first @n of pending. */
static void ioq_accept(LuringState *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        s->batch[i] = QSIMPLEQ_FIRST(&s->pending)->co;
        QSIMPLEQ_REMOVE_HEAD(&s->pending, next);
    }
    s->prepared -= n;
    aio_queue_accept(&s->io_q, n);
    aio_histogram_add(s->stats.batch, n);
    if (s->submitted) {
        s->submitted(s->submitted_opaque, s->batch, n);
    }
}

/*
 * The kernel takes none at the moment, for want of memory or of room for completions. What is wrong
 * with a request is told by its completion, so there is none to blame. If something of ours is in
 * flight, its completion submits the rest; else we ask again in a while.
 */
static void ioq_wait_for_room(LuringState *s)
{
    s->stats.submit_again++;
    if (!s->io_q.in_flight) {
        qemu_bh_schedule_idle(s->completion_bh);
    }
}

/* One call of io_uring_enter. Returns whether another may get further. */
static bool ioq_submit_batch(void *opaque)
{
    LuringState *s = opaque;
    int ret;

    ioq_prepare(s);
    if (!s->prepared) {
        return false;
    }
    s->stats.submit_calls++;
    ret = io_uring_submit(&s->ring);
    if (likely(ret > 0)) {
        ioq_accept(s, ret);
    } else if (ret != -EINTR) {
        ioq_wait_for_room(s);
        return false;
    }
    return true;
}

static void ioq_submit(LuringState *s)
{
    aio_queue_submit(&s->io_q, ioq_submit_batch, s);
}

/* Submit, or leave it to whoever is at it already; completion_bh is for callbacks that wait. */
static void ioq_kick(LuringState *s)
{
    if (aio_queue_is_served(&s->io_q)) {
        qemu_bh_schedule(s->completion_bh);
    } else {
        ioq_submit(s);
    }
}

int coroutine_fn luring_co_submit(LuringState *s, int fd, uint64_t offset, QEMUIOVector *qiov,
                                  int type, BdrvRequestFlags flags)
{
    LuringAIOCB luringcb = {
        .co = qemu_coroutine_self(),
        .qiov = qiov,
        .fd = fd,
        .type = type,
        .flags = flags,
        .offset = offset,
        .ret = -EINPROGRESS,
    };

    QSIMPLEQ_INSERT_TAIL(&s->pending, &luringcb, next);
    if (aio_queue_add(&s->io_q, s->aio_context, 0)) {
        ioq_kick(s);
    }
    if (luringcb.ret == -EINPROGRESS) {
        qemu_coroutine_yield();
    }
    return luringcb.ret;
}

void luring_io_plug(LuringState *s)
{
    s->io_q.plugged++;
}

void luring_io_unplug(LuringState *s)
{
    if (aio_queue_unplug(&s->io_q)) {
        ioq_kick(s);
    }
}

unsigned luring_queued(LuringState *s)
{
    return s->io_q.in_queue;
}

void luring_set_defer(LuringState *s, bool defer)
{
    s->io_q.defer = defer;
}

/* ---- observers ----------------------------------------------------------------------------- */

void luring_set_submitted_func(LuringState *s, AioSubmittedFunc *fn, void *opaque)
{
    s->submitted = fn;
    s->submitted_opaque = opaque;
}

const AioStats *luring_get_stats(LuringState *s)
{
    return &s->stats;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void luring_cleanup(void *opaque)
{
    LuringState *s = opaque;

    g_assert(s->io_q.in_queue == 0 && s->io_q.in_flight == 0);
    aio_set_fd_handler(s->aio_context, s->ring.ring_fd, false, NULL, NULL, NULL, NULL, NULL);
    qemu_bh_delete(s->completion_bh);
    io_uring_queue_exit(&s->ring);
    g_free(s->batch);
    g_free(s);
}

/*
 * The kernel need not interrupt the thread for each completion: it will come by soon enough, to
 * submit or to sleep. Kernels before 5.19 do not know that flag.
 */
static int luring_init_ring(struct io_uring *ring, unsigned entries)
{
    int ret =
        io_uring_queue_init(entries, ring, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);

    return ret == -EINVAL ? io_uring_queue_init(entries, ring, 0) : ret;
}

LuringState *aio_setup_linux_io_uring(AioContext *ctx, unsigned max_events, Error **errp)
{
    LuringState *s = g_new0(LuringState, 1);
    int ret;

    s->aio_context = ctx;
    s->io_q.max_events = MIN(max_events, LURING_MAX_ENTRIES);
    s->io_q.defer = true;
    ret = luring_init_ring(&s->ring, s->io_q.max_events);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "the kernel gives us no io_uring for %u requests",
                         s->io_q.max_events);
        g_free(s);
        return NULL;
    }
    s->batch = g_new(Coroutine *, s->io_q.max_events);
    QSIMPLEQ_INIT(&s->pending);
    s->completion_bh = aio_bh_new(ctx, qemu_luring_completion_bh, s);
    aio_set_fd_handler(ctx, s->ring.ring_fd, false, qemu_luring_completion_cb, NULL,
                       qemu_luring_poll_cb, qemu_luring_poll_ready, s);
    aio_context_set_slot(ctx, AIO_SLOT_IO_URING, s, luring_cleanup);
    return s;
}

LuringState *aio_get_linux_io_uring(AioContext *ctx)
{
    return aio_context_get_slot(ctx, AIO_SLOT_IO_URING);
}

#else /* !HAVE_LIBURING: there never is a state, so nothing else is ever called */

LuringState *aio_setup_linux_io_uring(AioContext *ctx G_GNUC_UNUSED,
                                      unsigned max_events G_GNUC_UNUSED, Error **errp)
{
    error_setg(errp,
               "this build has no io_uring: install liburing (Debian: liburing-dev) and build "
               "anew");
    return NULL;
}

LuringState *aio_get_linux_io_uring(AioContext *ctx G_GNUC_UNUSED)
{
    return NULL;
}

int coroutine_fn luring_co_submit(LuringState *s G_GNUC_UNUSED, int fd G_GNUC_UNUSED,
                                  uint64_t offset G_GNUC_UNUSED, QEMUIOVector *qiov G_GNUC_UNUSED,
                                  int type G_GNUC_UNUSED, BdrvRequestFlags flags G_GNUC_UNUSED)
{
    return -ENOSYS;
}

void luring_io_plug(LuringState *s G_GNUC_UNUSED)
{
}

void luring_io_unplug(LuringState *s G_GNUC_UNUSED)
{
}

unsigned luring_queued(LuringState *s G_GNUC_UNUSED)
{
    return 0;
}

void luring_set_defer(LuringState *s G_GNUC_UNUSED, bool defer G_GNUC_UNUSED)
{
}

void luring_set_submitted_func(LuringState *s G_GNUC_UNUSED, AioSubmittedFunc *fn G_GNUC_UNUSED,
                               void *opaque G_GNUC_UNUSED)
{
}

const AioStats *luring_get_stats(LuringState *s G_GNUC_UNUSED)
{
    return NULL;
}

#endif
