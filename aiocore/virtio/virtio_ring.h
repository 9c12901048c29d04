/*
 * The split virtqueue: what lies where in the memory that driver and device share. Virtio 1.x, 2.7.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     descriptor table            available ring              used ring
 *     written by the driver       written by the driver       written by the device
 *     +------+-----+------+----+  +-------+-----+--------+    +-------+-----+-----------+
 *     | addr | len |flags |next|  | flags | idx | ring[] |    | flags | idx | ring[]    |
 *     | addr | len |flags |next|  +-------+-----+ of num |    +-------+-----+ of num    |
 *     |  ...          num of them | heads of chains      |    | { head, bytes written } |
 *     +------+-----+------+----+  +----------------------+    +-------------------------+
 *                                 | used_event           |    | avail_event             |
 *                                 +----------------------+    +-------------------------+
 *
 * A request is a chain of descriptors: first those that the device reads, then those that it
 * writes. Both idx count all chains ever offered or used, modulo 65536; the chain number i is in
 * ring[i % num]. An indirect descriptor stands for a table of descriptors elsewhere.
 *
 * Who does not want to be told of the next chain says so to the other side: in its own ring's
 * flags; or, with VIRTIO_RING_F_EVENT_IDX, by the number of the chain with which it wants to be
 * told, which the driver writes to used_event and the device to avail_event.
 *
 * This is all that virtio.c (the device's side) and vring-driver.c (the driver's) have in common.
 */
#ifndef QAIO_VIRTIO_VIRTIO_RING_H
#define QAIO_VIRTIO_VIRTIO_RING_H

#include "base/osdep.h"

/* Everything in these structures is little-endian. Fields are used as they are, and so the machine
 * has to be: every one that qaio has been tried on is. */
_Static_assert(G_BYTE_ORDER == G_LITTLE_ENDIAN, "virtqueues are little-endian");

#define VRING_SIZE_MIN 2
#define VRING_SIZE_MAX 1024

/* Feature bits. */
#define VIRTIO_RING_F_INDIRECT_DESC 28
#define VIRTIO_RING_F_EVENT_IDX     29
#define VIRTIO_F_VERSION_1          32

/* vring_desc.flags */
#define VRING_DESC_F_NEXT     1 /* the chain goes on at next */
#define VRING_DESC_F_WRITE    2 /* the device writes here, and does not read */
#define VRING_DESC_F_INDIRECT 4 /* addr and len are those of a table of descriptors */

#define VRING_USED_F_NO_NOTIFY     1 /* vring_used.flags: the device needs no kick */
#define VRING_AVAIL_F_NO_INTERRUPT 1 /* vring_avail.flags: the driver needs no interrupt */

/* What the parts must be aligned to. */
#define VRING_DESC_ALIGN  16
#define VRING_AVAIL_ALIGN 2
#define VRING_USED_ALIGN  4

struct vring_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct vring_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[]; /* then used_event */
};

struct vring_used_elem {
    uint32_t id;
    uint32_t len;
};

struct vring_used {
    uint16_t flags;
    uint16_t idx;
    struct vring_used_elem ring[]; /* then avail_event */
};

/* Whether a virtqueue may have @num entries. */
static inline bool vring_size_valid(unsigned int num)
{
    return num >= VRING_SIZE_MIN && num <= VRING_SIZE_MAX && (num & (num - 1)) == 0;
}

/* Bytes of each part, event fields included: they are there whether they are used or not. */
static inline size_t vring_desc_bytes(unsigned int num)
{
    return num * sizeof(struct vring_desc);
}

static inline size_t vring_avail_bytes(unsigned int num)
{
    return sizeof(struct vring_avail) + (num + 1) * sizeof(uint16_t);
}

static inline size_t vring_used_bytes(unsigned int num)
{
    return sizeof(struct vring_used) + num * sizeof(struct vring_used_elem) + sizeof(uint16_t);
}

static inline uint16_t *vring_used_event(struct vring_avail *avail, unsigned int num)
{
    return &avail->ring[num];
}

static inline uint16_t *vring_avail_event(struct vring_used *used, unsigned int num)
{
    return (uint16_t *)&used->ring[num];
}

/* Whether a side that went from index @old_idx to @new_idx has passed chain number @event, and so
 * must tell the other. */
static inline bool vring_need_event(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
    return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old_idx);
}

#endif
