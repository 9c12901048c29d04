/*
 * The requests of a virtio-blk device: what the files of the device model share.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A request is popped (virtio-blk.c), checked and started (-request.c), perhaps after it was joined
 * with others (-multireq.c), and completed; if it fails, -errors.c decides whether that is so.
 *
 *     pop ──▶ parse ──▶ start ──▶ in flight ──▶ push
 *                         ▲           │ fails, and the policy says stop
 *                         ╰── rq ◀────╯
 *
 * Home thread of the backend's context.
 */
#ifndef QAIO_VIRTIO_VIRTIO_BLK_REQUEST_H
#define QAIO_VIRTIO_VIRTIO_BLK_REQUEST_H

#include "virtio/virtio-blk-multireq.h"
#include "virtio/virtio-blk.h"

struct VirtIOBlockReq {
    VirtQueueElement elem; /* first */
    VirtIOBlock *dev;      /* this and vq are set when the device is made */
    VirtQueue *vq;

    /* Of the chain, once it has been parsed; copied, so that the driver cannot change its mind. */
    struct virtio_blk_outhdr out;
    uint8_t *status;
    uint32_t in_len; /* bytes that the device may write, status included: what is told as used */
    uint32_t number; /* in the order of popping */
    VirtIOBlockReq *mr_next; /* joined with this one; NULL: the last, or alone */
    QEMUIOVector qiov;       /* the data: what follows the header of T_OUT, what precedes the status
                                of others; external, over the element's own buffers */

    /* What most requests do not touch. */
    MultiReqIOV *mr_iov;               /* of the first of those that are joined */
    QTAILQ_ENTRY(VirtIOBlockReq) next; /* in rq */
    BlockAcctCookie acct;
};

/* What every request touches are two cache lines, and one of its buffers. */
G_STATIC_ASSERT(offsetof(VirtIOBlockReq, mr_iov) <= 128);

/* ---- virtio-blk-request.c ------------------------------------------------------------------- */

/*
 * Check a request that was popped, and start it; a read or write may wait in @mrb for others. What
 * the driver may ask but does not get is completed with a status. Returns -1, and the device is
 * broken, if it makes no sense; the request is the caller's again then.
 */
int virtio_blk_handle_request(VirtIOBlockReq *req, MultiReqBuffer *mrb);

/* The same for one that was checked already, and is to be tried again. */
void virtio_blk_start_request(VirtIOBlockReq *req, MultiReqBuffer *mrb);

/* Hand @req back with @status, and tell the driver. */
void virtio_blk_req_complete(VirtIOBlockReq *req, uint8_t status);

/* The BlockCompletionFunc of reads and writes: @opaque is the first of those that are joined, and
 * has their mr_iov, or one that is alone. */
void virtio_blk_rw_complete(void *opaque, int ret);

/* ---- virtio-blk-errors.c -------------------------------------------------------------------- */

/*
 * @req failed with the errno @error. True: it was completed with an error, or is kept until the
 * device is resumed; false: the error is to be ignored, and @req still to be completed.
 */
bool virtio_blk_handle_rw_error(VirtIOBlockReq *req, int error, bool is_read);

/* Forget those that are kept. */
void virtio_blk_drop_kept(VirtIOBlock *s);

#endif
