/*
 * virtio-blk: a block device that a driver reaches through virtqueues.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The device: what it is made of, and how it takes requests from a queue. What they are is
 * virtio-blk-request.c's business.
 */
#include "base/osdep.h"
#include "virtio/virtio-blk-request.h"

/* ---- taking requests ------------------------------------------------------------------------ */

/* All that there are now. Whether there were any. */
static bool handle_all(VirtIOBlock *s, VirtQueue *vq, MultiReqBuffer *mrb)
{
    VirtIOBlockReq *req;
    bool progress = false;

    while ((req = virtqueue_pop(vq, sizeof(*req)))) {
        progress = true;
        req->number = s->popped++;
        if (unlikely(virtio_blk_handle_request(req, mrb) < 0)) {
            virtqueue_detach_element(vq, &req->elem, 0);
            break;
        }
    }
    return progress;
}

/*
 * A chain that the driver adds before it sees that it should kick again comes without a kick: so we
 * look once more after we have said it. While the loop polls, no kicks were wanted before, and it
 * looks by itself.
 */
static bool handle_until_empty(VirtIOBlock *s, VirtQueue *vq, MultiReqBuffer *mrb)
{
    bool suppress_notifications = virtio_queue_get_notification(vq);
    bool progress = false;

    do {
        if (suppress_notifications) {
            virtio_queue_set_notification(vq, 0);
        }
        progress |= handle_all(s, vq, mrb);
        if (suppress_notifications) {
            virtio_queue_set_notification(vq, 1);
        }
    } while (!virtio_queue_empty(vq));
    return progress;
}

bool virtio_blk_handle_vq(VirtIOBlock *s, VirtQueue *vq)
{
    MultiReqBuffer mrb;
    bool progress;

    if (unlikely(s->stopped)) {
        return false;
    }
    mrb.num_reqs = 0;
    blk_io_plug(s->blk);
    progress = handle_until_empty(s, vq, &mrb);
    if (mrb.num_reqs > 0) {
        virtio_blk_submit_multireq(s, &mrb);
    }
    blk_io_unplug(s->blk);
    return progress;
}

static VirtIOBlock *virtio_blk_of(VirtIODevice *vdev)
{
    return container_of(vdev, VirtIOBlock, parent_obj);
}

void virtio_blk_handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    virtio_blk_handle_vq(virtio_blk_of(vdev), vq);
}

/* ---- reset ---------------------------------------------------------------------------------- */

/* Those in flight may fail while we wait for them, and then are among those that are kept. */
void virtio_blk_reset(VirtIOBlock *s)
{
    blk_drain(s->blk);
    virtio_blk_drop_kept(s);
    s->stopped = false;
}

static void virtio_blk_device_reset(VirtIODevice *vdev)
{
    virtio_blk_reset(virtio_blk_of(vdev));
}

/* ---- what the driver is told ---------------------------------------------------------------- */

void virtio_blk_update_config(VirtIOBlock *s)
{
    struct virtio_blk_config *config = s->parent_obj.config;
    const VirtIOBlkConf *conf = &s->conf;

    *config = (struct virtio_blk_config){
        .capacity = MAX(blk_getlength(s->blk), 0) >> BDRV_SECTOR_BITS,
        .seg_max = conf->seg_max,
        .blk_size = conf->logical_block_size,
        .wce = blk_enable_write_cache(s->blk),
        .num_queues = conf->num_queues,
        .max_discard_sectors = conf->max_discard_sectors,
        .max_discard_seg = 1,
        .discard_sector_alignment = conf->discard_alignment >> BDRV_SECTOR_BITS,
        .max_write_zeroes_sectors = conf->max_write_zeroes_sectors,
        .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };
}

static uint64_t virtio_blk_get_features(const VirtIOBlkConf *conf)
{
    static const uint8_t offered[] = {
        VIRTIO_BLK_F_SEG_MAX,    VIRTIO_BLK_F_BLK_SIZE,       VIRTIO_BLK_F_FLUSH,
        VIRTIO_BLK_F_DISCARD,    VIRTIO_BLK_F_WRITE_ZEROES,   VIRTIO_F_VERSION_1,
        VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC,
    };
    uint64_t features = conf->num_queues > 1 ? UINT64_C(1) << VIRTIO_BLK_F_MQ : 0;

    for (unsigned i = 0; i < ARRAY_SIZE(offered); i++) {
        features |= UINT64_C(1) << offered[i];
    }
    return features;
}

/* ---- making a device ------------------------------------------------------------------------ */

static bool check_conf(const VirtIOBlkConf *conf, Error **errp)
{
    uint32_t block = conf->logical_block_size;

    if (conf->num_queues < 1 || conf->num_queues > VIRTIO_QUEUE_MAX) {
        error_setg(errp, "virtio-blk: 1 to %d queues, not %u", VIRTIO_QUEUE_MAX, conf->num_queues);
    } else if (!vring_size_valid(conf->queue_size)) {
        error_setg(errp, "virtio-blk: the size of a queue is a power of two from %d to %d, not %u",
                   VRING_SIZE_MIN, VRING_SIZE_MAX, conf->queue_size);
    } else if (conf->seg_max < 1 || conf->seg_max > VRING_SIZE_MAX - 2) {
        error_setg(errp, "virtio-blk: 1 to %d data buffers in a request, not %u",
                   VRING_SIZE_MAX - 2, conf->seg_max);
    } else if (block < BDRV_SECTOR_SIZE || (block & (block - 1))) {
        error_setg(errp, "virtio-blk: the size of a block is a power of two from %u, not %u",
                   BDRV_SECTOR_SIZE, block);
    } else {
        return true;
    }
    return false;
}

/* A request's element is always the same one's of its queue: these two are set once. */
static void prepare_requests(VirtIOBlock *s, VirtQueue *vq)
{
    for (unsigned head = 0; head < s->conf.queue_size; head++) {
        VirtIOBlockReq *req = virtio_queue_get_element(vq, head);

        req->dev = s;
        req->vq = vq;
    }
}

static void add_queue(VirtIOBlock *s)
{
    VirtQueue *vq = virtio_add_queue(&s->parent_obj, s->conf.queue_size, virtio_blk_handle_output);

    virtio_queue_set_element(vq, sizeof(VirtIOBlockReq), s->conf.seg_max + 2);
    prepare_requests(s, vq);
}

bool virtio_blk_device_realize(VirtIOBlock *s, const VirtIOBlkConf *conf, Error **errp)
{
    if (!check_conf(conf, errp)) {
        return false;
    }
    *s = (VirtIOBlock){ .conf = *conf, .blk = conf->blk, .stats = conf->stats };
    s->conf.max_discard_sectors = conf->max_discard_sectors ?: VIRTIO_BLK_MAX_SECTORS;
    s->conf.max_write_zeroes_sectors = conf->max_write_zeroes_sectors ?: VIRTIO_BLK_MAX_SECTORS;
    s->notify = virtio_notify;
    QTAILQ_INIT(&s->rq);
    virtio_init(&s->parent_obj, VIRTIO_ID_BLOCK, sizeof(struct virtio_blk_config));
    s->parent_obj.host_features = virtio_blk_get_features(conf);
    s->parent_obj.reset = virtio_blk_device_reset;
    for (int n = 0; n < conf->num_queues; n++) {
        add_queue(s);
    }
    virtio_blk_update_config(s);
    virtio_blk_multireq_init(s);
    return true;
}

void virtio_blk_device_unrealize(VirtIOBlock *s)
{
    virtio_blk_multireq_cleanup(s);
    virtio_cleanup(&s->parent_obj);
}
