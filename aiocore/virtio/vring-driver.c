/*
 * The driver's side of a virtqueue.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Free descriptors are a list through their next fields, in the driver's own memory: what is in the
 * shared table the device could change, and is only ever written. The head of a chain is also the
 * index of what the driver knows of it (Chain), and of its indirect table.
 *
 * One block of memory holds everything that the device sees:
 *
 *     descriptors | available ring | used ring | indirect table of head 0 | of head 1 | ...
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "base/memalign.h"
#include "virtio/vring-driver.h"

#define CACHE_LINE 64

typedef struct Chain {
    void *token;       /* NULL: no chain begins here */
    uint64_t in_bytes; /* that the device may write */
    uint16_t ndescs;   /* that it takes of the table */
    uint16_t tail;     /* the last of these */
    uint16_t next;     /* of a descriptor: the next free one, or the next of its chain */
} Chain;

struct VringDriver {
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    struct vring_desc *tables; /* NULL: no indirect descriptors */
    size_t table_stride;       /* in descriptors */
    Chain *chains;

    uint16_t mask; /* num - 1 */
    uint16_t max_sg;
    uint16_t num_free;
    uint16_t free_head;
    uint16_t avail_idx; /* with chains that the device does not see yet */
    uint16_t shown_idx; /* avail->idx */
    uint16_t last_used; /* taken from the used ring so far */
    uint16_t seen_used; /* used->idx when we looked last */
    bool event_idx;     /* VIRTIO_RING_F_EVENT_IDX */
    bool interrupts;    /* what the device was told last */
    const char *error;  /* NULL: none */

    uint64_t kicks;
    uint64_t nchains;

    void *memory;
    size_t size;
};

/* ---- making and resetting -------------------------------------------------------------------- */

static void free_all_descriptors(VringDriver *drv)
{
    unsigned int num = drv->mask + 1u;

    for (unsigned int i = 0; i < num; i++) {
        drv->chains[i] = (Chain){ .next = i + 1 };
    }
    drv->free_head = 0;
    drv->num_free = num;
}

void vring_driver_reset(VringDriver *drv)
{
    memset(drv->memory, 0, drv->size);
    free_all_descriptors(drv);
    drv->avail_idx = drv->shown_idx = 0;
    drv->last_used = drv->seen_used = 0;
    drv->interrupts = true;
    drv->error = NULL;
}

/* Where the parts are in the block, which is allocated when its size is known. */
static void lay_out(VringDriver *drv, unsigned int num, bool indirect)
{
    size_t avail = QEMU_ALIGN_UP(vring_desc_bytes(num), CACHE_LINE);
    size_t used = QEMU_ALIGN_UP(avail + vring_avail_bytes(num), CACHE_LINE);
    size_t tables = QEMU_ALIGN_UP(used + vring_used_bytes(num), CACHE_LINE);

    /* An odd number of cache lines, lest the tables all begin in the same few sets of a cache. */
    drv->table_stride = (DIV_ROUND_UP(drv->max_sg, 4u) | 1) * 4;
    drv->size = tables + (indirect ? num * vring_desc_bytes(drv->table_stride) : 0);
    drv->memory = qemu_memalign(MAX((size_t)getpagesize(), CACHE_LINE), drv->size);
    drv->desc = drv->memory;
    drv->avail = (void *)((char *)drv->memory + avail);
    drv->used = (void *)((char *)drv->memory + used);
    drv->tables = indirect ? (void *)((char *)drv->memory + tables) : NULL;
}

VringDriver *vring_driver_new(unsigned int num, unsigned int max_sg, uint64_t features)
{
    bool indirect = features & (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC);
    VringDriver *drv;

    /* A table of its own lets a chain be longer than the queue. */
    if (!vring_size_valid(num) || max_sg == 0 || max_sg > (indirect ? VRING_SIZE_MAX : num)) {
        return NULL;
    }
    drv = g_new0(VringDriver, 1);
    drv->mask = num - 1;
    drv->max_sg = max_sg;
    drv->event_idx = features & (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX);
    drv->chains = g_new0(Chain, num);
    lay_out(drv, num, indirect);
    vring_driver_reset(drv);
    return drv;
}

void vring_driver_free(VringDriver *drv)
{
    if (drv) {
        qemu_vfree(drv->memory);
        g_free(drv->chains);
        g_free(drv);
    }
}

void *vring_driver_memory(VringDriver *drv, size_t *size)
{
    *size = drv->size;
    return drv->memory;
}

struct vring_desc *vring_driver_desc(VringDriver *drv)
{
    return drv->desc;
}

struct vring_avail *vring_driver_avail(VringDriver *drv)
{
    return drv->avail;
}

struct vring_used *vring_driver_used(VringDriver *drv)
{
    return drv->used;
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* @n buffers, with @flags, as descriptors from @first of a table on, each with a successor. Returns
 * how many bytes they hold. */
static inline uint64_t write_buffers(struct vring_desc *table, unsigned int first,
                                     const struct iovec *sg, unsigned int n, uint16_t flags)
{
    uint64_t bytes = 0;

    for (unsigned int i = 0; i < n; i++) {
        bytes += sg[i].iov_len;
        table[first + i] = (struct vring_desc){ .addr = (uintptr_t)sg[i].iov_base,
                                                .len = sg[i].iov_len,
                                                .flags = flags | VRING_DESC_F_NEXT,
                                                .next = first + i + 1 };
    }
    return bytes;
}

/* The two ways to write the chain whose head is the first free descriptor. */

static inline void write_indirect(VringDriver *drv, Chain *chain, uint16_t head,
                                  const struct iovec *sg, unsigned int out, unsigned int in)
{
    struct vring_desc *table = &drv->tables[head * drv->table_stride];

    write_buffers(table, 0, sg, out, 0);
    chain->in_bytes = write_buffers(table, out, sg + out, in, VRING_DESC_F_WRITE);
    table[out + in - 1].flags = in ? VRING_DESC_F_WRITE : 0;
    drv->desc[head] = (struct vring_desc){ .addr = (uintptr_t)table,
                                           .len = vring_desc_bytes(out + in),
                                           .flags = VRING_DESC_F_INDIRECT };
    chain->ndescs = 1;
    chain->tail = head;
}

static void write_direct(VringDriver *drv, Chain *chain, uint16_t head, const struct iovec *sg,
                         unsigned int out, unsigned int in)
{
    uint16_t at = head;

    chain->in_bytes = 0;
    chain->ndescs = out + in;
    for (unsigned int i = 0; i < out + in; i++) {
        bool last = i + 1 == out + in;

        drv->desc[at] = (struct vring_desc){
            .addr = (uintptr_t)sg[i].iov_base,
            .len = sg[i].iov_len,
            .flags = (i < out ? 0 : VRING_DESC_F_WRITE) | (last ? 0 : VRING_DESC_F_NEXT),
            .next = drv->chains[at].next,
        };
        chain->in_bytes += i < out ? 0 : sg[i].iov_len;
        chain->tail = at;
        at = drv->chains[at].next;
    }
}

int vring_driver_add(VringDriver *drv, const struct iovec *sg, unsigned int out, unsigned int in,
                     void *token)
{
    unsigned int n = out + in;
    bool indirect = drv->tables && n > 1;
    uint16_t head = drv->free_head;
    Chain *chain = &drv->chains[head];

    if (unlikely(drv->error)) {
        return -EIO;
    }
    if (unlikely(n == 0 || n > drv->max_sg)) {
        return -EINVAL;
    }
    if (unlikely(drv->num_free < (indirect ? 1 : n))) {
        return -ENOSPC;
    }
    if (likely(indirect)) {
        write_indirect(drv, chain, head, sg, out, in);
    } else {
        write_direct(drv, chain, head, sg, out, in);
    }
    chain->token = token;
    drv->free_head = drv->chains[chain->tail].next;
    drv->num_free -= chain->ndescs;
    drv->avail->ring[drv->avail_idx++ & drv->mask] = head;
    drv->nchains++;
    return 0;
}

/* ---- kicks ---------------------------------------------------------------------------------- */

bool vring_driver_kick_prepare(VringDriver *drv)
{
    uint16_t old = drv->shown_idx;
    uint16_t idx = drv->avail_idx;
    bool kick;

    if (idx == old) {
        return false;
    }
    /* Descriptors and ring entries before the index: pairs with the acquire of avail->idx in
     * virtqueue.c, look_for_chains(). */
    qatomic_store_release(&drv->avail->idx, idx);
    drv->shown_idx = idx;

    /* Either we see that the device wants a kick, or it sees the chains when it looks once more.
     * Pairs with the barrier in virtqueue.c, ask_for_kicks(). tests/model/virtio-notify.pml. */
    smp_mb();
    if (drv->event_idx) {
        kick =
            vring_need_event(qatomic_read(vring_avail_event(drv->used, drv->mask + 1u)), idx, old);
    } else {
        kick = !(qatomic_read(&drv->used->flags) & VRING_USED_F_NO_NOTIFY);
    }
    drv->kicks += kick;
    return kick;
}

/* ---- interrupts ----------------------------------------------------------------------------- */

/* For the chain that follows those we have taken. The device's answer to it is in what it does
 * after the barrier: it interrupts, or has used something already, which the caller then sees.
 * Pairs with the barrier in virtqueue.c, virtio_should_notify(). */
static void ask_for_interrupt(VringDriver *drv)
{
    if (drv->event_idx) {
        qatomic_set(vring_used_event(drv->avail, drv->mask + 1u), drv->last_used);
    } else {
        qatomic_set(&drv->avail->flags, 0);
    }
    smp_mb();
}

bool vring_driver_enable_interrupts(VringDriver *drv)
{
    drv->interrupts = true;
    ask_for_interrupt(drv);
    return !vring_driver_used_pending(drv);
}

void vring_driver_disable_interrupts(VringDriver *drv)
{
    if (!drv->interrupts) {
        return;
    }
    drv->interrupts = false;
    if (drv->event_idx) {
        /* A number that is not near: half the circle away. */
        qatomic_set(vring_used_event(drv->avail, drv->mask + 1u), drv->last_used + 0x8000);
    } else {
        qatomic_set(&drv->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
    }
}

/* ---- what comes back ------------------------------------------------------------------------ */

static QAIO_COLD void device_is_wrong(VringDriver *drv, const char *what)
{
    drv->error = what;
}

bool vring_driver_used_pending(const VringDriver *drv)
{
    return !drv->error && qatomic_read(&drv->used->idx) != drv->last_used;
}

/* Look at the device's index. Whether it used chains that we have not taken. */
static bool look_for_used(VringDriver *drv)
{
    /* Ring entries and data after the index: pairs with the release in virtqueue_flush(). */
    drv->seen_used = qatomic_load_acquire(&drv->used->idx);

    /* With event index, who asked for an interrupt asked for the one that has come. */
    if (drv->seen_used == drv->last_used && drv->interrupts && drv->event_idx) {
        ask_for_interrupt(drv);
        drv->seen_used = qatomic_load_acquire(&drv->used->idx);
    }
    if (unlikely((uint16_t)(drv->seen_used - drv->last_used) >
                 (uint16_t)(drv->shown_idx - drv->last_used))) {
        device_is_wrong(drv, "the device used more chains than it was shown");
        return false;
    }
    return drv->seen_used != drv->last_used;
}

static inline void free_chain(VringDriver *drv, uint16_t head)
{
    Chain *chain = &drv->chains[head];

    chain->token = NULL;
    drv->chains[chain->tail].next = drv->free_head;
    drv->free_head = head;
    drv->num_free += chain->ndescs;
}

void *vring_driver_get(VringDriver *drv, uint32_t *len)
{
    const struct vring_used_elem *elem = &drv->used->ring[drv->last_used & drv->mask];
    uint32_t id, written;
    void *token;

    if (unlikely(drv->error) || (drv->seen_used == drv->last_used && !look_for_used(drv))) {
        return NULL;
    }
    id = qatomic_read(&elem->id);
    written = qatomic_read(&elem->len);
    if (unlikely(id > drv->mask || !drv->chains[id].token)) {
        device_is_wrong(drv, "the device used a chain that it does not have");
        return NULL;
    }
    if (unlikely(written > drv->chains[id].in_bytes)) {
        device_is_wrong(drv, "the device wrote more than it was given room for");
        return NULL;
    }
    token = drv->chains[id].token;
    free_chain(drv, id);
    drv->last_used++;
    if (len) {
        *len = written;
    }
    return token;
}

/* ---- questions ------------------------------------------------------------------------------ */

unsigned int vring_driver_inflight(const VringDriver *drv)
{
    return (uint16_t)(drv->avail_idx - drv->last_used);
}

const char *vring_driver_error(const VringDriver *drv)
{
    return drv->error;
}

uint64_t vring_driver_kicks(const VringDriver *drv)
{
    return drv->kicks;
}

uint64_t vring_driver_chains(const VringDriver *drv)
{
    return drv->nchains;
}
