/*
 * A file of fio's as a virtual disk: virtio-blk devices, and the driver that a guest has for them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A disk has qaio_queues queues. Without IOThreads they are one device's, which runs in the job's
 * thread. With IOThreads each of these serves a device of its own over the same file, to which a
 * share of the queues belongs: a BlockBackend works in one thread.
 *
 *     queue      0    1    2    3          disk number k of all, with two IOThreads:
 *     device     0    1    0    1
 *     IOThread   k   k+1   k   k+1         modulo the number of IOThreads
 *
 * The driver's side, and all functions here, are the job's thread's.
 */
#ifndef QAIO_ENGINE_VIRTIO_DISK_H
#define QAIO_ENGINE_VIRTIO_DISK_H

#include "engine/engine.h"
#include "engine/iothreads.h"
#include "virtio/virtio-blk-dataplane.h"
#include "virtio/vring-driver.h"

/* A request as the guest has it in its memory, and whose it is. */
struct virtio_request {
    struct virtio_blk_outhdr hdr;
    struct virtio_blk_discard_write_zeroes range; /* of a trim */
    uint8_t status;
    bool done;              /* of one without r */
    struct qaio_request *r; /* NULL: somebody waits for it */
} __attribute__((aligned(64)));

struct disk_queue {
    VringDriver *drv;
    VirtQueue *vq;
    struct disk_device *dev;
    bool to_kick;
    bool busy;
    QSLIST_ENTRY(disk_queue) next_kick;
    QTAILQ_ENTRY(disk_queue) next_busy;
};

struct disk_device {
    VirtIOBlock vblk;
    VirtIOBlockDataPlane *dataplane; /* NULL: without IOThread */
    AioContext *ctx;                 /* the IOThread's; NULL as above */
    BlockBackend *blk;
    struct virtio_disk *disk;
    struct disk_queue *queues;
    unsigned nqueues;
    BlockAcctStats stats;
    int stop_error;      /* atomic; why it stopped, 0 if it did not */
    bool stop_by_a_read; /* valid when stop_error has been seen */
};

struct virtio_disk {
    struct qaio_virtio *v;
    struct fio_file *f;
    struct disk_device *devices;
    unsigned ndevices;
    unsigned nqueues;
    unsigned next_queue;      /* which the next batch goes to */
    struct disk_queue *queue; /* which this batch goes to; NULL: none has begun */
    unsigned in_flight;
};

/* What a job has in common for all its disks: qd->virtio. */
struct qaio_virtio {
    struct qaio_data *qd;
    struct virtio_request *requests; /* as qd->requests, and one more */
    struct qaio_iothread *iothreads;
    unsigned niothreads;

    /* Since the last commit. */
    struct qaio_request **batch;
    unsigned nbatch;
    QSLIST_HEAD(, disk_queue) to_kick;

    /* Queues that may have something for us: without IOThreads those of which the device has said
     * so, with IOThreads all that have chains with the device. */
    QTAILQ_HEAD(, disk_queue) busy;

    bool broken;       /* without IOThreads: some device or ring broke */
    bool stop_pending; /* atomic; a device has stopped since we looked */
    int failed;        /* the job is at its end: a positive errno; else 0 */

    uint64_t kicks, interrupts; /* of the disks that have been closed */
    uint64_t stops;
    int64_t cpu_ns_at_start; /* of the job's thread */
    AioStats aio_stats;      /* of all IOThreads, when somebody has asked */
};

/* The processor time that the job's thread has used since it was set up. */
int64_t virtio_job_cpu_ns(const struct qaio_virtio *v);

/* ---- disks ----------------------------------------------------------------------------------- */

/* NULL and *errp, with nothing left behind, on failure. */
struct virtio_disk *virtio_disk_open(struct qaio_virtio *v, struct fio_file *f, int open_flags,
                                     Error **errp);

/* Nothing is in flight, or the job has failed. Adds what was padded to *@padding. */
void virtio_disk_close(struct virtio_disk *disk, BdrvPaddingStats *padding);

/*
 * Put @vr, with header and status, into the queue of this batch: @out says whether the @len bytes
 * at @data (NULL: none) are for the device to read. False when that queue is full.
 */
bool virtio_disk_add(struct virtio_disk *disk, struct virtio_request *vr, void *data, size_t len,
                     bool out);

/* Show what was added to the devices, and kick those that want it. */
void virtio_kick(struct qaio_virtio *v);

/* Take what is done from the queues: to qd->complete, or vr->done. */
void virtio_harvest(struct qaio_virtio *v);

/* How @vr, which is done, ended: 0 or -errno. */
int virtio_result(const struct virtio_request *vr);

/*
 * For one who has harvested and needs more: turn the loop, or sleep until an interrupt if
 * @blocking. False, with the reason in the log and for fio, when nothing more will come: a
 * device broke, or stopped and is not to be resumed.
 */
bool virtio_wait(struct qaio_virtio *v, bool blocking);

#endif
