/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "virtio-test.h"

const uint64_t test_ring_features[4] = { 0, F_INDIRECT, F_EVENT_IDX, F_INDIRECT | F_EVENT_IDX };

static TestQueue *queue_of(VirtIODevice *vdev)
{
    return container_of(vdev, TestQueue, vdev);
}

static void handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    TestQueue *q = queue_of(vdev);

    g_assert_true(vq == q->vq);
    q->handled++;
    if (q->handle) {
        q->handle(q);
    }
}

static void interrupted(VirtIODevice *vdev, VirtQueue *vq)
{
    g_assert_true(vq == queue_of(vdev)->vq);
    queue_of(vdev)->interrupts++;
}

void test_queue_start(TestQueue *q, uint64_t features)
{
    g_assert_cmpint(virtio_set_features(&q->vdev, features), ==, 0);
    virtio_queue_set_num(&q->vdev, 0, q->num);
    virtio_queue_set_rings(&q->vdev, 0, (uintptr_t)q->desc, (uintptr_t)q->avail,
                           (uintptr_t)q->used);
}

static void share_memory(TestQueue *q)
{
    size_t size;
    void *memory = vring_driver_memory(q->drv, &size);

    g_assert_cmpint(virtio_add_memory_region(&q->vdev, memory, size), ==, 0);
    g_assert_cmpint(virtio_add_memory_region(&q->vdev, q->buf, TEST_QUEUE_BUF), ==, 0);
}

void test_queue_init(TestQueue *q, unsigned int num, uint64_t features)
{
    uint8_t *block = g_malloc0(TEST_QUEUE_BUF + 2 * TEST_QUEUE_GUARD);

    *q = (TestQueue){ .num = num, .buf = block + TEST_QUEUE_GUARD };
    virtio_init(&q->vdev, VIRTIO_ID_BLOCK, 0);
    q->vdev.host_features = F_INDIRECT | F_EVENT_IDX;
    q->vdev.notify = interrupted;
    q->vq = virtio_add_queue(&q->vdev, num, handle_output);
    g_assert_nonnull(q->vq);
    virtio_queue_set_element(q->vq, sizeof(TestElement), TEST_MAX_SG);
    g_assert_cmpint(virtio_queue_set_host_notifier(q->vq, true), ==, 0);
    g_assert_cmpint(virtio_queue_set_guest_notifier(q->vq, true), ==, 0);

    q->drv = vring_driver_new(num, MIN(num, TEST_MAX_SG), features);
    g_assert_nonnull(q->drv);
    q->desc = vring_driver_desc(q->drv);
    q->avail = vring_driver_avail(q->drv);
    q->used = vring_driver_used(q->drv);
    share_memory(q);
    test_queue_start(q, features);
    g_assert_null(virtio_error_message(&q->vdev));
}

void test_queue_cleanup(TestQueue *q)
{
    virtio_cleanup(&q->vdev);
    vring_driver_free(q->drv);
    g_free(q->buf - TEST_QUEUE_GUARD);
}

void test_queue_add(TestQueue *q, unsigned int out, unsigned int in, uintptr_t id)
{
    struct iovec sg[TEST_MAX_SG];

    for (unsigned int i = 0; i < out + in; i++) {
        sg[i] = (struct iovec){ q->buf + (id * TEST_MAX_SG + i) * 16 % TEST_QUEUE_BUF, 16 };
    }
    g_assert_cmpint(vring_driver_add(q->drv, sg, out, in, (void *)(id + 1)), ==, 0);
}

TestElement *test_queue_pop(TestQueue *q)
{
    TestElement *e = virtqueue_pop(q->vq, sizeof(TestElement));

    g_assert_nonnull(e);
    e->pops++;
    return e;
}
