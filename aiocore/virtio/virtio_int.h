/*
 * What the files of the device's side know of a VirtQueue: virtio.c, virtqueue.c,
 * virtio-notifier.c. SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_VIRTIO_VIRTIO_INT_H
#define QAIO_VIRTIO_VIRTIO_INT_H

#include "virtio/virtio.h"

/* A region where something was; all zero: nothing is in there. */
typedef struct VirtIOMemoryHit {
    hwaddr base;
    uint64_t size;
} VirtIOMemoryHit;

struct VirtQueue {
    VirtIODevice *vdev;
    VirtIOHandleOutput handle_output;

    /* The rings, in memory regions; all NULL: none. */
    const struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    uint16_t num;
    bool event_idx; /* the features, when the rings were set */
    bool indirect;
    bool notification; /* what the driver was told last */

    uint16_t last_avail_idx;   /* chains popped */
    uint16_t shadow_avail_idx; /* avail->idx when we looked last; what is before it can be popped */
    uint16_t inuse;
    uint32_t used_count;     /* chains flushed; used->idx are the low 16 bits */
    uint32_t signalled_used; /* used_count when virtio_should_notify() was asked last */

    /* Elements by head, each with its array of buffers behind it. */
    char *elements;
    size_t elem_size;
    size_t elem_stride;
    size_t sg_offset;
    unsigned int max_sg;
    bool *in_flight; /* by head */

    /* Where the last indirect table was, and the last buffers. Requests are alike, so there is one
     * for each position in a chain. */
    VirtIOMemoryHit table_hit;
    VirtIOMemoryHit *sg_hit;

    uint16_t max_num; /* at virtio_add_queue */
    int index;
    uint64_t interrupts; /* atomic; one thread writes */
    EventNotifier host_notifier;
    EventNotifier guest_notifier;
};

static inline void *virtqueue_element(const VirtQueue *vq, unsigned int head)
{
    return vq->elements + head * vq->elem_stride;
}

/* Whether @len bytes at @addr, one at least, are in a region of @vdev, which is put into *@hit
 * then. */
bool virtio_memory_has(const VirtIODevice *vdev, VirtIOMemoryHit *hit, hwaddr addr, uint64_t len);

#endif
