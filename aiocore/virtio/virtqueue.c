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

/* ---- kicks wanted or not -------------------------------------------------------------------- */

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

/* ---- taking a chain ------------------------------------------------------------------------- */

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

/* Where descriptors are: in the queue's table, or one that an indirect descriptor stands for. */
typedef struct Table {
    const char *desc; /* struct vring_desc, which need not be aligned there */
    unsigned int num;
    bool indirect;
} Table;

/* The descriptor, read once: the compiler does not see where these two numbers come from, and so
 * cannot fetch them again. */
static inline struct vring_desc read_desc(const Table *table, unsigned int i)
{
    const char *at = table->desc + i * sizeof(struct vring_desc);
    uint64_t addr, rest;

    memcpy(&addr, at, sizeof(addr));
    memcpy(&rest, at + sizeof(addr), sizeof(rest));
    __asm__("" : "+r"(addr), "+r"(rest));
    return (
        struct vring_desc){ .addr = addr, .len = rest, .flags = rest >> 32, .next = rest >> 48 };
}

/* Whether the @len bytes at @addr, one at least, are where those before were, or anywhere else in
 * memory; that is in *@hit then. */
static inline bool in_memory(const VirtQueue *vq, VirtIOMemoryHit *hit, hwaddr addr, uint32_t len)
{
    uint64_t end;

    return likely(len != 0 && !__builtin_add_overflow(addr - hit->base, (uint64_t)len, &end) &&
                  end <= hit->size) ||
           virtio_memory_has(vq->vdev, hit, addr, len);
}

/* @desc is a copy: what has its address taken would be in memory, not in registers. */
static QAIO_COLD bool table_is_wrong(VirtQueue *vq, struct vring_desc desc, const char *what)
{
    virtio_error(vq->vdev, "queue %d: the indirect table of %u bytes at 0x%" PRIx64 " %s",
                 vq->index, desc.len, desc.addr, what);
    return false;
}

/* Go on in the table that @desc stands for. */
static inline bool enter_indirect(VirtQueue *vq, Table *table, struct vring_desc desc)
{
    if (unlikely(!vq->indirect)) {
        return table_is_wrong(vq, desc, "was not agreed on");
    }
    if (unlikely(table->indirect)) {
        return table_is_wrong(vq, desc, "is inside another");
    }
    if (unlikely(desc.flags & VRING_DESC_F_NEXT)) {
        return table_is_wrong(vq, desc, "has a successor");
    }
    if (unlikely(desc.len == 0 || desc.len % sizeof(desc))) {
        return table_is_wrong(vq, desc, "has a length that is no number of descriptors");
    }
    if (unlikely(!in_memory(vq, &vq->table_hit, desc.addr, desc.len))) {
        return table_is_wrong(vq, desc, "is not in memory");
    }
    table->desc = (void *)(uintptr_t)desc.addr;
    table->num = desc.len / sizeof(desc);
    table->indirect = true;
    return true;
}

static QAIO_COLD bool buffer_is_wrong(VirtQueue *vq, unsigned int n, struct vring_desc desc)
{
    VirtIOMemoryHit hit;
    const char *what = "is to be read after one that is to be written";

    if (n == vq->max_sg) {
        what = "is one too many: the chain is a loop, or too long";
    } else if (desc.len == 0) {
        what = "is empty";
    } else if (!virtio_memory_has(vq->vdev, &hit, desc.addr, desc.len)) {
        what = "is not in memory";
    }
    virtio_error(vq->vdev, "queue %d: buffer %u of a chain, %u bytes at 0x%" PRIx64 ", %s",
                 vq->index, n, desc.len, desc.addr, what);
    return false;
}

static QAIO_COLD bool descriptor_is_wrong(VirtQueue *vq, unsigned int i, unsigned int num)
{
    virtio_error(vq->vdev, "queue %d: descriptor %u of a table of %u", vq->index, i, num);
    return false;
}

/*
 * All buffers of @elem, whose first descriptor is its index. The way through a chain ends: each
 * turn adds a buffer, of which there may be max_sg, or enters the one table that there may be.
 */
static inline bool read_chain(VirtQueue *vq, VirtQueueElement *elem)
{
    Table table = { .desc = (const char *)vq->desc, .num = vq->num };
    struct iovec *sg = elem->out_sg;
    unsigned int i = elem->index;
    unsigned int n = 0;
    unsigned int in_num = 0;
    struct vring_desc desc;

    do {
        if (unlikely(i >= table.num)) {
            return descriptor_is_wrong(vq, i, table.num);
        }
        desc = read_desc(&table, i);
        if (desc.flags & VRING_DESC_F_INDIRECT) {
            if (!enter_indirect(vq, &table, desc)) {
                return false;
            }
            desc.flags = VRING_DESC_F_NEXT;
            i = 0;
            continue;
        }
        if (unlikely(n == vq->max_sg || !in_memory(vq, &vq->sg_hit[n], desc.addr, desc.len))) {
            return buffer_is_wrong(vq, n, desc);
        }
        if (desc.flags & VRING_DESC_F_WRITE) {
            in_num++;
        } else if (unlikely(in_num)) {
            return buffer_is_wrong(vq, n, desc);
        }
        sg[n++] = (struct iovec){ (void *)(uintptr_t)desc.addr, desc.len };
        i = desc.next;
    } while (desc.flags & VRING_DESC_F_NEXT);

    elem->in_num = in_num;
    elem->out_num = n - in_num;
    elem->in_sg = sg + elem->out_num;
    return true;
}

static QAIO_COLD void *head_is_wrong(VirtQueue *vq, unsigned int head)
{
    if (head >= vq->num) {
        virtio_error(vq->vdev, "queue %d: a chain begins at %u of %u descriptors", vq->index, head,
                     vq->num);
    } else {
        virtio_error(vq->vdev, "queue %d: the chain that begins at %u is in use", vq->index, head);
    }
    return NULL;
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
    if (unlikely(head >= vq->num || vq->in_flight[head])) {
        return head_is_wrong(vq, head);
    }
    elem = virtqueue_element(vq, head);
    elem->index = head;
    elem->out_sg = (void *)((char *)elem + vq->sg_offset);
    if (unlikely(!read_chain(vq, elem))) {
        return NULL;
    }
    vq->in_flight[head] = true;
    vq->last_avail_idx++;
    vq->inuse++;
    return elem;
}

/* ---- handing it back ------------------------------------------------------------------------ */

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

/* ---- interrupts wanted or not --------------------------------------------------------------- */

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
