/*
 * Virtual disks: made of a device and the rings that connect it with its driver.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The guest's memory is what fio's requests consist of: fio's buffers, the headers of all requests,
 * and the rings. The device reaches nothing else.
 */
#include "engine/virtio-disk.h"

#include <sys/stat.h>

/* The header, the data, the status. */
#define MAX_SG 3

/* ---- what devices call ---------------------------------------------------------------------- */

/* Without an IOThread, in place of an interrupt: look at this queue when the loop has turned. */
static void note_used(VirtIODevice *vdev, VirtQueue *vq)
{
    struct disk_device *dev = container_of(vdev, struct disk_device, vblk.parent_obj);
    struct disk_queue *q = &dev->queues[virtio_get_queue_index(vq)];

    if (!q->busy) {
        q->busy = true;
        QTAILQ_INSERT_TAIL(&dev->disk->v->busy, q, next_busy);
    }
}

/* The interrupt is there to end the sleep; whoever sleeps looks then. */
static void interrupted(EventNotifier *e)
{
    event_notifier_test_and_clear(e);
}

static void device_stopped(void *opaque, int error, bool is_read)
{
    struct disk_device *dev = opaque;
    struct qaio_virtio *v = dev->disk->v;

    dev->stop_by_a_read = is_read;
    qatomic_store_release(&dev->stop_error, error);
    qatomic_store_release(&v->stop_pending, true);
    if (dev->dataplane) {
        event_notifier_set(virtio_queue_get_guest_notifier(dev->queues[0].vq));
    }
}

/* ---- making a device ------------------------------------------------------------------------ */

static BlockdevOnError on_error(unsigned option)
{
    static const BlockdevOnError actions[] = {
        [QAIO_ON_ERROR_DEFAULT] = BLOCKDEV_ON_ERROR_AUTO,
        [QAIO_ON_ERROR_REPORT] = BLOCKDEV_ON_ERROR_REPORT,
        [QAIO_ON_ERROR_IGNORE] = BLOCKDEV_ON_ERROR_IGNORE,
        [QAIO_ON_ERROR_STOP] = BLOCKDEV_ON_ERROR_STOP,
        [QAIO_ON_ERROR_ENOSPC] = BLOCKDEV_ON_ERROR_ENOSPC,
    };

    return actions[option];
}

static bool realize(struct disk_device *dev, Error **errp)
{
    struct qaio_data *qd = dev->disk->v->qd;
    VirtIOBlkConf conf = VIRTIO_BLK_CONF_DEFAULT;

    conf.blk = dev->blk;
    conf.serial = "qaio";
    conf.num_queues = dev->nqueues;
    conf.queue_size = qd->options->queue_size;
    conf.seg_max = 1;
    conf.request_merging = qd->options->merge != QAIO_MERGE_OFF;
    conf.stats = qd->stats_fd >= 0 ? &dev->stats : NULL;
    conf.stopped = device_stopped;
    conf.opaque = dev;
    block_acct_init(&dev->stats);
    blk_set_on_error(dev->blk, on_error(qd->options->rerror), on_error(qd->options->werror));
    return virtio_blk_device_realize(&dev->vblk, &conf, errp);
}

static void add_memory(struct disk_device *dev, void *base, size_t size)
{
    if (base && size) {
        virtio_add_memory_region(&dev->vblk.parent_obj, base, size);
    }
}

static void connect_queue(struct disk_device *dev, unsigned n)
{
    VirtIODevice *vdev = &dev->vblk.parent_obj;
    struct disk_queue *q = &dev->queues[n];
    void *memory;
    size_t size;

    q->dev = dev;
    q->vq = virtio_get_queue(vdev, n);
    q->drv = vring_driver_new(dev->vblk.conf.queue_size, MAX_SG, vdev->guest_features);
    vring_driver_disable_interrupts(q->drv);
    memory = vring_driver_memory(q->drv, &size);
    add_memory(dev, memory, size);
    virtio_queue_set_rings(vdev, n, (uintptr_t)vring_driver_desc(q->drv),
                           (uintptr_t)vring_driver_avail(q->drv),
                           (uintptr_t)vring_driver_used(q->drv));
}

/* What a guest's driver does when it finds the device. */
static void probe(struct disk_device *dev)
{
    struct qaio_virtio *v = dev->disk->v;
    struct thread_data *td = v->qd->td;
    VirtIODevice *vdev = &dev->vblk.parent_obj;

    virtio_set_features(vdev, vdev->host_features);
    add_memory(dev, td->orig_buffer, td->orig_buffer_size);
    add_memory(dev, v->requests, (v->qd->nrequests + 1) * sizeof(*v->requests));
    for (unsigned n = 0; n < dev->nqueues; n++) {
        connect_queue(dev, n);
    }
}

static void watch_interrupts(struct disk_device *dev, bool watch)
{
    for (unsigned n = 0; n < dev->nqueues; n++) {
        aio_set_event_notifier(dev->disk->v->qd->ctx,
                               virtio_queue_get_guest_notifier(dev->queues[n].vq), false,
                               watch ? interrupted : NULL, NULL, NULL);
    }
}

static bool start_dataplane(struct disk_device *dev, Error **errp)
{
    if (!virtio_blk_data_plane_create(&dev->vblk, dev->ctx, &dev->dataplane, errp)) {
        return false;
    }
    if (virtio_blk_data_plane_start(dev->dataplane, errp) < 0) {
        virtio_blk_data_plane_destroy(dev->dataplane);
        return false;
    }
    watch_interrupts(dev, true);
    return true;
}

static void free_queues(struct disk_device *dev)
{
    for (unsigned n = 0; n < dev->nqueues; n++) {
        if (dev->queues[n].drv) {
            vring_driver_free(dev->queues[n].drv);
        }
    }
    g_free(dev->queues);
}

static bool open_device(struct disk_device *dev, int open_flags, Error **errp)
{
    struct virtio_disk *disk = dev->disk;

    dev->blk = qaio_open_backend(disk->v->qd, disk->f, open_flags, errp);
    if (!dev->blk) {
        return false;
    }
    dev->queues = g_new0(struct disk_queue, dev->nqueues);
    if (!realize(dev, errp)) {
        goto fail;
    }
    probe(dev);
    if (!dev->ctx) {
        dev->vblk.notify = note_used;
        return true;
    }
    if (start_dataplane(dev, errp)) {
        return true;
    }
    virtio_blk_device_unrealize(&dev->vblk);
fail:
    free_queues(dev);
    blk_unref(dev->blk);
    return false;
}

/* ---- and the end of it ---------------------------------------------------------------------- */

/* The rest of the accounts is kept where fio's requests come and go. */
static void add_merged(BlockAcctStats *job, const BlockAcctStats *device, BlockAcctType type)
{
    job->types[type].merged += device->types[type].merged;
}

static void add_counters(struct disk_device *dev)
{
    struct qaio_virtio *v = dev->disk->v;

    for (unsigned n = 0; n < dev->nqueues; n++) {
        v->kicks += vring_driver_kicks(dev->queues[n].drv);
        v->interrupts += virtio_queue_get_interrupts(dev->queues[n].vq);
    }
    if (v->qd->acct) {
        add_merged(v->qd->acct, &dev->stats, BLOCK_ACCT_READ);
        add_merged(v->qd->acct, &dev->stats, BLOCK_ACCT_WRITE);
    }
}

static void forget_queues(struct disk_device *dev)
{
    for (unsigned n = 0; n < dev->nqueues; n++) {
        struct disk_queue *q = &dev->queues[n];

        if (q->busy) {
            QTAILQ_REMOVE(&dev->disk->v->busy, q, next_busy);
        }
    }
}

static void close_device(struct disk_device *dev, BdrvPaddingStats *padding)
{
    if (dev->dataplane) {
        virtio_blk_data_plane_stop(dev->dataplane);
    }
    virtio_reset(&dev->vblk.parent_obj);
    if (dev->dataplane) {
        watch_interrupts(dev, false);
    }
    add_counters(dev);
    qaio_add_padding(padding, blk_bs(dev->blk));
    virtio_blk_data_plane_destroy(dev->dataplane);
    virtio_blk_device_unrealize(&dev->vblk);
    block_acct_cleanup(&dev->stats);
    forget_queues(dev);
    free_queues(dev);
    blk_unref(dev->blk);
}

/* ---- disks ---------------------------------------------------------------------------------- */

/* A disk has a size. A file that the job is going to make longer is that long from the beginning.
 */
static bool grow_file(struct qaio_data *qd, struct fio_file *f, int open_flags, Error **errp)
{
    uint64_t size = f->file_offset + f->io_size;
    struct stat st;

    if (f->filetype != FIO_TYPE_FILE || qaio_is_null(qd->options) || !td_write(qd->td) ||
        !(open_flags & BDRV_O_RDWR)) {
        return true;
    }
    if (fstat(f->fd, &st) == 0 && ((uint64_t)st.st_size >= size || ftruncate(f->fd, size) == 0)) {
        return true;
    }
    error_setg_errno(errp, errno, "%s: cannot be made %llu bytes long, the size of the disk",
                     f->file_name, (unsigned long long)size);
    return false;
}

static void init_device(struct virtio_disk *disk, unsigned i, unsigned number)
{
    struct disk_device *dev = &disk->devices[i];
    struct qaio_virtio *v = disk->v;

    dev->disk = disk;
    dev->ctx = v->niothreads ? v->iothreads[(number + i) % v->niothreads].ctx : NULL;
    dev->nqueues = (disk->nqueues - i + disk->ndevices - 1) / disk->ndevices;
}

struct virtio_disk *virtio_disk_open(struct qaio_virtio *v, struct fio_file *f, int open_flags,
                                     Error **errp)
{
    struct virtio_disk *disk;
    BdrvPaddingStats none;

    if (!grow_file(v->qd, f, open_flags, errp)) {
        return NULL;
    }
    disk = g_new0(struct virtio_disk, 1);
    disk->v = v;
    disk->f = f;
    disk->nqueues = v->qd->options->queues;
    disk->ndevices = MAX(1, MIN(v->niothreads, disk->nqueues));
    disk->devices = qemu_memalign(64, disk->ndevices * sizeof(*disk->devices));
    memset(disk->devices, 0, disk->ndevices * sizeof(*disk->devices));
    for (unsigned i = 0; i < disk->ndevices; i++) {
        init_device(disk, i, v->qd->td->thread_number + f->fileno);
        if (!open_device(&disk->devices[i], open_flags, errp)) {
            disk->ndevices = i;
            virtio_disk_close(disk, &none);
            return NULL;
        }
    }
    return disk;
}

void virtio_disk_close(struct virtio_disk *disk, BdrvPaddingStats *padding)
{
    for (unsigned i = 0; i < disk->ndevices; i++) {
        close_device(&disk->devices[i], padding);
    }
    qemu_vfree(disk->devices);
    g_free(disk);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* All of a batch go to one queue, as what one processor of a guest queues does: so they can be
 * joined. */
static QAIO_NOINLINE void begin_batch(struct virtio_disk *disk)
{
    unsigned n = disk->next_queue;
    struct qaio_virtio *v = disk->v;
    struct disk_queue *q = &disk->devices[n % disk->ndevices].queues[n / disk->ndevices];

    disk->next_queue = n + 1 < disk->nqueues ? n + 1 : 0;
    disk->queue = q;
    QSLIST_INSERT_HEAD(&v->to_kick, q, next_kick);
    if (q->dev->ctx && !q->busy) {
        q->busy = true;
        QTAILQ_INSERT_TAIL(&v->busy, q, next_busy);
    }
}

bool virtio_disk_add(struct virtio_disk *disk, struct virtio_request *vr, void *data, size_t len,
                     bool out)
{
    struct iovec sg[MAX_SG] = { { &vr->hdr, sizeof(vr->hdr) } };
    unsigned n = 1;

    if (!disk->queue) {
        begin_batch(disk);
    }
    if (data) {
        sg[n++] = (struct iovec){ data, len };
    }
    sg[n] = (struct iovec){ &vr->status, sizeof(vr->status) };
    vr->status = UINT8_MAX; /* the device has not said anything */
    vr->hdr.ioprio = 0;

    if (data && out) {
        if (vring_driver_add(disk->queue->drv, sg, 2, 1, vr) < 0) {
            return false;
        }
    } else if (vring_driver_add(disk->queue->drv, sg, 1, n, vr) < 0) {
        return false;
    }
    disk->in_flight++;
    return true;
}

/* Without an IOThread the device runs now: here is the thread that an eventfd would wake. */
static void kick(struct disk_queue *q)
{
    if (!vring_driver_kick_prepare(q->drv)) {
        return;
    }
    if (q->dev->ctx) {
        event_notifier_set(virtio_queue_get_host_notifier(q->vq));
    } else {
        virtio_queue_notify_vq(q->vq);
        q->dev->disk->v->broken |= virtio_device_broken(&q->dev->vblk.parent_obj);
    }
}

void virtio_kick(struct qaio_virtio *v)
{
    struct disk_queue *q;

    while ((q = QSLIST_FIRST(&v->to_kick))) {
        QSLIST_REMOVE_HEAD(&v->to_kick, next_kick);
        q->dev->disk->queue = NULL;
        kick(q);
    }
}

int virtio_result(const struct virtio_request *vr)
{
    if (likely(vr->status == VIRTIO_BLK_S_OK)) {
        return 0;
    }
    return vr->status == VIRTIO_BLK_S_UNSUPP ? -ENOTSUP : -EIO;
}

static void harvest_queue(struct qaio_virtio *v, struct disk_queue *q)
{
    struct virtio_disk *disk = q->dev->disk;
    struct virtio_request *vr;

    while ((vr = vring_driver_get(q->drv, NULL))) {
        disk->in_flight--;
        if (likely(vr->r)) {
            v->qd->complete(vr->r, virtio_result(vr));
        } else {
            vr->done = true;
        }
    }
    v->broken |= vring_driver_error(q->drv) != NULL;
}

void virtio_harvest(struct qaio_virtio *v)
{
    struct disk_queue *q, *next;

    QTAILQ_FOREACH_SAFE (q, &v->busy, next_busy, next) {
        harvest_queue(v, q);
        if (!q->dev->ctx || !vring_driver_inflight(q->drv)) {
            q->busy = false;
            QTAILQ_REMOVE(&v->busy, q, next_busy);
        }
    }
}
