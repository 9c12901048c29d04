/* A virtio device with one queue and its driver in one thread, for the tests of virtio.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_UNIT_VIRTIO_TEST_H
#define QAIO_TESTS_UNIT_VIRTIO_TEST_H

#include "virtio/virtio.h"
#include "virtio/vring-driver.h"

#define TEST_MAX_SG 8

#define F_INDIRECT  (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT_IDX (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

/* The four combinations of the two. */
extern const uint64_t test_ring_features[4];

/* What the device of these tests keeps per request. */
typedef struct TestElement {
    VirtQueueElement elem;
    int pops;
} TestElement;

typedef struct TestQueue {
    VirtIODevice vdev;
    VirtQueue *vq;
    VringDriver *drv;
    struct vring_desc *desc; /* the driver's memory, for who writes there by hand */
    struct vring_avail *avail;
    struct vring_used *used;
    unsigned int num;
    uint8_t
        *buf; /* TEST_QUEUE_BUF bytes that the device may reach, in the middle of a larger block */
    int handled;    /* runs of the queue's handler */
    int interrupts; /* calls of vdev->notify */
    void (*handle)(struct TestQueue *q);
} TestQueue;

#define TEST_QUEUE_BUF   (256 * 1024)
#define TEST_QUEUE_GUARD 4096 /* bytes on both sides of buf that the device may not reach */

/* A queue of @num entries with @features on both sides and notifiers, started. */
void test_queue_init(TestQueue *q, unsigned int num, uint64_t features);
void test_queue_cleanup(TestQueue *q);

/* What a guest does before it uses the device: features, size, rings. */
void test_queue_start(TestQueue *q, uint64_t features);

/* Add a chain of @out and @in buffers of 16 bytes, whose token is @id + 1; the driver has room. */
void test_queue_add(TestQueue *q, unsigned int out, unsigned int in, uintptr_t id);

/* Pop; there is one. */
TestElement *test_queue_pop(TestQueue *q);

#endif
