/*
 * The path of qaio_frontend=virtio: fio is a guest's driver, and a virtio-blk device is between it
 * and the block layer.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     fio                       here
 *     .queue(io_u)              a chain of header, buffer and status into the disk's virtqueue
 *     .commit                   shown to the device, with a kick if it wants one; issue times
 *     .getevents(min, max)      the used rings, until min are done; in between
 *                                 without IOThread: aio_poll(), in which the device runs
 *                                 with: asleep until the device interrupts
 *     .event                    the next one that is done
 *
 * A chain for which the ring has no room is FIO_Q_BUSY: fio commits, reaps, and comes again.
 */
#include "engine/virtio-disk.h"

/* ---- requests ------------------------------------------------------------------------------- */

static inline struct virtio_request *guest_request(struct qaio_request *r)
{
    return &r->qd->virtio->requests[r - r->qd->requests];
}

static QAIO_COLD bool add_trim(struct virtio_disk *disk, struct virtio_request *vr,
                               struct io_u *io_u)
{
    bool zeroes = disk->v->qd->options->trim == QAIO_TRIM_ZEROES;

    vr->hdr.type = zeroes ? VIRTIO_BLK_T_WRITE_ZEROES : VIRTIO_BLK_T_DISCARD;
    vr->hdr.sector = 0;
    vr->range.sector = io_u->offset >> BDRV_SECTOR_BITS;
    vr->range.num_sectors = io_u->xfer_buflen >> BDRV_SECTOR_BITS;
    vr->range.flags = zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
    return virtio_disk_add(disk, vr, &vr->range, sizeof(vr->range), true);
}

static bool add_flush(struct virtio_disk *disk, struct virtio_request *vr)
{
    vr->hdr.type = VIRTIO_BLK_T_FLUSH;
    vr->hdr.sector = 0;
    return virtio_disk_add(disk, vr, NULL, 0, false);
}

static bool add_request(struct virtio_disk *disk, struct virtio_request *vr, struct io_u *io_u)
{
    switch (io_u->ddir) {
    case DDIR_READ:
    case DDIR_WRITE:
        vr->hdr.type = io_u->ddir == DDIR_WRITE ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
        vr->hdr.sector = io_u->offset >> BDRV_SECTOR_BITS;
        return virtio_disk_add(disk, vr, io_u->xfer_buf, io_u->xfer_buflen,
                               io_u->ddir == DDIR_WRITE);
    case DDIR_TRIM:
        return add_trim(disk, vr, io_u);
    default:
        return add_flush(disk, vr);
    }
}

/* ---- those that are done when .queue returns ------------------------------------------------- */

/* Until @vr, which nobody else waits for, is done. 0 or -errno. */
static int run_now(struct qaio_virtio *v, struct virtio_request *vr)
{
    virtio_kick(v);
    while (virtio_harvest(v), !vr->done) {
        if (!virtio_wait(v, true)) {
            return -EIO;
        }
    }
    return virtio_result(vr);
}

static enum fio_q_status completed_now(struct qaio_data *qd, struct io_u *io_u, int ret)
{
    io_u->error = -ret;
    qd->counters.failed += ret < 0;
    return FIO_Q_COMPLETED;
}

static int drain_disk(struct virtio_disk *disk)
{
    while (virtio_harvest(disk->v), disk->in_flight > 0) {
        if (!virtio_wait(disk->v, true)) {
            return -EIO;
        }
    }
    return 0;
}

/* A barrier, as on the default path: what is in flight on the file first, then the flush. */
static QAIO_COLD enum fio_q_status sync_now(struct qaio_virtio *v, struct virtio_disk *disk,
                                            struct io_u *io_u)
{
    struct virtio_request *vr = &v->requests[v->qd->nrequests];
    int ret;

    if (v->nbatch) {
        return FIO_Q_BUSY;
    }
    qaio_issue_time(v->qd->td, &io_u->issue_time);
    ret = drain_disk(disk);
    if (ret == 0) {
        vr->done = false;
        vr->r = NULL;
        add_flush(disk, vr); /* there is room in the ring, which is empty */
        ret = run_now(v, vr);
    }
    return completed_now(v->qd, io_u, ret);
}

/* A trim among reads and writes, as on the default path. */
static QAIO_COLD enum fio_q_status trim_now(struct qaio_virtio *v, struct virtio_disk *disk,
                                            struct io_u *io_u)
{
    struct virtio_request *vr = &v->requests[v->qd->nrequests];

    if (v->nbatch) {
        return FIO_Q_BUSY;
    }
    vr->done = false;
    vr->r = NULL;
    if (!add_trim(disk, vr, io_u)) {
        virtio_kick(v); /* of nothing: the next one tries the next queue */
        return FIO_Q_BUSY;
    }
    qaio_issue_time(v->qd->td, &io_u->issue_time);
    io_u_mark_submit(v->qd->td, 1);
    io_u_mark_complete(v->qd->td, 1);
    return completed_now(v->qd, io_u, run_now(v, vr));
}

/* ---- fio's hooks ---------------------------------------------------------------------------- */

static QAIO_COLD enum fio_q_status queue_other(struct qaio_virtio *v, struct virtio_disk *disk,
                                               struct io_u *io_u, bool *done)
{
    struct thread_data *td = v->qd->td;
    bool zone_reset = io_u->ddir == DDIR_TRIM && td->o.zone_mode == ZONE_MODE_ZBD;

    *done = true;
    if (v->failed) {
        return completed_now(v->qd, io_u, -EIO);
    }
    if (zone_reset || io_u->ddir == DDIR_SYNC_FILE_RANGE) {
        return v->nbatch ? FIO_Q_BUSY : qaio_do_it_fios_way(td, io_u);
    }
    if (!QAIO_ASYNC_SYNC && ddir_sync(io_u->ddir)) {
        return sync_now(v, disk, io_u);
    }
    if (io_u->ddir == DDIR_TRIM && (td_read(td) || td_write(td))) {
        return trim_now(v, disk, io_u);
    }
    *done = false;
    return FIO_Q_QUEUED;
}

static enum fio_q_status virtio_queue(struct thread_data *td, struct io_u *io_u)
{
    struct qaio_data *qd = td->io_ops_data;
    struct virtio_disk *disk = FILE_ENG_DATA(io_u->file);
    struct qaio_request *r = io_u->engine_data;
    struct qaio_virtio *v = qd->virtio;
    enum fio_q_status status;
    bool done;

    fio_ro_check(td, io_u);
    if (unlikely(v->failed || (io_u->ddir != DDIR_READ && io_u->ddir != DDIR_WRITE))) {
        status = queue_other(v, disk, io_u, &done);
        if (done) {
            qd->counters.requests[io_u->ddir] += status != FIO_Q_BUSY;
            return status;
        }
    }
    if (unlikely(!add_request(disk, guest_request(r), io_u))) {
        return FIO_Q_BUSY;
    }
    v->batch[v->nbatch++] = r;
    qd->in_flight++;
    qd->counters.requests[io_u->ddir]++;
    return FIO_Q_QUEUED;
}

/* All of the batch are on their way. */
static void issued(struct qaio_virtio *v)
{
    struct thread_data *td = v->qd->td;
    struct timespec now;

    qaio_issue_time(td, &now);
    if (fio_fill_issue_time(td)) {
        for (unsigned i = 0; i < v->nbatch; i++) {
            struct io_u *io_u = v->batch[i]->io_u;

            io_u->issue_time = now;
            io_u_queued(td, io_u);
        }
    }
    io_u_mark_submit(td, v->nbatch);
    v->nbatch = 0;
}

static void virtio_submit(struct qaio_data *qd)
{
    struct qaio_virtio *v = qd->virtio;

    if (!QSLIST_EMPTY(&v->to_kick)) {
        virtio_kick(v);
    }
    if (v->nbatch) {
        issued(v);
    }
}

static int virtio_commit(struct thread_data *td)
{
    virtio_submit(td->io_ops_data);
    return 0;
}

/* See the default path's about iodepth_batch_complete_min=0. */
static int virtio_getevents(struct thread_data *td, unsigned int min, unsigned int max,
                            const struct timespec *t)
{
    struct qaio_data *qd = td->io_ops_data;
    struct qaio_virtio *v = qd->virtio;
    bool blocking = td->o.iodepth_batch_complete_min != 0 && !t;

    if (min == 0 && qaio_ndone(qd) == 0) {
        virtio_harvest(v);
        if (qaio_ndone(qd) == 0 && virtio_wait(v, false)) {
            virtio_harvest(v);
        }
    }
    while (qaio_ndone(qd) < min) {
        virtio_harvest(v);
        if (qaio_ndone(qd) < min && !virtio_wait(v, blocking)) {
            return -v->failed;
        }
    }
    return MIN(qaio_ndone(qd), max);
}

/* ---- the path ------------------------------------------------------------------------------- */

static int start_loops(struct qaio_virtio *v)
{
    struct qaio_data *qd = v->qd;
    int ret;

    if (!qd->options->iothread) {
        return qaio_loop_start(qd);
    }
    ret = qaio_loop_new(qd);
    if (ret < 0) {
        return ret;
    }
    ret = qaio_setup_context(qd, qd->ctx, 1); /* files are opened here, and move */
    ret = ret ?: qaio_start_throttle(qd);
    if (ret == 0) {
        v->iothreads = qaio_iothreads_get(qd, qd->options->iothread, &ret);
        if (v->iothreads) {
            v->niothreads = qd->options->iothread;
            return 0;
        }
        qaio_stop_throttle(qd);
    }
    qaio_loop_free(qd);
    return ret;
}

static void stop_loops(struct qaio_virtio *v)
{
    struct qaio_data *qd = v->qd;

    if (!v->niothreads) {
        qaio_loop_stop(qd);
        return;
    }
    qaio_iothreads_put(qd, v->iothreads, v->niothreads);
    qaio_stop_throttle(qd);
    qaio_loop_free(qd);
}

static void free_virtio(struct qaio_data *qd)
{
    qemu_vfree(qd->virtio->requests);
    g_free(qd->virtio->batch);
    g_free(qd->virtio);
    qd->virtio = NULL;
}

static int64_t thread_cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

int64_t virtio_job_cpu_ns(const struct qaio_virtio *v)
{
    return thread_cpu_ns() - v->cpu_ns_at_start;
}

static int virtio_start(struct qaio_data *qd)
{
    struct qaio_virtio *v = g_new0(struct qaio_virtio, 1);
    int ret;

    qd->virtio = v;
    v->qd = qd;
    v->requests = qemu_memalign(64, (qd->nrequests + 1) * sizeof(*v->requests));
    v->batch = g_new(struct qaio_request *, qd->nrequests);
    for (unsigned i = 0; i < qd->nrequests; i++) {
        v->requests[i] = (struct virtio_request){ .r = &qd->requests[i] };
    }
    QSLIST_INIT(&v->to_kick);
    QTAILQ_INIT(&v->busy);
    v->cpu_ns_at_start = thread_cpu_ns();
    ret = start_loops(v);
    if (ret < 0) {
        free_virtio(qd);
    }
    return ret;
}

static void virtio_stop(struct qaio_data *qd)
{
    stop_loops(qd->virtio);
    free_virtio(qd);
}

static void virtio_drain(struct qaio_data *qd)
{
    struct qaio_virtio *v = qd->virtio;

    virtio_submit(qd);
    while (virtio_harvest(v), qd->in_flight > 0) {
        if (!virtio_wait(v, true)) {
            return; /* and fio knows that the job has failed */
        }
    }
}

static void *virtio_open(struct qaio_data *qd, struct fio_file *f, int open_flags, Error **errp)
{
    return virtio_disk_open(qd->virtio, f, open_flags, errp);
}

static void virtio_close(void *file, BdrvPaddingStats *padding)
{
    struct virtio_disk *disk = file;

    drain_disk(disk);
    virtio_disk_close(disk, padding);
}

static BlockDriverState *virtio_bs(void *file)
{
    return blk_bs(((struct virtio_disk *)file)->devices[0].blk);
}

static const AioStats *virtio_aio_stats(struct qaio_data *qd)
{
    struct qaio_virtio *v = qd->virtio;

    if (!v->niothreads) {
        return qaio_context_aio_stats(qd->ctx);
    }
    qaio_iothreads_aio_stats(v->iothreads, v->niothreads, &v->aio_stats);
    return &v->aio_stats;
}

static uint64_t virtio_allocations(struct qaio_data *qd)
{
    struct qaio_virtio *v = qd->virtio;

    return v->niothreads ? qaio_iothreads_allocations(v->iothreads, v->niothreads)
                         : qaio_context_allocations(qd->ctx);
}

static struct ioengine_ops virtio_hooks = {
    QAIO_COMMON_HOOKS,
    .queue = virtio_queue,
    .commit = virtio_commit,
    .getevents = virtio_getevents,
};

static struct ioengine_ops virtio_accounted_hooks = {
    QAIO_COMMON_HOOKS,
    .queue = qaio_accounted_queue,
    .commit = virtio_commit,
    .getevents = virtio_getevents,
};

static void virtio_complete(void *opaque, int ret)
{
    qaio_done(opaque, ret);
}

const struct qaio_path_ops qaio_virtio_path = {
    .hooks = &virtio_hooks,
    .accounted_hooks = &virtio_accounted_hooks,
    .start = virtio_start,
    .stop = virtio_stop,
    .drain = virtio_drain,
    .complete = virtio_complete,
    .submit = virtio_submit,
    .open = virtio_open,
    .close = virtio_close,
    .bs = virtio_bs,
    .aio_stats = virtio_aio_stats,
    .allocations = virtio_allocations,
};
