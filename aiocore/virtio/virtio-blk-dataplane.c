/*
 * The data plane: moving a device between its owner's thread and an IOThread, and interrupts.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The owner's thread and the IOThread never work on the device at the same time: what is done to it
 * at start and stop is done in the IOThread by a bottom half for which the owner waits.
 */
#include "base/osdep.h"
#include "loop/aio-wait.h"
#include "virtio/virtio-blk-dataplane.h"

G_STATIC_ASSERT(VIRTIO_QUEUE_MAX <= 64); /* bits in batch_notify_vqs */

struct VirtIOBlockDataPlane {
    VirtIOBlock *vblk;
    AioContext *ctx;  /* the IOThread's */
    AioContext *home; /* the owner's, while it is started */
    bool started;     /* the owner's thread */

    /* While it is started these are the IOThread's. */
    QEMUBH *bh;
    uint64_t batch_notify_vqs; /* a bit for each queue that the bottom half tells of */
};

static VirtIODevice *vdev_of(VirtIOBlockDataPlane *s)
{
    return &s->vblk->parent_obj;
}

/* ---- interrupts ----------------------------------------------------------------------------- */

static void notify_guest_bh(void *opaque)
{
    VirtIOBlockDataPlane *s = opaque;

    while (s->batch_notify_vqs) {
        int i = __builtin_ctzll(s->batch_notify_vqs);

        s->batch_notify_vqs &= s->batch_notify_vqs - 1;
        virtio_notify_irqfd(vdev_of(s), virtio_get_queue(vdev_of(s), i));
    }
}

/* VirtIOBlock.notify while it is started: one interrupt for all that completes in this turn of the
 * loop. */
static void virtio_blk_data_plane_notify(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOBlockDataPlane *s = container_of(vdev, VirtIOBlock, parent_obj)->dataplane;

    s->batch_notify_vqs |= UINT64_C(1) << virtio_get_queue_index(vq);
    qemu_bh_schedule(s->bh);
}

/* ---- making one ----------------------------------------------------------------------------- */

static void close_notifiers(VirtIOBlockDataPlane *s, int n)
{
    while (n-- > 0) {
        VirtQueue *vq = virtio_get_queue(vdev_of(s), n);

        virtio_queue_set_host_notifier(vq, false);
        virtio_queue_set_guest_notifier(vq, false);
    }
}

static int open_notifiers(VirtIOBlockDataPlane *s)
{
    for (int i = 0; i < vdev_of(s)->nvqs; i++) {
        VirtQueue *vq = virtio_get_queue(vdev_of(s), i);
        int ret = virtio_queue_set_host_notifier(vq, true);

        if (ret == 0) {
            ret = virtio_queue_set_guest_notifier(vq, true);
            if (ret < 0) {
                virtio_queue_set_host_notifier(vq, false);
            }
        }
        if (ret < 0) {
            close_notifiers(s, i);
            return ret;
        }
    }
    return 0;
}

bool virtio_blk_data_plane_create(VirtIOBlock *vblk, AioContext *ctx,
                                  VirtIOBlockDataPlane **dataplane, Error **errp)
{
    VirtIOBlockDataPlane *s = g_new0(VirtIOBlockDataPlane, 1);
    int ret;

    s->vblk = vblk;
    s->ctx = ctx;
    ret = open_notifiers(s);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "no descriptors for the notifiers of %d virtqueues",
                         vdev_of(s)->nvqs);
        g_free(s);
        return false;
    }
    s->bh = aio_bh_new(ctx, notify_guest_bh, s);
    vblk->dataplane = s;
    *dataplane = s;
    return true;
}

void virtio_blk_data_plane_destroy(VirtIOBlockDataPlane *s)
{
    if (!s) {
        return;
    }
    virtio_blk_data_plane_stop(s);
    qemu_bh_delete(s->bh);
    close_notifiers(s, vdev_of(s)->nvqs);
    s->vblk->dataplane = NULL;
    g_free(s);
}

/* ---- start and stop ------------------------------------------------------------------------- */

static void run_in_iothread(VirtIOBlockDataPlane *s, QEMUBHFunc *cb)
{
    aio_context_acquire(s->ctx);
    aio_wait_bh_oneshot(s->ctx, cb, s);
    aio_context_release(s->ctx);
}

static void attach_bh(void *opaque)
{
    VirtIOBlockDataPlane *s = opaque;

    s->vblk->notify = virtio_blk_data_plane_notify;
    for (int i = 0; i < vdev_of(s)->nvqs; i++) {
        virtio_queue_aio_attach_host_notifier(virtio_get_queue(vdev_of(s), i), s->ctx);
    }
}

/* What completes from now on tells of itself: by then nobody may have the bottom half run. */
static void detach_bh(void *opaque)
{
    VirtIOBlockDataPlane *s = opaque;

    for (int i = 0; i < vdev_of(s)->nvqs; i++) {
        virtio_queue_aio_detach_host_notifier(virtio_get_queue(vdev_of(s), i), s->ctx);
    }
    qemu_bh_cancel(s->bh);
    notify_guest_bh(s);
    s->vblk->notify = virtio_notify_irqfd;
}

int virtio_blk_data_plane_start(VirtIOBlockDataPlane *s, Error **errp)
{
    int ret;

    if (s->started) {
        return 0;
    }
    s->home = blk_get_aio_context(s->vblk->blk);
    ret = blk_set_aio_context(s->vblk->blk, s->ctx, errp);
    if (ret < 0) {
        return ret;
    }
    s->started = true;
    run_in_iothread(s, attach_bh);
    return 0;
}

void virtio_blk_data_plane_stop(VirtIOBlockDataPlane *s)
{
    if (!s->started) {
        return;
    }
    run_in_iothread(s, detach_bh);
    blk_set_aio_context(s->vblk->blk, s->home, &error_abort); /* with nothing in flight */
    s->started = false;
}
