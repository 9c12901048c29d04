/*
 * The default path: requests through BlockBackend, coroutine and linux-aio's queue, on aio_poll().
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     fio                       here
 *     .queue(io_u)              the first since commit: blk_io_plug(); blk_aio_preadv() and so on
 *     .commit                   blk_io_unplug(): one io_submit(2) for what was queued; issue times
 *     .getevents(min, max)      aio_poll() until min requests are done
 *     .event                    the next one that is done
 *
 * The job's thread is the home thread of the job's AioContext: everything here runs in it, and the
 * callbacks that aio_poll() makes, too.
 *
 * An io_u is unissued from .queue until the kernel has it (linux-aio tells, after each io_submit)
 * or a worker. That moment is fio's issue time: what came before is submission latency, what comes
 * after is completion latency, as with fio's own libaio engine. With throttling it is .commit, so
 * that waiting for the limits is on one side of it for all requests.
 */
#include "engine/engine.h"
#include "loop/main-loop.h"

/* ---- issue times ---------------------------------------------------------------------------- */

/* Tell fio that @r is on its way. @now is not looked at when fio wants no issue times. */
static void qaio_issued(struct qaio_request *r, const struct timespec *now)
{
    struct thread_data *td = r->qd->td;

    QTAILQ_REMOVE(&r->qd->unissued, r, next);
    r->issued = true;
    if (fio_fill_issue_time(td)) {
        r->io_u->issue_time = *now;
        io_u_queued(td, r->io_u);
    }
}

/*
 * The kernel took what @co waits for. Whether that is news: not for what is none of our requests,
 * such as a blk_flush(), nor for the next part of one that goes in several.
 */
static inline bool qaio_submitted(struct qaio_data *qd, Coroutine *co, const struct timespec *now)
{
    BlockAIOCB *acb = blk_aio_of_coroutine(co);
    struct qaio_request *r = acb && acb->cb == qd->complete ? acb->opaque : NULL;

    if (unlikely(!r || r->issued)) {
        return false;
    }
    qaio_issued(r, now);
    return true;
}

/* The kernel took a batch of @n requests, for which the coroutines nth(@batch, 0) and so on wait.
 */
static QAIO_ALWAYS_INLINE void batch_submitted(struct qaio_data *qd, const void *batch, unsigned n,
                                               Coroutine *(*nth)(const void *batch, unsigned i))
{
    unsigned news = n;
    struct timespec now;

    qaio_issue_time(qd->td, &now);
    for (unsigned i = 0; i < n; i++) {
        if (unlikely(!qaio_submitted(qd, nth(batch, i), &now))) {
            news--;
        }
    }
    if (likely(news)) {
        io_u_mark_submit(qd->td, news);
    }
}

static inline Coroutine *nth_of_iocbs(const void *batch, unsigned i)
{
    return laio_iocb_coroutine(((struct iocb *const *)batch)[i]);
}

static void laio_submitted(void *opaque, struct iocb **iocbs, int n)
{
    batch_submitted(opaque, iocbs, n, nth_of_iocbs);
}

static inline Coroutine *nth_of_coroutines(const void *batch, unsigned i)
{
    return ((Coroutine *const *)batch)[i];
}

static void luring_submitted(void *opaque, Coroutine *const *cos, unsigned n)
{
    batch_submitted(opaque, cos, n, nth_of_coroutines);
}

/* All that was queued and is not in the kernel's queue has gone to workers, or waits for limits. */
static QAIO_NOINLINE void qaio_issue_rest(struct qaio_data *qd)
{
    struct qaio_request *r, *next;
    struct timespec now;
    unsigned n = 0;

    qaio_issue_time(qd->td, &now);
    QTAILQ_FOREACH_SAFE (r, &qd->unissued, next, next) {
        qaio_issued(r, &now);
        n++;
    }
    io_u_mark_submit(qd->td, n);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* The kernel never had it, or a worker took it while the queue was blocked. */
static QAIO_COLD void qaio_issue_late(struct qaio_request *r)
{
    struct timespec now;

    qaio_issue_time(r->qd->td, &now);
    qaio_issued(r, &now);
}

static void qaio_complete(void *opaque, int ret)
{
    struct qaio_request *r = opaque;

    if (unlikely(!r->issued)) {
        qaio_issue_late(r);
    }
    qaio_done(r, ret);
}

static void qaio_start_trim(BlockBackend *blk, struct qaio_request *r)
{
    struct qaio_data *qd = r->qd;
    struct io_u *io_u = r->io_u;

    if (qd->options->trim == QAIO_TRIM_ZEROES) {
        blk_aio_pwrite_zeroes(blk, io_u->offset, io_u->xfer_buflen, BDRV_REQ_MAY_UNMAP,
                              qd->complete, r);
    } else {
        blk_aio_pdiscard(blk, io_u->offset, io_u->xfer_buflen, qd->complete, r);
    }
}

static void qaio_start(struct qaio_data *qd, BlockBackend *blk, struct io_u *io_u)
{
    struct qaio_request *r = io_u->engine_data;

    if (!qd->plugged) {
        blk_io_plug(blk);
        qd->plugged = blk;
    }
    r->issued = false;
    qd->in_flight++;
    QTAILQ_INSERT_TAIL(&qd->unissued, r, next);
    qemu_iovec_init_buf(&r->qiov, io_u->xfer_buf, io_u->xfer_buflen);

    switch (io_u->ddir) {
    case DDIR_READ:
        blk_aio_preadv(blk, io_u->offset, &r->qiov, 0, qd->complete, r);
        break;
    case DDIR_WRITE:
        blk_aio_pwritev(blk, io_u->offset, &r->qiov, 0, qd->complete, r);
        break;
    case DDIR_TRIM:
        qaio_start_trim(blk, r);
        break;
    default:
        blk_aio_flush(blk, qd->complete, r);
        break;
    }
}

/*
 * A barrier: what is in flight on the file first, then the flush, all before we return. What has
 * not been submitted yet fio must commit before.
 */
static QAIO_COLD enum fio_q_status qaio_sync_now(struct qaio_data *qd, BlockBackend *blk,
                                                 struct io_u *io_u)
{
    if (qd->plugged) {
        return FIO_Q_BUSY;
    }
    qaio_issue_time(qd->td, &io_u->issue_time);
    blk_drain(blk);
    io_u->error = -blk_flush(blk);
    qd->counters.failed += io_u->error != 0;
    return FIO_Q_COMPLETED;
}

/*
 * A trim among reads and writes, which fio expects to be done before the next request to the same
 * place: we return when it is. Only a job of nothing but trims has them in flight at the same time.
 */
static QAIO_COLD enum fio_q_status qaio_trim_now(struct qaio_data *qd, BlockBackend *blk,
                                                 struct io_u *io_u)
{
    if (qd->plugged) {
        return FIO_Q_BUSY;
    }
    qaio_issue_time(qd->td, &io_u->issue_time);
    io_u->error =
        -(qd->options->trim == QAIO_TRIM_ZEROES
              ? blk_pwrite_zeroes(blk, io_u->offset, io_u->xfer_buflen, BDRV_REQ_MAY_UNMAP)
              : blk_pdiscard(blk, io_u->offset, io_u->xfer_buflen));
    io_u_mark_submit(qd->td, 1);
    io_u_mark_complete(qd->td, 1);
    qd->counters.failed += io_u->error != 0;
    return FIO_Q_COMPLETED;
}

static enum fio_q_status qaio_queue_by_kind(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_data *qd = td->io_ops_data;
    BlockBackend *blk = FILE_ENG_DATA(io_u->file);
    bool zone_reset = io_u->ddir == DDIR_TRIM && td->o.zone_mode == ZONE_MODE_ZBD;

    if (unlikely(zone_reset || io_u->ddir == DDIR_SYNC_FILE_RANGE)) {
        return qd->plugged ? FIO_Q_BUSY : qaio_do_it_fios_way(td, io_u);
    }
    if (!QAIO_ASYNC_SYNC && unlikely(ddir_sync(io_u->ddir))) {
        return qaio_sync_now(qd, blk, io_u);
    }
    if (unlikely(io_u->ddir == DDIR_TRIM && (td_read(td) || td_write(td)))) {
        return qaio_trim_now(qd, blk, io_u);
    }
    qaio_start(qd, blk, io_u);
    return FIO_Q_QUEUED;
}

static enum fio_q_status qaio_blk_queue(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_data *qd = td->io_ops_data;
    enum fio_q_status status;

    fio_ro_check(td, io_u);
    status = qaio_queue_by_kind(td, io_u);
    if (likely(status != FIO_Q_BUSY)) {
        qd->counters.requests[io_u->ddir]++;
    }
    return status;
}

/* Whether the kernel has not taken all yet that goes there. */
static bool kernel_queue_waits(const struct qaio_data *qd)
{
    return (qd->laio && laio_queued(qd->laio)) || (qd->luring && luring_queued(qd->luring));
}

static void qaio_submit(struct qaio_data *qd)
{
    if (!qd->plugged) {
        return;
    }
    blk_io_unplug(qd->plugged);
    qd->plugged = NULL;
    if (!QTAILQ_EMPTY(&qd->unissued) && (qd->throttled || !kernel_queue_waits(qd))) {
        qaio_issue_rest(qd);
    }
}

static int qaio_blk_commit(struct thread_data *td)
{
    qaio_submit(td->io_ops_data);
    return 0;
}

/*
 * With iodepth_batch_complete_min=0 fio asks for one event all the same, and means: do not sleep
 * for it. Without a minimum one look is all. @turn is known where this is called, and called
 * directly.
 */
static QAIO_ALWAYS_INLINE int getevents(struct thread_data *td, unsigned min, unsigned max,
                                        const struct timespec *t,
                                        void (*turn)(struct qaio_data *qd, bool blocking))
{
    struct qaio_data *qd = td->io_ops_data;
    bool blocking = td->o.iodepth_batch_complete_min != 0 && !t;

    if (min == 0 && qaio_ndone(qd) == 0) {
        turn(qd, false);
    }
    while (qaio_ndone(qd) < min) {
        turn(qd, blocking);
    }
    return MIN(qaio_ndone(qd), max);
}

static inline void turn_aio_poll(struct qaio_data *qd, bool blocking)
{
    aio_poll(qd->ctx, blocking);
}

static int qaio_blk_getevents(struct thread_data *td, unsigned int min, unsigned int max,
                              const struct timespec *t)
{
    return getevents(td, min, max, t, turn_aio_poll);
}

static inline void turn_main_loop(struct qaio_data *qd fio_unused, bool blocking)
{
    main_loop_wait(!blocking);
}

static int qaio_main_loop_getevents(struct thread_data *td, unsigned int min, unsigned int max,
                                    const struct timespec *t)
{
    return getevents(td, min, max, t, turn_main_loop);
}

/* ---- a job's loop and files ------------------------------------------------------------------ */

static uint64_t qaio_blk_allocations(struct qaio_data *qd)
{
    return qaio_context_allocations(qd->ctx);
}

/* Have the ways into the kernel tell of what it took. */
static void watch_submissions(struct qaio_data *qd)
{
    qd->laio = aio_get_linux_aio(qd->ctx);
    qd->luring = aio_get_linux_io_uring(qd->ctx);
    if (qd->laio) {
        laio_set_submitted_func(qd->laio, laio_submitted, qd);
    }
    if (qd->luring) {
        luring_set_submitted_func(qd->luring, luring_submitted, qd);
    }
}

static int qaio_blk_start(struct qaio_data *qd)
{
    int ret = qaio_loop_start(qd);

    if (ret < 0) {
        return ret;
    }
    watch_submissions(qd);
    return 0;
}

static void qaio_blk_drain(struct qaio_data *qd)
{
    qaio_submit(qd);
    bdrv_drain_all(qd->ctx);
    g_assert(qd->in_flight == 0);
}

static const AioStats *qaio_blk_aio_stats(struct qaio_data *qd)
{
    return qaio_context_aio_stats(qd->ctx);
}

static void *qaio_blk_open(struct qaio_data *qd, struct fio_file *f, int open_flags, Error **errp)
{
    BlockBackend *blk = qaio_open_backend(qd, f, open_flags, errp);

    if (blk) {
        blk_set_allow_write_beyond_eof(blk, f->filetype == FIO_TYPE_FILE);
    }
    return blk;
}

static BlockDriverState *qaio_blk_bs(void *file)
{
    return blk_bs(file);
}

static void qaio_blk_close(void *file, BdrvPaddingStats *padding)
{
    blk_drain(file);
    qaio_add_padding(padding, blk_bs(file));
    blk_unref(file);
}

static struct ioengine_ops blk_hooks = {
    QAIO_COMMON_HOOKS,
    .queue = qaio_blk_queue,
    .commit = qaio_blk_commit,
    .getevents = qaio_blk_getevents,
};

static struct ioengine_ops blk_accounted_hooks = {
    QAIO_COMMON_HOOKS,
    .queue = qaio_accounted_queue,
    .commit = qaio_blk_commit,
    .getevents = qaio_blk_getevents,
};

#define BLK_PATH_FUNCTIONS                                                       \
    .start = qaio_blk_start, .stop = qaio_loop_stop, .drain = qaio_blk_drain,    \
    .complete = qaio_complete, .submit = qaio_submit, .open = qaio_blk_open,     \
    .close = qaio_blk_close, .bs = qaio_blk_bs, .aio_stats = qaio_blk_aio_stats, \
    .allocations = qaio_blk_allocations

const struct qaio_path_ops qaio_blk_path = { .hooks = &blk_hooks,
                                             .accounted_hooks = &blk_accounted_hooks,
                                             BLK_PATH_FUNCTIONS };

static struct ioengine_ops main_loop_hooks = {
    QAIO_COMMON_HOOKS,
    .queue = qaio_blk_queue,
    .commit = qaio_blk_commit,
    .getevents = qaio_main_loop_getevents,
};

static struct ioengine_ops main_loop_accounted_hooks = {
    QAIO_COMMON_HOOKS,
    .queue = qaio_accounted_queue,
    .commit = qaio_blk_commit,
    .getevents = qaio_main_loop_getevents,
};

const struct qaio_path_ops qaio_main_loop_path = { .hooks = &main_loop_hooks,
                                                   .accounted_hooks = &main_loop_accounted_hooks,
                                                   BLK_PATH_FUNCTIONS };
