/*
 * Joining requests: reads, or writes, that lie next to each other on the disk go as one.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Home thread of the device.
 */
#ifndef QAIO_VIRTIO_VIRTIO_BLK_MULTIREQ_H
#define QAIO_VIRTIO_VIRTIO_BLK_MULTIREQ_H

#include "virtio/virtio-blk.h"

#define VIRTIO_BLK_MAX_MERGE_REQS 32

/* Requests of one direction and queue that have been taken from it, and not been started yet. */
typedef struct MultiReqBuffer {
    unsigned num_reqs;
    bool is_write;
    VirtIOBlockReq *reqs[VIRTIO_BLK_MAX_MERGE_REQS];
} MultiReqBuffer;

/* Room for joined requests, so many as there can ever be in flight; and free it. */
void virtio_blk_multireq_init(VirtIOBlock *s);
void virtio_blk_multireq_cleanup(VirtIOBlock *s);

/* Add @req, a read or write with its qiov; what is in @mrb is submitted before if it does not go
 * together with it. */
void virtio_blk_multireq_add(VirtIOBlock *s, MultiReqBuffer *mrb, VirtIOBlockReq *req,
                             bool is_write);

/*
 * Start all in @mrb: sorted by sector, those of equal sectors in the order in which they came; each
 * that begins where the one before it ends is joined with it, as long as the backend takes the
 * whole in one piece. No request's own list of buffers is touched.
 */
void virtio_blk_submit_multireq(VirtIOBlock *s, MultiReqBuffer *mrb);

/* A joined request is done: @req's mr_iov can be used again. */
void virtio_blk_multireq_put(VirtIOBlockReq *req);

#endif
