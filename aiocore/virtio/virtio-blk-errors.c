/*
 * What becomes of requests that fail, and how a device that stopped for it goes on.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     report    the driver gets VIRTIO_BLK_S_IOERR
 *     ignore    the driver gets VIRTIO_BLK_S_OK
 *     stop      the driver gets nothing yet; the device pops no more requests; those that are still
 *               in flight end as they do, and if they fail, they wait, too
 *     enospc    stop for a full disk, else report
 *
 * Requests fail in the order in which they happen to be done; they wait, and are tried again, in
 * the order in which they were popped.
 */
#include "base/osdep.h"
#include "virtio/virtio-blk-request.h"

/* Numbers wrap around; what is in flight is far less than half of them. */
static bool was_popped_before(const VirtIOBlockReq *req, const VirtIOBlockReq *other)
{
    return (int32_t)(req->number - other->number) < 0;
}

static void keep(VirtIOBlock *s, VirtIOBlockReq *req)
{
    VirtIOBlockReq *before = QTAILQ_LAST(&s->rq, VirtIOBlockReq, next);

    while (before && was_popped_before(req, before)) {
        before = QTAILQ_PREV(before, &s->rq, VirtIOBlockReq, next);
    }
    if (before) {
        QTAILQ_INSERT_AFTER(&s->rq, before, req, next);
    } else {
        QTAILQ_INSERT_HEAD(&s->rq, req, next);
    }
    req->mr_next = NULL;
}

static void stop(VirtIOBlock *s, int error, bool is_read)
{
    if (s->stopped) {
        return;
    }
    s->stopped = true;
    if (s->conf.stopped) {
        s->conf.stopped(s->conf.opaque, error, is_read);
    }
}

static void report(VirtIOBlockReq *req)
{
    BlockAcctStats *stats = req->dev->stats;

    if (stats) {
        block_acct_failed(stats, &req->acct);
    }
    virtio_blk_req_complete(req, VIRTIO_BLK_S_IOERR);
}

bool virtio_blk_handle_rw_error(VirtIOBlockReq *req, int error, bool is_read)
{
    VirtIOBlock *s = req->dev;

    switch (blk_get_error_action(s->blk, is_read, error)) {
    case BLOCK_ERROR_ACTION_STOP:
        keep(s, req);
        stop(s, error, is_read);
        return true;
    case BLOCK_ERROR_ACTION_REPORT:
        report(req);
        return true;
    default:
        return false;
    }
}

unsigned virtio_blk_kept(VirtIOBlock *s)
{
    VirtIOBlockReq *req;
    unsigned n = 0;

    QTAILQ_FOREACH (req, &s->rq, next) {
        n++;
    }
    return n;
}

/* The next of those that were kept, or NULL. */
static VirtIOBlockReq *take_kept(VirtIOBlock *s)
{
    VirtIOBlockReq *req = QTAILQ_FIRST(&s->rq);

    if (req) {
        QTAILQ_REMOVE(&s->rq, req, next);
    }
    return req;
}

void virtio_blk_drop_kept(VirtIOBlock *s)
{
    VirtIOBlockReq *req;

    while ((req = take_kept(s))) {
        virtqueue_detach_element(req->vq, &req->elem, 0);
    }
}

/* What is joined is of one queue. A request that fails again comes later: callbacks do. */
static void retry_kept(VirtIOBlock *s)
{
    MultiReqBuffer mrb = { .num_reqs = 0 };
    VirtIOBlockReq *req;

    while ((req = take_kept(s))) {
        if (mrb.num_reqs > 0 && mrb.reqs[0]->vq != req->vq) {
            virtio_blk_submit_multireq(s, &mrb);
        }
        virtio_blk_start_request(req, &mrb);
    }
    if (mrb.num_reqs > 0) {
        virtio_blk_submit_multireq(s, &mrb);
    }
}

void virtio_blk_resume(VirtIOBlock *s)
{
    if (!s->stopped) {
        return;
    }
    s->stopped = false;
    blk_io_plug(s->blk);
    retry_kept(s);
    for (int n = 0; n < s->conf.num_queues; n++) {
        virtio_blk_handle_vq(s, virtio_get_queue(&s->parent_obj, n));
    }
    blk_io_unplug(s->blk);
}
