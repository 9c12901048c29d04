/*
 * A virtio device and its virtqueues: the device's side of the rings.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A device model embeds a VirtIODevice and goes through this:
 *
 *     virtio_init, virtio_add_queue, virtio_queue_set_element    the device is made
 *     virtio_add_memory_region, virtio_set_features              what a guest does, or a VMM for it
 *     virtio_queue_set_num, virtio_queue_set_rings
 *     virtio_queue_set_host_notifier, ..._guest_notifier         with eventfds; else by calls of
 *     virtio_queue_aio_attach_host_notifier                        virtio_queue_notify and notify
 *     virtqueue_pop ... virtqueue_push, virtio_notify            requests
 *     virtio_reset                                               as after virtio_add_queue
 *     virtio_cleanup
 *
 * Threads: all of a device is set up, reset and cleaned up while none of its queues is served. Each
 * queue is served by one thread at a time, the home thread of the AioContext that it is attached
 * to, or the driver's own; what takes a VirtQueue is that thread's, unless its comment says more.
 *
 * Addresses that the driver writes are those of this process, inside the memory regions; nothing
 * outside of them is touched. The driver is not trusted: whatever of its writing makes no sense
 * fails the device (virtio_error()), and nobody else.
 */
#ifndef QAIO_VIRTIO_VIRTIO_H
#define QAIO_VIRTIO_VIRTIO_H

#include "base/osdep.h"
#include "base/atomic.h"
#include "base/event_notifier.h"
#include "loop/aio.h"
#include "virtio/virtio_ring.h"

#define VIRTQUEUE_MAX_SIZE VRING_SIZE_MAX
#define VIRTIO_QUEUE_MAX   64

/* Device ids, of which we have one. */
#define VIRTIO_ID_BLOCK 2

typedef uint64_t hwaddr;
typedef struct VirtIODevice VirtIODevice;
typedef struct VirtQueue VirtQueue;
typedef void (*VirtIOHandleOutput)(VirtIODevice *vdev, VirtQueue *vq);

typedef struct VirtIOMemoryRegion {
    hwaddr base;
    hwaddr end; /* the first byte behind it */
} VirtIOMemoryRegion;

struct VirtIODevice {
    const char *name; /* of this kind of device, for messages */
    uint16_t device_id;
    void *config; /* what the driver reads of the device: zeroed, to be filled in by the device
                     model */
    size_t config_len;
    uint64_t host_features;  /* what is offered; set by the device model after virtio_init */
    uint64_t guest_features; /* what the driver took of it */

    /* Both NULL at first. notify: virtio_notify() calls it in the thread that serves @vq, when the
     * driver wants to know. reset: virtio_reset() calls it first; it ends with nothing in flight.
     */
    void (*notify)(VirtIODevice *vdev, VirtQueue *vq);
    void (*reset)(VirtIODevice *vdev);

    bool broken;     /* atomic; set until the next reset */
    bool failing;    /* atomic: who sets it, writes error */
    char error[160]; /* valid once broken is seen, by virtio_error_message() */

    int nvqs;
    VirtQueue *vq[VIRTIO_QUEUE_MAX];
    int nregions;
    VirtIOMemoryRegion *regions; /* ascending, and none touches the next */
};

/*
 * One request, from virtqueue_pop() until virtqueue_push() or virtqueue_detach_element(). A device
 * model embeds it first in its own structure.
 */
typedef struct VirtQueueElement {
    unsigned int index;   /* the head of the chain */
    unsigned int out_num; /* to be read by the device */
    unsigned int in_num;  /* to be written by it */
    struct iovec *out_sg; /* in_sg == out_sg + out_num; the device may alter both until the push */
    struct iovec *in_sg;
} VirtQueueElement;

/* ---- making a device ------------------------------------------------------------------------ */

/* Fills in @vdev, whose memory is the caller's, with @config_size bytes of configuration space. Any
 * thread. */
void virtio_init(VirtIODevice *vdev, uint16_t device_id, size_t config_size);

/* Frees what virtio_init() and the functions after it made. Queues are detached by now. */
void virtio_cleanup(VirtIODevice *vdev);

/*
 * One more queue, of at most @queue_size entries (vring_size_valid()); virtio_queue_notify() and
 * the host notifier run @handle_output. Belongs to @vdev. NULL when the size is not valid or there
 * are VIRTIO_QUEUE_MAX.
 */
VirtQueue *virtio_add_queue(VirtIODevice *vdev, int queue_size, VirtIOHandleOutput handle_output);

/*
 * Where virtqueue_pop() puts its elements: @elem_size bytes for each head, zeroed now and never
 * again, and @max_sg buffers for each; a chain with more of them fails the device. After this
 * nothing is allocated.
 */
void virtio_queue_set_element(VirtQueue *vq, size_t elem_size, unsigned int max_sg);

/* The element of @head (below the size given to virtio_add_queue), popped or not: for what a device
 * model sets up once in each. */
void *virtio_queue_get_element(VirtQueue *vq, unsigned int head);

VirtQueue *virtio_get_queue(VirtIODevice *vdev, int n);
int virtio_get_queue_index(const VirtQueue *vq);
VirtIODevice *virtio_queue_get_device(const VirtQueue *vq);

/* The entries in use: the size at virtio_add_queue, or what virtio_queue_set_num made of it. */
int virtio_queue_get_num(VirtIODevice *vdev, int n);

/* ---- what the driver does to it when it starts --------------------------------------------------
 * What it gets wrong is a virtio_error(). */

/* The driver may use @size bytes at @base. Regions may touch and overlap: they are one then. 0, or
 * -EINVAL for one that is empty or wraps. Forgotten by virtio_cleanup() only. */
int virtio_add_memory_region(VirtIODevice *vdev, void *base, size_t size);

/* Take the feature bits of @val. 0, or -EINVAL if some are not offered. Before the rings are set.
 */
int virtio_set_features(VirtIODevice *vdev, uint64_t val);

static inline bool virtio_vdev_has_feature(const VirtIODevice *vdev, unsigned int fbit)
{
    return vdev->guest_features & (UINT64_C(1) << fbit);
}

/* Use @num entries only. Before the rings are set. */
void virtio_queue_set_num(VirtIODevice *vdev, int n, int num);

/* Begin at index 0 of these rings, which lie in memory regions and have been zeroed. */
void virtio_queue_set_rings(VirtIODevice *vdev, int n, hwaddr desc, hwaddr avail, hwaddr used);

/* Whether the queue has rings. */
bool virtio_queue_ready(const VirtQueue *vq);

/* Back to where virtio_add_queue left it: no features, no rings, not broken. Memory regions,
 * elements, notifiers and statistics stay. vdev->reset runs first; nothing may be in flight then.
 */
void virtio_reset(VirtIODevice *vdev);

/* ---- requests ------------------------------------------------------------------------------- */

/*
 * Take the next chain. Returns its element, of which VirtQueueElement is filled in and the rest is
 * as it was left; NULL when there is none, or the device is broken or breaks now. @sz is at most
 * what virtio_queue_set_element() was told.
 */
void *virtqueue_pop(VirtQueue *vq, size_t sz);

/* Give it back with @len bytes written: fill and flush. The element is the queue's again. */
void virtqueue_push(VirtQueue *vq, const VirtQueueElement *elem, unsigned int len);

/* The same for several: fill each, @idx being 0, 1, ...; then flush that @count. */
void virtqueue_fill(VirtQueue *vq, const VirtQueueElement *elem, unsigned int len,
                    unsigned int idx);
void virtqueue_flush(VirtQueue *vq, unsigned int count);

/* Give up an element without telling the driver, who will wait for it until a reset. */
void virtqueue_detach_element(VirtQueue *vq, const VirtQueueElement *elem, unsigned int len);

/* Put back the element popped last, to be popped again. */
void virtqueue_unpop(VirtQueue *vq, const VirtQueueElement *elem, unsigned int len);

/* Chains that were popped and neither pushed nor detached. */
unsigned int virtio_queue_get_inuse(const VirtQueue *vq);

/* Whether there is no chain to pop: an instruction or two, no system call. True when the device is
 * broken or the queue has no rings. */
bool virtio_queue_empty(VirtQueue *vq);

/* ---- kicks: the driver tells the device ----------------------------------------------------- */

/*
 * Whether the driver is to kick when it adds to the queue. Chains that it added before it saw this
 * come without a kick: who enables looks again with virtio_queue_empty() before it relies on kicks.
 */
void virtio_queue_set_notification(VirtQueue *vq, int enable);
bool virtio_queue_get_notification(const VirtQueue *vq);

/* Run the queue's handler, if it has rings and the device is not broken: a kick without eventfd. */
void virtio_queue_notify(VirtIODevice *vdev, int n);
void virtio_queue_notify_vq(VirtQueue *vq);

/* Make or close the eventfd that the driver writes to for a kick. 0 or -errno. */
int virtio_queue_set_host_notifier(VirtQueue *vq, bool assign);
EventNotifier *virtio_queue_get_host_notifier(VirtQueue *vq);

/*
 * Serve the queue in @ctx, by its host notifier and by polling; while the loop polls, the driver is
 * told not to kick. An external handler, left out in drained sections. A kick of before is not
 * lost. Detach in the home thread of @ctx, or while its loop stands still.
 */
void virtio_queue_aio_attach_host_notifier(VirtQueue *vq, AioContext *ctx);
void virtio_queue_aio_detach_host_notifier(VirtQueue *vq, AioContext *ctx);

/* Clear the notifier, and serve the queue if it was raised. */
void virtio_queue_host_notifier_read(EventNotifier *n);

/* ---- interrupts: the device tells the driver ------------------------------------------------ */

/* Whether the driver wants to be told of what was pushed since this last returned true or false: a
 * question that changes the answer to the next. */
bool virtio_should_notify(VirtIODevice *vdev, VirtQueue *vq);

/* If virtio_should_notify(): call vdev->notify; or raise the guest notifier. */
void virtio_notify(VirtIODevice *vdev, VirtQueue *vq);
void virtio_notify_irqfd(VirtIODevice *vdev, VirtQueue *vq);

/* Make or close the eventfd that the driver sleeps on. 0 or -errno. */
int virtio_queue_set_guest_notifier(VirtQueue *vq, bool assign);
EventNotifier *virtio_queue_get_guest_notifier(VirtQueue *vq);

/* How often the two above did it. Any thread. */
uint64_t virtio_queue_get_interrupts(const VirtQueue *vq);

/* ---- failure -------------------------------------------------------------------------------- */

/*
 * The driver did what it must not: no queue of @vdev is served until the next virtio_reset(), and
 * what is pushed goes nowhere. The first message is kept, and the guest notifiers are raised so
 * that a driver that sleeps looks. Any thread that serves a queue of @vdev.
 */
void virtio_error(VirtIODevice *vdev, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* One line, "NAME: what was wrong", until the next reset; NULL while all is well. Any thread. */
const char *virtio_error_message(const VirtIODevice *vdev);

static inline bool virtio_device_broken(const VirtIODevice *vdev)
{
    return unlikely(qatomic_read(&vdev->broken));
}

#endif
