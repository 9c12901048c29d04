/*
 * A virtio device: its queues, features and rings, and its end by virtio_error().
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *                   virtio_queue_set_rings           virtio_error
 *     no rings ------------------------> served ---------------------> broken
 *        ^                                  |  a driver's mistake         |
 *        |            virtio_reset          |                             |
 *        +----------------------------------+-----------------------------+
 *
 * A broken device's queues look empty and swallow what is pushed, so that whoever serves it goes on
 * as if nothing came any more. Requests are in virtqueue.c, notifiers in virtio-notifier.c, memory
 * regions in virtio-memory.c.
 */
#include "base/osdep.h"
#include "base/memalign.h"
#include "virtio/virtio_int.h"

#define CACHE_LINE 64

/* ---- devices and queues --------------------------------------------------------------------- */

static const char *virtio_id_to_name(uint16_t device_id)
{
    return device_id == VIRTIO_ID_BLOCK ? "virtio-blk" : "virtio";
}

void virtio_init(VirtIODevice *vdev, uint16_t device_id, size_t config_size)
{
    *vdev = (VirtIODevice){
        .name = virtio_id_to_name(device_id),
        .device_id = device_id,
        .config = g_malloc0(config_size),
        .config_len = config_size,
    };
}

static void virtio_del_queue(VirtQueue *vq)
{
    event_notifier_cleanup(&vq->host_notifier);
    event_notifier_cleanup(&vq->guest_notifier);
    qemu_vfree(vq->elements);
    g_free(vq->sg_hit);
    g_free(vq->in_flight);
    qemu_vfree(vq);
}

void virtio_cleanup(VirtIODevice *vdev)
{
    for (int i = 0; i < vdev->nvqs; i++) {
        virtio_del_queue(vdev->vq[i]);
    }
    g_free(vdev->regions);
    g_free(vdev->config);
    vdev->nvqs = vdev->nregions = 0;
    vdev->regions = NULL;
    vdev->config = NULL;
}

VirtQueue *virtio_add_queue(VirtIODevice *vdev, int queue_size, VirtIOHandleOutput handle_output)
{
    VirtQueue *vq;

    if (queue_size < 0 || !vring_size_valid(queue_size) || vdev->nvqs == VIRTIO_QUEUE_MAX) {
        return NULL;
    }
    vq = qemu_memalign(CACHE_LINE, sizeof(*vq));
    *vq = (VirtQueue){
        .vdev = vdev,
        .handle_output = handle_output,
        .num = queue_size,
        .max_num = queue_size,
        .index = vdev->nvqs,
        .in_flight = g_new0(bool, queue_size),
    };
    vdev->vq[vdev->nvqs++] = vq;
    return vq;
}

/* @size in cache lines, an odd number of them: in steps of a power of two the elements would all
 * begin in the same few sets of a cache. */
static size_t odd_lines(size_t size)
{
    return (DIV_ROUND_UP(size, CACHE_LINE) | 1) * CACHE_LINE;
}

void virtio_queue_set_element(VirtQueue *vq, size_t elem_size, unsigned int max_sg)
{
    g_assert(elem_size >= sizeof(VirtQueueElement) && max_sg > 0);
    qemu_vfree(vq->elements);
    g_free(vq->sg_hit);
    vq->sg_hit = g_new0(VirtIOMemoryHit, max_sg);
    vq->elem_size = elem_size;
    vq->max_sg = max_sg;
    vq->sg_offset = QEMU_ALIGN_UP(elem_size, CACHE_LINE);
    vq->elem_stride = odd_lines(vq->sg_offset + max_sg * sizeof(struct iovec));
    vq->elements = qemu_memalign(CACHE_LINE, vq->max_num * vq->elem_stride);
    memset(vq->elements, 0, vq->max_num * vq->elem_stride);
}

void *virtio_queue_get_element(VirtQueue *vq, unsigned int head)
{
    return virtqueue_element(vq, head);
}

VirtQueue *virtio_get_queue(VirtIODevice *vdev, int n)
{
    return vdev->vq[n];
}

int virtio_get_queue_index(const VirtQueue *vq)
{
    return vq->index;
}

VirtIODevice *virtio_queue_get_device(const VirtQueue *vq)
{
    return vq->vdev;
}

int virtio_queue_get_num(VirtIODevice *vdev, int n)
{
    return vdev->vq[n]->num;
}

/* ---- what a driver does when it starts ------------------------------------------------------ */

int virtio_set_features(VirtIODevice *vdev, uint64_t val)
{
    if (val & ~vdev->host_features) {
        return -EINVAL;
    }
    vdev->guest_features = val;
    return 0;
}

void virtio_queue_set_num(VirtIODevice *vdev, int n, int num)
{
    VirtQueue *vq = vdev->vq[n];

    if (num < 0 || num > vq->max_num || !vring_size_valid(num)) {
        virtio_error(vdev, "queue %d cannot have %d entries: a power of two from %d to %u can be",
                     n, num, VRING_SIZE_MIN, vq->max_num);
        return;
    }
    vq->num = num;
}

/* A part of the rings, at @addr: aligned, and all of it in one region? */
static bool ring_part_ok(VirtQueue *vq, const char *part, hwaddr addr, size_t size, size_t align)
{
    VirtIOMemoryHit unused;

    if (addr % align) {
        virtio_error(vq->vdev, "the %s of queue %d is not aligned to %zu bytes: 0x%" PRIx64, part,
                     vq->index, align, addr);
        return false;
    }
    if (!virtio_memory_has(vq->vdev, &unused, addr, size)) {
        virtio_error(vq->vdev, "the %s of queue %d is not in memory: %zu bytes at 0x%" PRIx64, part,
                     vq->index, size, addr);
        return false;
    }
    return true;
}

void virtio_queue_set_rings(VirtIODevice *vdev, int n, hwaddr desc, hwaddr avail, hwaddr used)
{
    VirtQueue *vq = vdev->vq[n];

    if (!ring_part_ok(vq, "descriptor table", desc, vring_desc_bytes(vq->num), VRING_DESC_ALIGN) ||
        !ring_part_ok(vq, "available ring", avail, vring_avail_bytes(vq->num), VRING_AVAIL_ALIGN) ||
        !ring_part_ok(vq, "used ring", used, vring_used_bytes(vq->num), VRING_USED_ALIGN)) {
        return;
    }
    vq->desc = (void *)(uintptr_t)desc;
    vq->avail = (void *)(uintptr_t)avail;
    vq->used = (void *)(uintptr_t)used;
    vq->event_idx = virtio_vdev_has_feature(vdev, VIRTIO_RING_F_EVENT_IDX);
    vq->indirect = virtio_vdev_has_feature(vdev, VIRTIO_RING_F_INDIRECT_DESC);
    vq->notification = true;
    vq->last_avail_idx = vq->shadow_avail_idx = 0;
    vq->used_count = vq->signalled_used = 0;
}

bool virtio_queue_ready(const VirtQueue *vq)
{
    return vq->desc;
}

static void virtio_reset_queue(VirtQueue *vq)
{
    g_assert(vq->inuse == 0);
    vq->desc = NULL;
    vq->avail = NULL;
    vq->used = NULL;
    vq->num = vq->max_num;
}

void virtio_reset(VirtIODevice *vdev)
{
    if (vdev->reset) {
        vdev->reset(vdev);
    }
    for (int i = 0; i < vdev->nvqs; i++) {
        virtio_reset_queue(vdev->vq[i]);
    }
    vdev->guest_features = 0;
    qatomic_set(&vdev->broken, false);
    qatomic_set(&vdev->failing, false);
}

/* ---- failure -------------------------------------------------------------------------------- */

/* Who sleeps until the device has done something, shall wake and see that it will not. */
static void wake_drivers(VirtIODevice *vdev)
{
    for (int i = 0; i < vdev->nvqs; i++) {
        event_notifier_set(&vdev->vq[i]->guest_notifier);
    }
}

void QAIO_COLD virtio_error(VirtIODevice *vdev, const char *fmt, ...)
{
    int at;
    va_list args;

    /* Whoever came first has the word. */
    if (qatomic_xchg(&vdev->failing, true)) {
        return;
    }
    at = snprintf(vdev->error, sizeof(vdev->error), "%s: ", vdev->name);
    va_start(args, fmt);
    vsnprintf(vdev->error + at, sizeof(vdev->error) - at, fmt, args);
    va_end(args);

    /* The message before the flag: pairs with the acquire in virtio_error_message(). */
    qatomic_store_release(&vdev->broken, true);
    wake_drivers(vdev);
}

const char *virtio_error_message(const VirtIODevice *vdev)
{
    return qatomic_load_acquire(&vdev->broken) ? vdev->error : NULL;
}
