/*
 * virtio-blk: a block device that a driver reaches through virtqueues.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     driver ── kick ──▶ virtio_blk_handle_vq
 *                          │  each request: checked                 virtio-blk-request.c
 *                          │  reads and writes: joined              virtio-blk-multireq.c
 *                          ▼
 *                        blk_aio_* of the BlockBackend
 *                          │  failed: reported, ignored, or kept    virtio-blk-errors.c
 *                          ▼
 *     driver ◀── notify ── used ring, with a status
 *
 * A device works in the AioContext of its BlockBackend: all queues are served there, and everything
 * here belongs to that context's home thread. Queues that different IOThreads shall serve belong to
 * different devices, each with a BlockBackend of its own over the same file.
 *
 * The backend may move to another context while no queue is served.
 *
 * Nothing is allocated per request: requests lie in the queues' elements, and what joins them in a
 * pool as large as it can ever get. Coroutines and blocks for as many requests as its driver has in
 * flight are for the maker of the device to reserve, as for every user of a BlockBackend.
 */
#ifndef QAIO_VIRTIO_VIRTIO_BLK_H
#define QAIO_VIRTIO_VIRTIO_BLK_H

#include "block/accounting.h"
#include "block/block-backend.h"
#include "virtio/virtio.h"
#include "virtio/virtio_blk.h"

typedef struct VirtIOBlockReq VirtIOBlockReq;
typedef struct MultiReqIOV MultiReqIOV;

/* The most in one request: as many whole sectors as an int has room for bytes. */
#define VIRTIO_BLK_MAX_SECTORS ((uint32_t)INT_MAX >> BDRV_SECTOR_BITS)

typedef struct VirtIOBlkConf {
    BlockBackend *blk;  /* the caller's, and outlives the device */
    const char *serial; /* of GET_ID; NULL: none */
    uint16_t num_queues;
    uint16_t queue_size;
    uint16_t seg_max;             /* data buffers in one request; a chain may have 2 more */
    uint32_t logical_block_size;  /* a power of two, at least 512: offset and length of reads and
                                     writes are multiples of it */
    uint32_t discard_alignment;   /* in bytes, for the driver to know */
    uint32_t max_discard_sectors; /* 0: as many as there are in the largest request */
    uint32_t max_write_zeroes_sectors; /* the same */
    bool request_merging;
    BlockAcctStats *stats; /* the caller's, of the same thread; NULL: no accounts are kept */

    /* A request failed with the errno @error, for which blk_set_on_error() said stop: called once
     * for each time that the device stops, in the home thread, from the request's completion: it
     * must neither resume nor reset the device, but may have a bottom half do it. NULL: nobody
     * wants to know. */
    void (*stopped)(void *opaque, int error, bool is_read);
    void *opaque;
} VirtIOBlkConf;

/* One queue of 256, merging, 512 byte blocks; what is left to fill in is blk. */
#define VIRTIO_BLK_CONF_DEFAULT    \
    ((VirtIOBlkConf){              \
        .num_queues = 1,           \
        .queue_size = 256,         \
        .seg_max = 126,            \
        .logical_block_size = 512, \
        .discard_alignment = 512,  \
        .request_merging = true,   \
    })

typedef struct VirtIOBlock {
    VirtIODevice parent_obj; /* first */
    VirtIOBlkConf conf;
    BlockBackend *blk;
    BlockAcctStats *stats;
    struct VirtIOBlockDataPlane *dataplane; /* virtio-blk-dataplane.c's; NULL: none */

    /* How the driver is told that something was pushed: virtio_notify() at first; a data plane has
     * virtio_notify_irqfd(), or something that gathers, here. It is called once for what completes
     * together, asks virtio_should_notify() itself, and must not kick the device. */
    void (*notify)(VirtIODevice *vdev, VirtQueue *vq);

    /* Not to be served until virtio_blk_resume(): no chain is popped. A poll handler looks at it
     * before it says that there is work. */
    bool stopped;

    uint32_t popped; /* requests: the number of the next one */
    /* Failed requests that wait for it, in the order of popping. */
    QTAILQ_HEAD(, VirtIOBlockReq) rq;

    QSLIST_HEAD(, MultiReqIOV) free_iovs; /* virtio-blk-multireq.c's */
    MultiReqIOV *iovs;
    unsigned n_iovs;
} VirtIOBlock;

/*
 * A device with queues and features offered, not started: the driver's side goes on with what
 * virtio.h lists. False and *errp for a configuration that makes no sense. unrealize: the queues
 * are served no more, and nothing is in flight, as after virtio_blk_reset(); frees @s's inside.
 */
bool virtio_blk_device_realize(VirtIOBlock *s, const VirtIOBlkConf *conf, Error **errp);
void virtio_blk_device_unrealize(VirtIOBlock *s);

/* Look at the backend again for what the driver reads in parent_obj.config, which is a struct
 * virtio_blk_config: length and write cache may have changed. realize has done it. */
void virtio_blk_update_config(VirtIOBlock *s);

/*
 * Take all requests from @vq and start them, until there are none with notifications enabled again
 * (unless they were off before, as while polling). What is in flight is bounded by the queue's
 * size. Returns whether there were any. Nothing happens while @s is stopped or broken.
 */
bool virtio_blk_handle_vq(VirtIOBlock *s, VirtQueue *vq);

/* The same as a VirtIOHandleOutput: the handler of all queues. */
void virtio_blk_handle_output(VirtIODevice *vdev, VirtQueue *vq);

/* Go on after the device has stopped: first with the requests that failed, in order, then with the
 * queues. Nothing if it has not. Not from a callback. */
void virtio_blk_resume(VirtIOBlock *s);

/*
 * Wait for what is in flight, then drop what failed and waits. virtio_reset() does it, too, before
 * it forgets the rings. Outside of coroutines and callbacks of requests.
 */
void virtio_blk_reset(VirtIOBlock *s);

/* Requests that failed, and wait for virtio_blk_resume(). */
unsigned virtio_blk_kept(VirtIOBlock *s);

#endif
