/*
 * The fio engine: fio's hooks mapped on QEMU's submission path.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     fio                       here
 *     .queue(io_u)              blk_io_plug() the first time since commit; blk_aio_preadv() or the
 * like .commit                   blk_io_unplug(): one io_submit(2) for what was queued; issue times
 *     .getevents(min, max)      aio_poll() until min requests are done
 *     .event                    the next one that is done
 *
 * The job's thread is the home thread of the job's AioContext: everything here runs in it, and the
 * callbacks that aio_poll() makes, too.
 *
 * An io_u is unissued from .queue until the kernel has it (linux-aio tells, after each io_submit)
 * or a worker. That moment is fio's issue time: what came before is submission latency, what comes
 * after is completion latency, as with fio's own libaio engine.
 */
#include "engine/engine.h"
#include "engine/version-guard.h"

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

static void qaio_issue_time(struct thread_data *td, struct timespec *now)
{
    if (fio_fill_issue_time(td)) {
        fio_gettime(now, NULL);
        if (td->o.read_iolog_file) {
            td->last_issue = *now;
        }
    }
}

static void qaio_complete(void *opaque, int ret);

/* The request of ours that an iocb belongs to; NULL for others, such as those of blk_flush(). */
static struct qaio_request *request_of_iocb(struct iocb *iocb)
{
    BlockAIOCB *acb = blk_aio_of_coroutine(laio_iocb_coroutine(iocb));

    return acb && acb->cb == qaio_complete ? acb->opaque : NULL;
}

/* From linux-aio: the kernel took this batch. */
static void qaio_submitted(void *opaque, struct iocb **iocbs, int n)
{
    struct qaio_data *qd = opaque;
    struct timespec now;

    qaio_issue_time(qd->td, &now);
    for (int i = 0; i < n; i++) {
        struct qaio_request *r = request_of_iocb(iocbs[i]);

        if (likely(r && !r->issued)) {
            qaio_issued(r, &now);
        }
    }
    io_u_mark_submit(qd->td, n);
}

/* All that was queued and is not in linux-aio's queue has gone to workers. */
static void qaio_issue_rest(struct qaio_data *qd)
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

static void qaio_complete(void *opaque, int ret)
{
    struct qaio_request *r = opaque;
    struct qaio_data *qd = r->qd;

    if (unlikely(!r->issued)) {
        /* The kernel never had it, or a worker took it while the queue was blocked. */
        struct timespec now;

        qaio_issue_time(qd->td, &now);
        qaio_issued(r, &now);
    }
    r->io_u->error = -ret;
    qd->in_flight--;
    qd->counters.failed += ret < 0;
    qd->done[qd->done_tail++ & qd->done_mask] = r->io_u;
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
        blk_aio_preadv(blk, io_u->offset, &r->qiov, 0, qaio_complete, r);
        break;
    case DDIR_WRITE:
        blk_aio_pwritev(blk, io_u->offset, &r->qiov, 0, qaio_complete, r);
        break;
    case DDIR_TRIM:
        blk_aio_pdiscard(blk, io_u->offset, io_u->xfer_buflen, qaio_complete, r);
        break;
    default:
        blk_aio_flush(blk, qaio_complete, r);
        break;
    }
}

/*
 * A barrier: what is in flight on the file first, then the flush, all before we return. What has
 * not been submitted yet fio must commit before.
 */
static enum fio_q_status qaio_sync_now(struct qaio_data *qd, BlockBackend *blk, struct io_u *io_u)
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
static enum fio_q_status qaio_trim_now(struct qaio_data *qd, BlockBackend *blk, struct io_u *io_u)
{
    if (qd->plugged) {
        return FIO_Q_BUSY;
    }
    qaio_issue_time(qd->td, &io_u->issue_time);
    io_u->error = -blk_pdiscard(blk, io_u->offset, io_u->xfer_buflen);
    io_u_mark_submit(qd->td, 1);
    io_u_mark_complete(qd->td, 1);
    qd->counters.failed += io_u->error != 0;
    return FIO_Q_COMPLETED;
}

/* For what QEMU's block layer has no request for, fio's own way: the system call, here and now. */
static enum fio_q_status qaio_do_it_fios_way(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_data *qd = td->io_ops_data;

    if (qd->plugged) {
        return FIO_Q_BUSY;
    }
    qaio_issue_time(td, &io_u->issue_time);
    if (io_u->ddir == DDIR_TRIM) {
        do_io_u_trim(td, io_u);
        io_u_mark_submit(td, 1);
        io_u_mark_complete(td, 1);
    } else {
        do_io_u_sync(td, io_u);
    }
    qd->counters.failed += io_u->error != 0;
    return FIO_Q_COMPLETED;
}

static enum fio_q_status qaio_queue_by_kind(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_data *qd = td->io_ops_data;
    BlockBackend *blk = FILE_ENG_DATA(io_u->file);
    bool zone_reset = io_u->ddir == DDIR_TRIM && td->o.zone_mode == ZONE_MODE_ZBD;

    if (unlikely(zone_reset || io_u->ddir == DDIR_SYNC_FILE_RANGE)) {
        return qaio_do_it_fios_way(td, io_u);
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

static enum fio_q_status qaio_queue(struct thread_data *td, struct io_u *io_u)
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

void qaio_submit(struct qaio_data *qd)
{
    if (!qd->plugged) {
        return;
    }
    blk_io_unplug(qd->plugged);
    qd->plugged = NULL;
    if (!QTAILQ_EMPTY(&qd->unissued) && !(qd->laio && laio_queued(qd->laio))) {
        qaio_issue_rest(qd);
    }
}

static int qaio_commit(struct thread_data *td)
{
    qaio_submit(td->io_ops_data);
    return 0;
}

static unsigned qaio_ndone(const struct qaio_data *qd)
{
    return qd->done_tail - qd->done_head;
}

/*
 * With iodepth_batch_complete_min=0 fio asks for one event all the same, and means: do not sleep
 * for it. Without a minimum one look is all.
 */
static int qaio_getevents(struct thread_data *td, unsigned int min, unsigned int max,
                          const struct timespec *t)
{
    struct qaio_data *qd = td->io_ops_data;
    bool blocking = td->o.iodepth_batch_complete_min != 0 && !t;

    if (min == 0 && qaio_ndone(qd) == 0) {
        aio_poll(qd->ctx, false);
    }
    while (qaio_ndone(qd) < min) {
        aio_poll(qd->ctx, blocking);
    }
    return MIN(qaio_ndone(qd), max);
}

static struct io_u *qaio_event(struct thread_data *td, int event fio_unused)
{
    struct qaio_data *qd = td->io_ops_data;

    return qd->done[qd->done_head++ & qd->done_mask];
}

/* ---- a job's life --------------------------------------------------------------------------- */

static int qaio_init(struct thread_data *td)
{
    struct qaio_data *qd;

    /* Before td is touched; the second comparison catches layouts that moved under one version. */
    if (!qaio_fio_matches()) {
        return 1;
    }
    if (td->io_ops != &qaio_ioengine) {
        log_err(
            "qaio: this fio's structures are not those of the %s that libqaio.so was built with: "
            "rebuild with ./configure --with-fio=DIR of the running fio's own source\n",
            QAIO_FIO_VERSION);
        return 1;
    }

    qd = g_new0(struct qaio_data, 1);
    qd->td = td;
    qd->options = td->eo;
    qd->stats_fd = -1;
    qd->backends = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)blk_unref, NULL);
    qd->requests = qemu_memalign(64, td->o.iodepth * sizeof(*qd->requests));
    QTAILQ_INIT(&qd->unissued);
    td->io_ops_data = qd;
    return 0;
}

/* The requests are ours and not the io_us': fio forgets io_us that are in flight when a job breaks
 * off. */
static int qaio_io_u_init(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_data *qd = td->io_ops_data;
    struct qaio_request *r = &qd->requests[qd->nrequests++];

    *r = (struct qaio_request){ .io_u = io_u, .qd = qd };
    io_u->engine_data = r;
    return 0;
}

uint64_t qaio_allocations(struct qaio_data *qd)
{
    CoroutinePoolStats coroutines;

    qemu_coroutine_pool_stats(&coroutines);
    return coroutines.created + blk_aio_misses(qd->ctx);
}

/* Have a coroutine and a block at hand for every io_u, and one for a flush, before the clock runs.
 */
static void qaio_warm_up(struct qaio_data *qd)
{
    unsigned n = qd->td->o.iodepth + 1;

    blk_reserve(qd->ctx, n);
    qemu_coroutine_inc_pool_size(n);
    qemu_coroutine_pool_reserve(n);
    qd->counters.allocations_at_start = qaio_allocations(qd);
}

static int qaio_start_laio(struct qaio_data *qd)
{
    unsigned max_events = qd->options->max_events;
    Error *err = NULL;

    qd->laio = aio_setup_linux_aio(qd->ctx, max_events, &err);
    if (!qd->laio) {
        log_err("qaio: qaio_max_events=%u: %s\n", max_events, error_get_pretty(err));
        error_free(err);
        return -EAGAIN;
    }
    laio_set_submitted_func(qd->laio, qaio_submitted, qd);
    return 0;
}

/* The job's event loop, with linux-aio if the job uses it. 0 or -errno, with one line in the log.
 */
static int qaio_start_loop(struct qaio_data *qd)
{
    Error *err = NULL;
    int ret;

    qd->ctx = aio_context_new(&err);
    if (!qd->ctx) {
        log_err("qaio: %s\n", error_get_pretty(err));
        error_free(err);
        return -EMFILE;
    }
    qemu_set_current_aio_context(qd->ctx);
    aio_context_set_aio_params(qd->ctx, qd->options->max_batch);
    aio_context_set_poll_params(qd->ctx, qd->options->poll_max_ns, qd->options->poll_grow,
                                qd->options->poll_shrink, &error_abort);
    ret = qaio_apply_fdmon(qd);
    return ret == 0 && qd->open_flags & BDRV_O_NATIVE_AIO ? qaio_start_laio(qd) : ret;
}

static int qaio_stats_error(struct qaio_data *qd, int ret)
{
    if (ret < 0) {
        log_err("qaio: qaio_stats=%s cannot be written: %s\n", qd->options->stats, strerror(-ret));
        td_verror(qd->td, -ret, "qaio_stats");
    }
    return ret;
}

/* Not in .init, whose failure fio explains with a guess about the depth. */
static int qaio_post_init(struct thread_data *td)
{
    struct qaio_data *qd = td->io_ops_data;
    unsigned slots = 1;
    int ret = qaio_apply_options(qd);

    ret = ret ?: qaio_stats_error(qd, qaio_open_stats(qd));
    ret = ret ?: qaio_start_loop(qd);
    if (ret < 0) {
        td_verror(td, -ret, "qaio_post_init");
        return 1;
    }

    while (slots < td->o.iodepth) {
        slots *= 2;
    }
    qd->done = g_new(struct io_u *, slots);
    qd->done_mask = slots - 1;
    qaio_warm_up(qd);
    return 0;
}

/*
 * fio may leave requests behind, queued or in flight, and with them their files open: when a replay
 * ends, for one. Nothing may come for them any more once we are gone.
 */
static void qaio_settle(struct qaio_data *qd)
{
    qaio_submit(qd);
    while (qd->in_flight > 0) {
        aio_poll(qd->ctx, true);
    }
    g_hash_table_remove_all(qd->backends);
}

static void qaio_stop_loop(struct qaio_data *qd)
{
    qaio_settle(qd);
    if (qd->done) {
        qaio_stats_error(qd, qaio_write_stats(qd));
        qemu_coroutine_dec_pool_size(qd->td->o.iodepth + 1);
    }
    qemu_set_current_aio_context(NULL);
    aio_context_unref(qd->ctx);
}

static void qaio_cleanup(struct thread_data *td)
{
    struct qaio_data *qd = td->io_ops_data;

    if (!qd) {
        return;
    }
    if (qd->ctx) {
        qaio_stop_loop(qd);
    }
    if (qd->stats_fd >= 0) {
        close(qd->stats_fd); /* the job never began */
    }
    g_hash_table_unref(qd->backends);
    qemu_vfree(qd->requests);
    g_free(qd->done);
    g_free(qd);
}

struct ioengine_ops qaio_ioengine = {
    .name = "qaio",
    .version = FIO_IOOPS_VERSION,
    .flags = FIO_ASYNCIO_SETS_ISSUE_TIME | FIO_NO_OFFLOAD,
    .init = qaio_init,
    .post_init = qaio_post_init,
    .io_u_init = qaio_io_u_init,
    .queue = qaio_queue,
    .commit = qaio_commit,
    .getevents = qaio_getevents,
    .event = qaio_event,
    .cleanup = qaio_cleanup,
    .open_file = qaio_open_file,
    .close_file = qaio_close_file,
    .get_file_size = qaio_get_file_size,
    .options = qaio_option_table,
    .option_struct_size = sizeof(struct qaio_options),
};

/* What fio looks up. An ops table that is NULL is how to tell a fio that it must not go on. */
__attribute__((visibility("default"))) void get_ioengine(struct ioengine_ops **ops);

void get_ioengine(struct ioengine_ops **ops)
{
    *ops = qaio_fio_matches() ? &qaio_ioengine : NULL;
}
