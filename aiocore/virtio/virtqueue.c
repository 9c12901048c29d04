/*
 * Requests on a virtqueue, the device's side: taking chains, handing them back, and the decisions
 * who tells whom. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The driver may write to rings and tables at any time, also while they are read here. So each
 * value is read once, into a local copy; what is checked is the copy, and what is used is the copy.
 *
 * Work is bounded: a chain ends after max_sg buffers and one table, and a head is not taken a
 * second time before it was handed back.
 *
 * Order between the two sides, each with its partner in vring-driver.c:
 *
 *     acquire of avail->idx             release in vring_driver_kick_prepare(): chains are whole
 *     release of used->idx              acquire in look_for_used(): data and ring entries are whole
 *     barrier in ask_for_kicks()        barrier in vring_driver_kick_prepare(): one of the two sees
 *                                       what the other wrote, the chain or the wish for a kick
 *     barrier in virtio_should_notify() barrier in ask_for_interrupt(): the same for used chains
 *
 * tests/model/virtio-notify.pml is the model of the last two.
 */
#include "base/osdep.h"
#include "virtio/virtio_int.h"

/* ---- kicks wanted or not -----------------------------------------------------------------------
 */

/* The barrier is for the caller's next look at avail->idx. Pairs with that in
 * vring_driver_kick_prepare(). */
static void ask_for_kicks(VirtQueue *vq)
{
    if (vq->event_idx) {
        qatomic_set(vring_avail_event(vq->used, vq->num), vq->shadow_avail_idx);
    } else {
        qatomic_set(&vq->used->flags, 0);
    }
    smp_mb();
}

static void decline_kicks(VirtQueue *vq)
{
    if (vq->event_idx) {
        /* A number that is not near: half the circle away. */
        qatomic_set(vring_avail_event(vq->used, vq->num), vq->shadow_avail_idx + 0x8000);
    } else {
        qatomic_set(&vq->used->flags, VRING_USED_F_NO_NOTIFY);
    }
}

void virtio_queue_set_notification(VirtQueue *vq, int enable)
{
    vq->notification = enable;
    if (!vq->desc) {
        return;
    }
    if (enable) {
        ask_for_kicks(vq);
    } else {
        decline_kicks(vq);
    }
}

bool virtio_queue_get_notification(const VirtQueue *vq)
{
    return vq->notification;
}

/* ---- taking a chain
 * ------------------------------------------------------------------------------ */

/* A chain while it is read. */
typedef struct ChainReader {
    const char *table; /* struct vring_desc, but an indirect table need not be aligned */
    unsigned int num;  /* of descriptors in it */
    unsigned int left; /* that may still be read; fewer and the chain is a loop */
    bool indirect;     /* this table is one that an indirect descriptor stood for */
} ChainReader;

bool virtio_queue_empty(VirtQueue *vq)
{
    if (!vq->desc || virtio_device_broken(vq->vdev)) {
        return true;
    }
    return vq->shadow_avail_idx == vq->last_avail_idx &&
           qatomic_read(&vq->avail->idx) == vq->last_avail_idx;
}

/* Look at the driver's index. Whether there are chains that we have not taken. */
static bool look_for_chains(VirtQueue *vq)
{
    /* Everything of the chains after the index: pairs with the release in
     * vring_driver_kick_prepare(). */
    vq->shadow_avail_idx = qatomic_load_acquire(&vq->avail->idx);

    /* With event index, who asked for a kick asked for the one that has come. */
    if (vq->shadow_avail_idx == vq->last_avail_idx && vq->notification && vq->event_idx) {
        ask_for_kicks(vq);
        vq->shadow_avail_idx = qatomic_load_acquire(&vq->avail->idx);
    }
    if (unlikely((uint16_t)(vq->shadow_avail_idx - vq->last_avail_idx) > vq->num)) {
        virtio_error(vq->vdev, "queue %d: available index went from %u to %u, with %u entries",
                     vq->index, vq->last_avail_idx, vq->shadow_avail_idx, vq->num);
        vq->shadow_avail_idx = vq->last_avail_idx;
    }
    return vq->shadow_avail_idx != vq->last_avail_idx;
}

/* The descriptor, read once: the compiler does not see where these two numbers come from, and so
 * cannot fetch them again. */
static inline struct vring_desc read_desc(const ChainReader *chain, unsigned int i)
{
    const char *at = chain->table + i * sizeof(struct vring_desc);
    uint64_t addr, rest;

    memcpy(&addr, at, sizeof(addr));
    memcpy(&rest, at + sizeof(addr), sizeof(rest));
    __asm__("" : "+r"(addr), "+r"(rest));
    return (
        struct vring_desc){ .addr = addr, .len = rest, .flags = rest >> 32, .next = rest >> 48 };
}

static inline bool in_memory(const VirtQueue *vq, VirtIOMemoryRegion *hit, hwaddr addr,
                             uint64_t len)
{
    return likely(virtio_region_has(hit, addr, len)) || virtio_memory_has(vq->vdev, hit, addr, len);
}

/* Go on in the table that @desc stands for. */
static bool enter_indirect(VirtQueue *vq, ChainReader *chain, const struct vring_desc *desc)
{
    const char *wrong = NULL;

    if (!vq->indirect) {
        wrong = "was not agreed on";
    } else if (chain->indirect) {
        wrong = "is inside another";
    } else if (desc->flags & VRING_DESC_F_NEXT) {
        wrong = "has a successor";
    } else if (desc->len == 0 || desc->len % sizeof(*desc)) {
        wrong = "has a length that is no number of descriptors";
    } else if (!in_memory(vq, &vq->table_hit, desc->addr, desc->len)) {
        wrong = "is not in memory";
    }
    if (unlikely(wrong)) {
        virtio_error(vq->vdev, "queue %d: the indirect table of %u bytes at 0x%" PRIx64 " %s",
                     vq->index, desc->len, desc->addr, wrong);
        return false;
    }
    chain->table = (void *)(uintptr_t)desc->addr;
    chain->num = chain->left = desc->len / sizeof(*desc);
    chain->indirect = true;
    return true;
}

/* One more buffer of @elem. */
static inline bool add_buffer(VirtQueue *vq, VirtQueueElement *elem, const struct vring_desc *desc)
{
    unsigned int n = elem->out_num + elem->in_num;
    const char *wrong = NULL;

    if (unlikely(n == vq->max_sg)) {
        wrong = "is one too many";
    } else if (unlikely(desc->len == 0)) {
        wrong = "is empty";
    } else if (unlikely(!in_memory(vq, &vq->sg_hit[n % VIRTQUEUE_HITS], desc->addr, desc->len))) {
        wrong = "is not in memory";
    } else if (desc->flags & VRING_DESC_F_WRITE) {
        elem->in_num++;
    } else if (unlikely(elem->in_num)) {
        wrong = "is to be read after one that is to be written";
    } else {
        elem->out_num++;
    }
    if (unlikely(wrong)) {
        virtio_error(vq->vdev, "queue %d: buffer %u of a chain, %u bytes at 0x%" PRIx64 ", %s",
                     vq->index, n, desc->len, desc->addr, wrong);
        return false;
    }
    elem->out_sg[n] = (struct iovec){ (void *)(uintptr_t)desc->addr, desc->len };
    return true;
}

/* All descriptors from @i on. */
static inline bool read_chain(VirtQueue *vq, VirtQueueElement *elem, unsigned int i)
{
    ChainReader chain = { .table = (const char *)vq->desc, .num = vq->num, .left = vq->num };

    for (;;) {
        struct vring_desc desc;

        if (unlikely(i >= chain.num)) {
            virtio_error(vq->vdev, "queue %d: descriptor %u of a table of %u", vq->index, i,
                         chain.num);
            return false;
        }
        if (unlikely(chain.left-- == 0)) {
            virtio_error(vq->vdev, "queue %d: the chain that begins at %u is a loop", vq->index,
                         elem->index);
            return false;
        }
        desc = read_desc(&chain, i);
        i = desc.next;
        if (desc.flags & VRING_DESC_F_INDIRECT) {
            if (!enter_indirect(vq, &chain, &desc)) {
                return false;
            }
            i = 0;
        } else if (!add_buffer(vq, elem, &desc)) {
            return false;
        } else if (!(desc.flags & VRING_DESC_F_NEXT)) {
            return true;
        }
    }
}

/* Whether the driver may give us the chain that begins at @head. */
static inline bool head_ok(VirtQueue *vq, unsigned int head)
{
    if (unlikely(head >= vq->num)) {
        virtio_error(vq->vdev, "queue %d: a chain begins at %u of %u descriptors", vq->index, head,
                     vq->num);
        return false;
    }
    if (unlikely(vq->in_flight[head])) {
        virtio_error(vq->vdev, "queue %d: the chain that begins at %u is in use", vq->index, head);
        return false;
    }
    return true;
}

void *virtqueue_pop(VirtQueue *vq, size_t sz)
{
    VirtQueueElement *elem;
    unsigned int head;

    g_assert(sz <= vq->elem_size);
    if (unlikely(!vq->desc || virtio_device_broken(vq->vdev)) ||
        (vq->shadow_avail_idx == vq->last_avail_idx && !look_for_chains(vq))) {
        return NULL;
    }
    head = qatomic_read(&vq->avail->ring[vq->last_avail_idx & (vq->num - 1)]);
    if (!head_ok(vq, head)) {
        return NULL;
    }
    elem = virtio_queue_get_element(vq, head);
    elem->index = head;
    elem->out_num = elem->in_num = 0;
    elem->out_sg = (void *)((char *)elem + vq->sg_offset);
    if (!read_chain(vq, elem, head)) {
        return NULL;
    }
    elem->in_sg = elem->out_sg + elem->out_num;
    vq->in_flight[head] = true;
    vq->last_avail_idx++;
    vq->inuse++;
    return elem;
}

/* ---- handing it back
 * ------------------------------------------------------------------------------ */

void virtqueue_fill(VirtQueue *vq, const VirtQueueElement *elem, unsigned int len, unsigned int idx)
{
    vq->in_flight[elem->index] = false;
    if (unlikely(virtio_device_broken(vq->vdev))) {
        return;
    }
    vq->used->ring[(vq->used_count + idx) & (vq->num - 1u)] =
        (struct vring_used_elem){ .id = elem->index, .len = len };
}

void virtqueue_flush(VirtQueue *vq, unsigned int count)
{
    vq->inuse -= count;
    if (unlikely(virtio_device_broken(vq->vdev))) {
        return;
    }
    vq->used_count += count;
    /* Ring entries, and what was written to buffers, before the index: pairs with the acquire in
     * vring-driver.c, look_for_used(). */
    qatomic_store_release(&vq->used->idx, (uint16_t)vq->used_count);
}

void virtqueue_push(VirtQueue *vq, const VirtQueueElement *elem, unsigned int len)
{
    virtqueue_fill(vq, elem, len, 0);
    virtqueue_flush(vq, 1);
}

void virtqueue_detach_element(VirtQueue *vq, const VirtQueueElement *elem, unsigned int len)
{
    (void)len;
    vq->in_flight[elem->index] = false;
    vq->inuse--;
}

void virtqueue_unpop(VirtQueue *vq, const VirtQueueElement *elem, unsigned int len)
{
    vq->last_avail_idx--;
    virtqueue_detach_element(vq, elem, len);
}

unsigned int virtio_queue_get_inuse(const VirtQueue *vq)
{
    return vq->inuse;
}

/* ---- interrupts wanted or not
 * -------------------------------------------------------------------- */

bool virtio_should_notify(VirtIODevice *vdev, VirtQueue *vq)
{
    uint32_t old = vq->signalled_used;
    uint32_t count = vq->used_count;

    if (unlikely(!vq->desc || virtio_device_broken(vdev)) || old == count) {
        return false;
    }
    /* Either we see that the driver wants to be told, or it sees used->idx when it looks once more.
     * Pairs with the barrier in vring-driver.c, ask_for_interrupt(). */
    smp_mb();
    vq->signalled_used = count;
    if (!vq->event_idx) {
        return !(qatomic_read(&vq->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
    }
    /* Once around, and any event has been passed. */
    return count - old > UINT16_MAX ||
           vring_need_event(qatomic_read(vring_used_event(vq->avail, vq->num)), count, old);
}
