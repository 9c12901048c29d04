/*
 * The early path: a callback and an io_submit(2) per request, on the select(2) loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     fio                       here
 *     .queue(io_u)              early_bdrv_aio_readv() or writev(): one io_submit(2), issue time
 *     .commit                   nothing: there is no plug
 *     .getevents(min, max)      qemu_aio_wait() until min requests are done
 *     .event                    the next one that is done
 *
 * Syncs and trims are done when .queue returns: without coroutines and workers they block. What the
 * kernel refuses is also done then, with its error.
 */
#include "engine/engine.h"

/* ---- requests ------------------------------------------------------------------------------- */

/* From the block layer: the kernel took this request. */
static void early_submitted(void *opaque, void *request)
{
    struct qaio_data *qd = opaque;
    struct qaio_request *r = request;

    r->issued = true;
    qaio_issue_time(qd->td, &r->io_u->issue_time);
    if (fio_fill_issue_time(qd->td)) {
        io_u_queued(qd->td, r->io_u);
    }
    io_u_mark_submit(qd->td, 1);
}

static void early_complete(void *opaque, int ret)
{
    struct qaio_request *r = opaque;

    if (unlikely(!r->issued)) {
        early_submitted(r->qd, r); /* it waited for room, and then the kernel refused it */
    }
    qaio_done(r, ret);
}

/* @io_u was done here and now, or not at all. */
static enum fio_q_status early_completed(struct qaio_data *qd, struct io_u *io_u, int ret)
{
    io_u->error = -ret;
    qd->counters.failed += ret < 0;
    return FIO_Q_COMPLETED;
}

static enum fio_q_status early_start(struct qaio_data *qd, EarlyBDS *bs, struct io_u *io_u)
{
    struct qaio_request *r = io_u->engine_data;
    int ret;

    r->issued = false;
    qemu_iovec_init_buf(&r->qiov, io_u->xfer_buf, io_u->xfer_buflen);
    if (io_u->ddir == DDIR_READ) {
        ret = early_bdrv_aio_readv(bs, io_u->offset, &r->qiov, qd->complete, r);
    } else {
        ret = early_bdrv_aio_writev(bs, io_u->offset, &r->qiov, qd->complete, r);
    }
    if (unlikely(ret < 0)) {
        qaio_issue_time(qd->td, &io_u->issue_time);
        return early_completed(qd, io_u, ret);
    }
    qd->in_flight++;
    return FIO_Q_QUEUED;
}

static enum fio_q_status early_trim(struct qaio_data *qd, EarlyBDS *bs, struct io_u *io_u)
{
    qaio_issue_time(qd->td, &io_u->issue_time);
    io_u_mark_submit(qd->td, 1);
    io_u_mark_complete(qd->td, 1);
    return early_completed(qd, io_u, early_bdrv_discard(bs, io_u->offset, io_u->xfer_buflen));
}

static enum fio_q_status early_sync(struct qaio_data *qd, EarlyBDS *bs, struct io_u *io_u)
{
    qaio_issue_time(qd->td, &io_u->issue_time);
    return early_completed(qd, io_u, early_bdrv_flush(bs));
}

static enum fio_q_status early_queue(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_data *qd = td->io_ops_data;
    EarlyBDS *bs = FILE_ENG_DATA(io_u->file);
    bool zone_reset = io_u->ddir == DDIR_TRIM && td->o.zone_mode == ZONE_MODE_ZBD;

    fio_ro_check(td, io_u);
    qd->counters.requests[io_u->ddir]++;
    if (unlikely(zone_reset || io_u->ddir == DDIR_SYNC_FILE_RANGE)) {
        return qaio_do_it_fios_way(td, io_u);
    }
    switch (io_u->ddir) {
    case DDIR_READ:
    case DDIR_WRITE:
        return early_start(qd, bs, io_u);
    case DDIR_TRIM:
        return early_trim(qd, bs, io_u);
    default:
        return early_sync(qd, bs, io_u);
    }
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* fio asks whether there is such a hook to learn that we tell it of submissions. */
static int early_commit(struct thread_data *td fio_unused)
{
    return 0;
}

/* As on the default path: with iodepth_batch_complete_min=0 the minimum that fio passes is not to
 * be slept for. */
static int early_getevents(struct thread_data *td, unsigned int min, unsigned int max,
                           const struct timespec *t)
{
    struct qaio_data *qd = td->io_ops_data;
    bool blocking = td->o.iodepth_batch_complete_min != 0 && !t;

    if (min == 0 && qaio_ndone(qd) == 0) {
        early_loop_look(qd->early_loop);
    }
    while (qaio_ndone(qd) < min) {
        (blocking ? qemu_aio_wait : early_loop_look)(qd->early_loop);
    }
    return MIN(qaio_ndone(qd), max);
}

/* ---- a job's loop and files ------------------------------------------------------------------ */

static int early_start_loop(struct qaio_data *qd)
{
    Error *err = NULL;

    qd->early_loop = early_loop_new();
    qd->early_block = early_block_new(qd->early_loop, qd->options->max_events, &err);
    if (!qd->early_block) {
        log_err("qaio: qaio_loop=select, qaio_max_events=%u: %s\n", qd->options->max_events,
                error_get_pretty(err));
        error_free(err);
        early_loop_free(qd->early_loop);
        return -EAGAIN;
    }
    early_block_set_submitted_func(qd->early_block, early_submitted, qd);
    early_block_reserve(qd->early_block, qd->td->o.iodepth);
    return 0;
}

static void early_stop_loop(struct qaio_data *qd)
{
    early_block_free(qd->early_block);
    early_loop_free(qd->early_loop);
}

static void early_drain(struct qaio_data *qd)
{
    early_bdrv_drain_all(qd->early_block);
}

static void early_submit(struct qaio_data *qd fio_unused)
{
    /* each request was submitted when it was queued */
}

static void *early_open(struct qaio_data *qd, struct fio_file *f, int open_flags, Error **errp)
{
    return early_bdrv_open_fd(qd->early_block, f->file_name, f->fd, open_flags,
                              f->filetype == FIO_TYPE_FILE, qd->write_through, errp);
}

static void early_close(void *file, BdrvPaddingStats *padding fio_unused)
{
    early_bdrv_close(file);
}

static BlockDriverState *early_bs(void *file)
{
    return early_bdrv_node(file);
}

static const AioStats *early_aio_stats(struct qaio_data *qd)
{
    return early_block_get_stats(qd->early_block);
}

static uint64_t early_allocations(struct qaio_data *qd)
{
    return early_block_misses(qd->early_block);
}

static struct ioengine_ops early_hooks = {
    QAIO_COMMON_HOOKS,
    .queue = early_queue,
    .commit = early_commit,
    .getevents = early_getevents,
};

static struct ioengine_ops early_accounted_hooks = {
    QAIO_COMMON_HOOKS,
    .queue = qaio_accounted_queue,
    .commit = early_commit,
    .getevents = early_getevents,
};

const struct qaio_path_ops qaio_early_path = {
    .hooks = &early_hooks,
    .accounted_hooks = &early_accounted_hooks,
    .start = early_start_loop,
    .stop = early_stop_loop,
    .drain = early_drain,
    .complete = early_complete,
    .submit = early_submit,
    .open = early_open,
    .close = early_close,
    .bs = early_bs,
    .aio_stats = early_aio_stats,
    .allocations = early_allocations,
};
