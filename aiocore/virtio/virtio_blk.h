/*
 * virtio-blk: what driver and device say to each other. Virtio 1.x, 5.2.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A request is a chain of buffers that hold, one after the other and cut wherever the driver likes:
 *
 *     the device reads      outhdr | data of a write, or segments of a discard
 *     the device writes              data of a read, or the ID                    | status
 *
 * Little-endian, as virtio_ring.h says. Offsets and lengths are in sectors of 512 bytes, whatever
 * the device's blocks are.
 */
#ifndef QAIO_VIRTIO_VIRTIO_BLK_STANDARD_H
#define QAIO_VIRTIO_VIRTIO_BLK_STANDARD_H

#include "base/osdep.h"

#define BDRV_SECTOR_BITS 9
#define BDRV_SECTOR_SIZE (1u << BDRV_SECTOR_BITS)

/* Feature bits. */
#define VIRTIO_BLK_F_SEG_MAX      2  /* seg_max of the configuration counts */
#define VIRTIO_BLK_F_BLK_SIZE     6  /* blk_size does */
#define VIRTIO_BLK_F_FLUSH        9  /* there is a flush, and it is needed where wce is 1 */
#define VIRTIO_BLK_F_MQ           12 /* num_queues does */
#define VIRTIO_BLK_F_DISCARD      13 /* max_discard_* and discard_sector_alignment do */
#define VIRTIO_BLK_F_WRITE_ZEROES 14 /* and max_write_zeroes_* */

/* What the driver can read about the device. */
struct virtio_blk_config {
    uint64_t capacity; /* sectors */
    uint32_t size_max;
    uint32_t seg_max; /* data buffers in one request */
    uint16_t cylinders;
    uint8_t heads;
    uint8_t sectors;
    uint32_t blk_size; /* bytes */
    uint8_t physical_block_exp;
    uint8_t alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t wce; /* 1: a write may be lost until it is flushed */
    uint8_t unused;
    uint16_t num_queues;
    uint32_t max_discard_sectors;
    uint32_t max_discard_seg;
    uint32_t discard_sector_alignment;
    uint32_t max_write_zeroes_sectors;
    uint32_t max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap;
    uint8_t unused1[3];
} __attribute__((packed));

_Static_assert(sizeof(struct virtio_blk_config) == 60, "the layout is that of the specification");

/* outhdr.type. What the device reads data for has bit 0; BARRIER is a flag of long ago, ignored. */
#define VIRTIO_BLK_T_IN           0
#define VIRTIO_BLK_T_OUT          1
#define VIRTIO_BLK_T_FLUSH        4
#define VIRTIO_BLK_T_GET_ID       8
#define VIRTIO_BLK_T_DISCARD      11
#define VIRTIO_BLK_T_WRITE_ZEROES 13
#define VIRTIO_BLK_T_BARRIER      0x80000000u

struct virtio_blk_outhdr {
    uint32_t type;
    uint32_t ioprio;
    uint64_t sector;
};

/* The data of discard and write zeroes. */
struct virtio_blk_discard_write_zeroes {
    uint64_t sector;
    uint32_t num_sectors;
    uint32_t flags;
};

#define VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP 1 /* the device may give up the blocks */

/* The status byte. */
#define VIRTIO_BLK_S_OK     0
#define VIRTIO_BLK_S_IOERR  1
#define VIRTIO_BLK_S_UNSUPP 2

#define VIRTIO_BLK_ID_BYTES 20 /* shorter ones end with a 0 */

#endif
