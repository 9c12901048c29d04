/* The split virtqueue, both sides: layout, all sizes and features, indexes that wrap, who tells
 * whom, the device in an AioContext, and driver and device in two threads that sleep.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/atomic.h"
#include "util.h"
#include "virtio-test.h"

#include <poll.h>

/* ---- memory: calls for it are counted ------------------------------------------------------- */

static unsigned long allocations;

#define COUNTED(type, name, params, args) \
    type __real_##name params;            \
    type __wrap_##name params;            \
    type __wrap_##name params             \
    {                                     \
        qatomic_inc(&allocations);        \
        return __real_##name args;        \
    }

COUNTED(void *, malloc, (size_t size), (size))
COUNTED(void *, calloc, (size_t n, size_t size), (n, size))
COUNTED(void *, g_malloc, (gsize size), (size))
COUNTED(void *, g_malloc0, (gsize size), (size))
COUNTED(void *, g_malloc_n, (gsize n, gsize size), (n, size))
COUNTED(void *, g_malloc0_n, (gsize n, gsize size), (n, size))
COUNTED(void *, g_realloc_n, (gpointer p, gsize n, gsize size), (p, n, size))
COUNTED(int, posix_memalign, (void **p, size_t align, size_t size), (p, align, size))

/* ---- layout --------------------------------------------------------------------------------- */

/* The numbers of virtio 1.x, 2.7. */
static void test_layout(void)
{
    g_assert_cmpint(sizeof(struct vring_desc), ==, 16);
    g_assert_cmpint(offsetof(struct vring_desc, addr), ==, 0);
    g_assert_cmpint(offsetof(struct vring_desc, len), ==, 8);
    g_assert_cmpint(offsetof(struct vring_desc, flags), ==, 12);
    g_assert_cmpint(offsetof(struct vring_desc, next), ==, 14);
    g_assert_cmpint(offsetof(struct vring_avail, idx), ==, 2);
    g_assert_cmpint(offsetof(struct vring_avail, ring), ==, 4);
    g_assert_cmpint(sizeof(struct vring_used_elem), ==, 8);
    g_assert_cmpint(offsetof(struct vring_used_elem, len), ==, 4);
    g_assert_cmpint(offsetof(struct vring_used, idx), ==, 2);
    g_assert_cmpint(offsetof(struct vring_used, ring), ==, 4);
    g_assert_cmpint(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE << 4 | VRING_DESC_F_INDIRECT << 8, ==,
                    0x421);
    g_assert_cmpint(VRING_AVAIL_F_NO_INTERRUPT, ==, 1);
    g_assert_cmpint(VRING_USED_F_NO_NOTIFY, ==, 1);
    g_assert_cmpint(VIRTIO_RING_F_INDIRECT_DESC, ==, 28);
    g_assert_cmpint(VIRTIO_RING_F_EVENT_IDX, ==, 29);
}

/* 16 * size, 6 + 2 * size, 6 + 8 * size; the event fields are the last two bytes. */
static void test_layout_sizes(void)
{
    for (unsigned int num = 2; num <= 1024; num *= 2) {
        struct vring_avail *avail = g_malloc0(vring_avail_bytes(num));
        struct vring_used *used = g_malloc0(vring_used_bytes(num));

        g_assert_cmpint(vring_desc_bytes(num), ==, 16 * num);
        g_assert_cmpint(vring_avail_bytes(num), ==, 6 + 2 * num);
        g_assert_cmpint(vring_used_bytes(num), ==, 6 + 8 * num);
        g_assert_cmpint((char *)vring_used_event(avail, num) - (char *)avail, ==, 4 + 2 * num);
        g_assert_cmpint((char *)vring_avail_event(used, num) - (char *)used, ==, 4 + 8 * num);
        g_free(avail);
        g_free(used);
    }
}

static void test_invalid_sizes(void)
{
    static const int sizes[] = { -2, 0, 1, 3, 6, 100, 1000, 1023, 1025, 2048, 65536 };
    VirtIODevice vdev;

    virtio_init(&vdev, VIRTIO_ID_BLOCK, 8);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        g_assert_null(virtio_add_queue(&vdev, sizes[i], NULL));
        g_assert_null(vring_driver_new(sizes[i], 1, 0));
    }
    for (int i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        g_assert_nonnull(virtio_add_queue(&vdev, 2, NULL));
    }
    g_assert_null(virtio_add_queue(&vdev, 2, NULL));
    virtio_cleanup(&vdev);

    g_assert_null(vring_driver_new(4, 0, 0));
    g_assert_null(vring_driver_new(4, 5, 0));
    g_assert_null(vring_driver_new(4, VRING_SIZE_MAX + 1, F_INDIRECT));
}

/* ---- requests ------------------------------------------------------------------------------- */

static void check_element(TestQueue *q, const VirtQueueElement *e, unsigned int out,
                          unsigned int in, uintptr_t id)
{
    g_assert_cmpint(e->out_num, ==, out);
    g_assert_cmpint(e->in_num, ==, in);
    g_assert_true(e->in_sg == e->out_sg + out);
    for (unsigned int i = 0; i < out + in; i++) {
        g_assert_true(e->out_sg[i].iov_base ==
                      q->buf + (id * TEST_MAX_SG + i) * 16 % TEST_QUEUE_BUF);
        g_assert_cmpint(e->out_sg[i].iov_len, ==, 16);
    }
}

/* Fill the queue with chains of each shape that fits, hand them back in an order of our own, take
 * them: every one comes back once, with its length. */
static void full_round(TestQueue *q, unsigned int out, unsigned int in, bool indirect)
{
    unsigned int n = q->num / (indirect && out + in > 1 ? 1 : out + in);
    VirtQueueElement **elems = g_new(VirtQueueElement *, n);
    bool *seen = g_new0(bool, n);
    struct iovec extra[TEST_MAX_SG] = { { q->buf, 1 } };

    for (unsigned int i = 0; i < n; i++) {
        test_queue_add(q, out, in, i);
    }
    g_assert_cmpint(vring_driver_inflight(q->drv), ==, n);
    if (n * (out + in) == q->num || indirect) {
        g_assert_cmpint(vring_driver_add(q->drv, extra, 1, 0, q), ==, -ENOSPC);
    }
    g_assert_null(virtqueue_pop(q->vq, sizeof(TestElement)));
    vring_driver_kick_prepare(q->drv);
    for (unsigned int i = 0; i < n; i++) {
        elems[i] = &test_queue_pop(q)->elem;
        check_element(q, elems[i], out, in, i);
    }
    g_assert_null(virtqueue_pop(q->vq, sizeof(TestElement)));
    g_assert_cmpint(virtio_queue_get_inuse(q->vq), ==, n);
    for (unsigned int i = 0; i < n; i++) {
        virtqueue_push(q->vq, elems[out % 2 ? i : n - 1 - i], in * 16);
    }
    g_assert_cmpint(virtio_queue_get_inuse(q->vq), ==, 0);
    for (unsigned int i = 0; i < n; i++) {
        uint32_t len;
        uintptr_t id = (uintptr_t)vring_driver_get(q->drv, &len) - 1;

        g_assert_cmpint(id, <, n);
        g_assert_false(seen[id]);
        seen[id] = true;
        g_assert_cmpint(len, ==, in * 16);
    }
    g_assert_null(vring_driver_get(q->drv, NULL));
    g_assert_cmpint(vring_driver_inflight(q->drv), ==, 0);
    g_free(elems);
    g_free(seen);
}

static void test_all_sizes(void)
{
    for (unsigned int num = 2; num <= 1024; num *= 2) {
        for (int f = 0; f < 4; f++) {
            bool indirect = test_ring_features[f] & F_INDIRECT;
            unsigned int max = MIN(num, TEST_MAX_SG);
            TestQueue q;

            test_queue_init(&q, num, test_ring_features[f]);
            g_assert_cmpint(virtio_queue_get_num(&q.vdev, 0), ==, num);
            for (unsigned int n = 1; n <= max; n++) {
                for (unsigned int out = 0; out <= n; out++) {
                    full_round(&q, out, n - out, indirect);
                }
            }
            g_assert_null(virtio_error_message(&q.vdev));
            g_assert_null(vring_driver_error(q.drv));
            test_queue_cleanup(&q);
        }
    }
}

/* 2.2 times around 65536, a batch that does not divide it, the oldest chain kept for a while. */
static void test_indexes_wrap(void)
{
    for (int f = 0; f < 4; f++) {
        TestQueue q;
        uintptr_t id = 0;
        uintptr_t got = 0;

        test_queue_init(&q, 8, test_ring_features[f]);
        while (got < 144000) {
            for (int i = 0; i < 3; i++) {
                test_queue_add(&q, 1, 1, id++);
            }
            vring_driver_kick_prepare(q.drv);
            for (int i = 0; i < 3; i++) {
                virtqueue_push(q.vq, &test_queue_pop(&q)->elem, 16);
            }
            virtio_notify(&q.vdev, q.vq);
            for (int i = 0; i < 3; i++) {
                g_assert_cmpint((uintptr_t)vring_driver_get(q.drv, NULL), ==, ++got);
            }
        }
        g_assert_cmpint(vring_driver_chains(q.drv), ==, id);
        g_assert_null(virtio_error_message(&q.vdev));
        test_queue_cleanup(&q);
    }
}

/* Each head has its element, with what the device model left in it. */
static void test_elements_stay(void)
{
    TestQueue q;

    test_queue_init(&q, 4, 0);
    for (int i = 0; i < 4; i++) {
        TestElement *e;

        test_queue_add(&q, 1, 0, 0);
        vring_driver_kick_prepare(q.drv);
        e = test_queue_pop(&q);
        g_assert_true(e == virtio_queue_get_element(q.vq, e->elem.index));
        g_assert_cmpint(e->pops, ==, i + 1); /* the driver uses the same head again */
        virtqueue_push(q.vq, &e->elem, 0);
        g_assert_nonnull(vring_driver_get(q.drv, NULL));
    }
    test_queue_cleanup(&q);
}

static void test_driver_refuses(void)
{
    struct iovec sg[TEST_MAX_SG + 1] = { 0 };
    TestQueue q;

    test_queue_init(&q, 16, 0);
    g_assert_cmpint(vring_driver_add(q.drv, sg, 0, 0, &q), ==, -EINVAL);
    g_assert_cmpint(vring_driver_add(q.drv, sg, TEST_MAX_SG, 1, &q), ==, -EINVAL);
    g_assert_false(vring_driver_kick_prepare(q.drv));
    test_queue_cleanup(&q);
}

/* With tables of their own, chains may be longer than the queue. */
static void test_indirect_longer_than_queue(void)
{
    VringDriver *drv = vring_driver_new(2, TEST_MAX_SG, F_INDIRECT);
    TestQueue q;

    test_queue_init(&q, 2, F_INDIRECT);
    vring_driver_free(q.drv);
    q.drv = drv;
    q.desc = vring_driver_desc(drv);
    q.avail = vring_driver_avail(drv);
    q.used = vring_driver_used(drv);
    virtio_reset(&q.vdev);
    {
        size_t size;
        void *memory = vring_driver_memory(drv, &size);

        virtio_add_memory_region(&q.vdev, memory, size);
    }
    test_queue_start(&q, F_INDIRECT);
    full_round(&q, 3, TEST_MAX_SG - 3, true);
    g_assert_null(virtio_error_message(&q.vdev));
    test_queue_cleanup(&q);
}

/* Ordinary descriptors first and an indirect one last: unusual, and allowed. The table is at an odd
 * address. */
static void test_indirect_at_the_end(void)
{
    struct vring_desc table[2];
    VirtQueueElement *e;
    TestQueue q;

    test_queue_init(&q, 4, F_INDIRECT);
    table[0] = (struct vring_desc){ (uintptr_t)q.buf + 100, 5, VRING_DESC_F_NEXT, 1 };
    table[1] = (struct vring_desc){ (uintptr_t)q.buf + 200, 6, VRING_DESC_F_WRITE, 0 };
    memcpy(q.buf + 1001, table, sizeof(table));
    q.desc[3] = (struct vring_desc){ (uintptr_t)q.buf, 4, VRING_DESC_F_NEXT, 1 };
    q.desc[1] =
        (struct vring_desc){ (uintptr_t)q.buf + 1001, sizeof(table), VRING_DESC_F_INDIRECT, 9 };
    q.avail->ring[0] = 3;
    q.avail->idx = 1;

    e = &test_queue_pop(&q)->elem;
    g_assert_cmpint(e->index, ==, 3);
    g_assert_cmpint(e->out_num, ==, 2);
    g_assert_cmpint(e->in_num, ==, 1);
    g_assert_cmpint(e->out_sg[0].iov_len, ==, 4);
    g_assert_cmpint(e->out_sg[1].iov_len, ==, 5);
    g_assert_cmpint(e->in_sg[0].iov_len, ==, 6);
    g_assert_true(e->in_sg[0].iov_base == q.buf + 200);
    virtqueue_push(q.vq, e, 6);
    test_queue_cleanup(&q);
}

/* Several at once: the driver sees none before the flush. */
static void test_fill_and_flush(void)
{
    VirtQueueElement *e[3];
    TestQueue q;

    test_queue_init(&q, 4, 0);
    for (int i = 0; i < 3; i++) {
        test_queue_add(&q, 0, 1, i);
    }
    vring_driver_kick_prepare(q.drv);
    for (int i = 0; i < 3; i++) {
        e[i] = &test_queue_pop(&q)->elem;
        virtqueue_fill(q.vq, e[i], 10 + i, i);
    }
    g_assert_false(vring_driver_used_pending(q.drv));
    virtqueue_flush(q.vq, 3);
    for (int i = 0; i < 3; i++) {
        uint32_t len;

        g_assert_cmpint((uintptr_t)vring_driver_get(q.drv, &len), ==, i + 1);
        g_assert_cmpint(len, ==, 10 + i);
    }
    test_queue_cleanup(&q);
}

static void test_unpop_and_detach(void)
{
    VirtQueueElement *e;
    TestQueue q;

    test_queue_init(&q, 4, F_INDIRECT);
    test_queue_add(&q, 1, 1, 0);
    test_queue_add(&q, 1, 1, 1);
    vring_driver_kick_prepare(q.drv);
    e = &test_queue_pop(&q)->elem;
    virtqueue_unpop(q.vq, e, 0);
    g_assert_cmpint(virtio_queue_get_inuse(q.vq), ==, 0);
    g_assert_false(virtio_queue_empty(q.vq));
    g_assert_true(&test_queue_pop(&q)->elem == e);
    virtqueue_detach_element(q.vq, e, 0);
    g_assert_cmpint(virtio_queue_get_inuse(q.vq), ==, 0);
    virtqueue_push(q.vq, &test_queue_pop(&q)->elem, 0);
    g_assert_cmpint((uintptr_t)vring_driver_get(q.drv, NULL), ==, 2);
    g_assert_null(vring_driver_get(q.drv, NULL));
    g_assert_cmpint(vring_driver_inflight(q.drv), ==, 1);
    test_queue_cleanup(&q);
}

static void reset_hook(VirtIODevice *vdev)
{
    TestQueue *q = container_of(vdev, TestQueue, vdev);

    virtqueue_detach_element(q->vq, virtio_queue_get_element(q->vq, 0), 0);
}

/* Both sides begin anew at 0, with other features and another size. */
static void test_reset(void)
{
    TestQueue q;

    test_queue_init(&q, 8, F_EVENT_IDX);
    test_queue_add(&q, 1, 1, 0);
    vring_driver_kick_prepare(q.drv);
    test_queue_pop(&q);
    q.vdev.reset = reset_hook;
    virtio_reset(&q.vdev);
    g_assert_false(virtio_queue_ready(q.vq));
    g_assert_true(virtio_queue_empty(q.vq));
    g_assert_null(virtqueue_pop(q.vq, sizeof(TestElement)));
    g_assert_false(virtio_vdev_has_feature(&q.vdev, VIRTIO_RING_F_EVENT_IDX));

    vring_driver_reset(q.drv);
    g_assert_cmpint(vring_driver_inflight(q.drv), ==, 0);
    test_queue_start(&q, F_EVENT_IDX);
    full_round(&q, 2, 2, false);
    q.vdev.reset = NULL;
    test_queue_cleanup(&q);
}

static void test_features(void)
{
    TestQueue q;

    test_queue_init(&q, 2, 0);
    g_assert_cmpint(virtio_set_features(&q.vdev, UINT64_C(1) << VIRTIO_F_VERSION_1), ==, -EINVAL);
    g_assert_false(virtio_vdev_has_feature(&q.vdev, VIRTIO_F_VERSION_1));
    g_assert_cmpint(virtio_set_features(&q.vdev, F_INDIRECT), ==, 0);
    g_assert_true(virtio_vdev_has_feature(&q.vdev, VIRTIO_RING_F_INDIRECT_DESC));
    test_queue_cleanup(&q);
}

/* ---- memory regions ------------------------------------------------------------------------- */

static void check_regions(const VirtIODevice *vdev, const hwaddr (*want)[2], int n)
{
    g_assert_cmpint(vdev->nregions, ==, n);
    for (int i = 0; i < n; i++) {
        g_assert_cmphex(vdev->regions[i].base, ==, want[i][0]);
        g_assert_cmphex(vdev->regions[i].end, ==, want[i][1]);
    }
}

static void test_memory_regions(void)
{
    VirtIODevice vdev;

    virtio_init(&vdev, VIRTIO_ID_BLOCK, 0);
    g_assert_cmpint(virtio_add_memory_region(&vdev, (void *)0x5000, 0), ==, -EINVAL);
    g_assert_cmpint(virtio_add_memory_region(&vdev, (void *)-0x1000, 0x2000), ==, -EINVAL);
    virtio_add_memory_region(&vdev, (void *)0x5000, 0x1000);
    virtio_add_memory_region(&vdev, (void *)0x1000, 0x1000);
    virtio_add_memory_region(&vdev, (void *)0x9000, 0x1000);
    check_regions(&vdev,
                  (hwaddr[][2]){ { 0x1000, 0x2000 }, { 0x5000, 0x6000 }, { 0x9000, 0xa000 } }, 3);
    virtio_add_memory_region(&vdev, (void *)0x6000, 0x1000); /* touches the second's end */
    virtio_add_memory_region(&vdev, (void *)0x4000, 0x1000); /* and its beginning */
    virtio_add_memory_region(&vdev, (void *)0x3800, 0x1000); /* overlaps it */
    virtio_add_memory_region(&vdev, (void *)0x5100, 0x10);   /* is in it */
    check_regions(&vdev,
                  (hwaddr[][2]){ { 0x1000, 0x2000 }, { 0x3800, 0x7000 }, { 0x9000, 0xa000 } }, 3);
    virtio_add_memory_region(&vdev, (void *)0x1800, 0x7900); /* joins all */
    check_regions(&vdev, (hwaddr[][2]){ { 0x1000, 0xa000 } }, 1);
    virtio_cleanup(&vdev);
}

/* ---- who tells whom ------------------------------------------------------------------------- */

/* By its definition: chain number event is among those from old to before new. */
static void test_need_event(void)
{
    for (uint32_t i = 0; i < 300000; i++) {
        uint16_t old = g_test_rand_int();
        unsigned int step = g_test_rand_int_range(0, 1100);
        uint16_t event = old + g_test_rand_int_range(-3, 1103);

        g_assert_cmpint(vring_need_event(event, old + step, old), ==,
                        (uint16_t)(event - old) < step);
    }
    g_assert_true(vring_need_event(0, 1, 0));
    g_assert_false(vring_need_event(1, 1, 0));
    g_assert_true(vring_need_event(0xffff, 0, 0xffff));
    g_assert_false(vring_need_event(0xffff, 0xffff, 0xfffe));
    g_assert_false(vring_need_event(7, 7, 7));
}

static bool add_and_kick(TestQueue *q, int n)
{
    for (int i = 0; i < n; i++) {
        test_queue_add(q, 1, 0, i);
    }
    return vring_driver_kick_prepare(q->drv);
}

static void pop_push_all(TestQueue *q)
{
    TestElement *e;

    while ((e = virtqueue_pop(q->vq, sizeof(*e)))) {
        virtqueue_push(q->vq, &e->elem, 0);
    }
}

static int get_all(TestQueue *q)
{
    int n = 0;

    while (vring_driver_get(q->drv, NULL)) {
        n++;
    }
    return n;
}

static void test_kicks(void)
{
    for (int f = 0; f < 4; f++) {
        bool event_idx = test_ring_features[f] & F_EVENT_IDX;
        TestQueue q;

        test_queue_init(&q, 16, test_ring_features[f]);
        g_assert_true(virtio_queue_get_notification(q.vq));
        g_assert_true(add_and_kick(&q, 2));
        g_assert_false(vring_driver_kick_prepare(q.drv)); /* nothing new */
        /* The device has not looked since: with event index one kick is enough. */
        g_assert_cmpint(add_and_kick(&q, 1), ==, !event_idx);
        pop_push_all(&q);
        g_assert_true(add_and_kick(&q, 1)); /* it has, and asks anew by itself */
        pop_push_all(&q);

        virtio_queue_set_notification(q.vq, 0);
        g_assert_false(virtio_queue_get_notification(q.vq));
        g_assert_false(add_and_kick(&q, 3));
        g_assert_false(virtio_queue_empty(q.vq));
        pop_push_all(&q);
        g_assert_false(add_and_kick(&q, 1));
        virtio_queue_set_notification(q.vq, 1);
        g_assert_false(virtio_queue_empty(q.vq)); /* came before: found by the second look */
        pop_push_all(&q);
        virtio_queue_set_notification(q.vq, 1);
        g_assert_true(virtio_queue_empty(q.vq));
        g_assert_true(add_and_kick(&q, 1));
        g_assert_cmpint(vring_driver_kicks(q.drv), ==, event_idx ? 3 : 4);
        test_queue_cleanup(&q);
    }
}

static bool push_and_notify(TestQueue *q, int n)
{
    int before = q->interrupts;

    for (int i = 0; i < n; i++) {
        virtqueue_push(q->vq, &test_queue_pop(q)->elem, 0);
    }
    virtio_notify(&q->vdev, q->vq);
    return q->interrupts > before;
}

static void test_interrupts(void)
{
    for (int f = 0; f < 4; f++) {
        bool event_idx = test_ring_features[f] & F_EVENT_IDX;
        TestQueue q;

        test_queue_init(&q, 64, test_ring_features[f]);
        add_and_kick(&q, 40);
        g_assert_true(push_and_notify(&q, 2));
        g_assert_false(push_and_notify(&q, 0)); /* nothing new */
        g_assert_cmpint(push_and_notify(&q, 1), ==, !event_idx);
        g_assert_cmpint(get_all(&q), ==, 3);
        g_assert_true(push_and_notify(&q, 1)); /* who has taken all asks anew */
        g_assert_cmpint(get_all(&q), ==, 1);

        vring_driver_disable_interrupts(q.drv);
        g_assert_false(push_and_notify(&q, 3));
        g_assert_true(vring_driver_used_pending(q.drv));
        g_assert_cmpint(get_all(&q), ==, 3);
        g_assert_false(push_and_notify(&q, 1));
        g_assert_false(vring_driver_enable_interrupts(q.drv)); /* do not sleep */
        g_assert_cmpint(get_all(&q), ==, 1);
        g_assert_true(vring_driver_enable_interrupts(q.drv));
        g_assert_true(push_and_notify(&q, 1));
        g_assert_cmpint(virtio_queue_get_interrupts(q.vq), ==, event_idx ? 3 : 4);
        test_queue_cleanup(&q);
    }
}

/* Pushed while disabled, taken, and disabled again before the device asked: with event index that
 * must not look as if the driver waited for one of these. */
static void test_no_interrupt_for_what_was_taken(void)
{
    TestQueue q;

    test_queue_init(&q, 16, F_EVENT_IDX);
    vring_driver_disable_interrupts(q.drv);
    add_and_kick(&q, 3);
    pop_push_all(&q);
    g_assert_cmpint(get_all(&q), ==, 3);
    vring_driver_enable_interrupts(q.drv);
    vring_driver_disable_interrupts(q.drv);
    virtio_notify(&q.vdev, q.vq);
    g_assert_cmpint(q.interrupts, ==, 0);
    test_queue_cleanup(&q);
}

/* While neither wants to know, there is hardly a kick or an interrupt in several times around. */
static void test_hardly_any_while_polling(void)
{
    for (int f = 0; f < 4; f++) {
        TestQueue q;

        test_queue_init(&q, 64, test_ring_features[f]);
        virtio_queue_set_notification(q.vq, 0);
        vring_driver_disable_interrupts(q.drv);
        for (int i = 0; i < 200000 / 32; i++) {
            add_and_kick(&q, 32);
            pop_push_all(&q);
            virtio_notify(&q.vdev, q.vq);
            g_assert_cmpint(get_all(&q), ==, 32);
        }
        g_assert_cmpint(vring_driver_kicks(q.drv), <=, 4);
        g_assert_cmpint(virtio_queue_get_interrupts(q.vq), <=, 4);
        test_queue_cleanup(&q);
    }
}

/* More than once around without a question: any event may have been passed. */
static void test_interrupt_after_once_around(void)
{
    TestQueue q;

    test_queue_init(&q, 64, F_EVENT_IDX);
    vring_driver_disable_interrupts(q.drv);
    for (int i = 0; i < 0x10000 / 64; i++) {
        add_and_kick(&q, 64);
        pop_push_all(&q);
        g_assert_cmpint(get_all(&q), ==, 64);
    }
    g_assert_true(virtio_should_notify(&q.vdev, q.vq));
    g_assert_false(virtio_should_notify(&q.vdev, q.vq));
    test_queue_cleanup(&q);
}

static void test_irqfd(void)
{
    TestQueue q;

    test_queue_init(&q, 4, 0);
    add_and_kick(&q, 1);
    pop_push_all(&q);
    g_assert_false(event_notifier_test_and_clear(virtio_queue_get_guest_notifier(q.vq)));
    virtio_notify_irqfd(&q.vdev, q.vq);
    g_assert_true(event_notifier_test_and_clear(virtio_queue_get_guest_notifier(q.vq)));
    g_assert_cmpint(q.interrupts, ==, 0);
    g_assert_cmpint(virtio_queue_get_interrupts(q.vq), ==, 1);
    test_queue_cleanup(&q);
}

/* ---- what the driver checks ----------------------------------------------------------------- */

static void check_driver_error(const struct vring_used_elem *elem, uint16_t idx, const char *what)
{
    TestQueue q;

    test_queue_init(&q, 4, F_INDIRECT);
    test_queue_add(&q, 1, 2, 0);
    vring_driver_kick_prepare(q.drv);
    q.used->ring[0] = *elem;
    q.used->idx = idx;
    g_assert_null(vring_driver_get(q.drv, NULL));
    g_assert_nonnull(strstr(vring_driver_error(q.drv), what));
    g_assert_false(vring_driver_used_pending(q.drv));
    g_assert_cmpint(vring_driver_add(q.drv, &(struct iovec){ q.buf, 1 }, 1, 0, &q), ==, -EIO);
    vring_driver_reset(q.drv);
    g_assert_null(vring_driver_error(q.drv));
    test_queue_cleanup(&q);
}

static void test_driver_checks(void)
{
    check_driver_error(&(struct vring_used_elem){ 4, 0 }, 1, "does not have");
    check_driver_error(&(struct vring_used_elem){ 1, 0 }, 1, "does not have");
    check_driver_error(&(struct vring_used_elem){ UINT32_MAX, 0 }, 1, "does not have");
    check_driver_error(&(struct vring_used_elem){ 0, 33 }, 1, "wrote more");
    check_driver_error(&(struct vring_used_elem){ 0, 0 }, 2, "more chains");
    check_driver_error(&(struct vring_used_elem){ 0, 0 }, 0xffff, "more chains");
}

/* ---- in an AioContext ----------------------------------------------------------------------- */

static void serve(TestQueue *q)
{
    TestElement *e;
    bool suppress = virtio_queue_get_notification(q->vq);

    do {
        if (suppress) {
            virtio_queue_set_notification(q->vq, 0);
        }
        while ((e = virtqueue_pop(q->vq, sizeof(*e)))) {
            virtqueue_push(q->vq, &e->elem, 0);
        }
        if (suppress) {
            virtio_queue_set_notification(q->vq, 1);
        }
    } while (!virtio_queue_empty(q->vq));
    virtio_notify_irqfd(&q->vdev, q->vq);
}

static void kick(TestQueue *q, int n)
{
    if (add_and_kick(q, n)) {
        event_notifier_set(virtio_queue_get_host_notifier(q->vq));
    }
}

static void test_attached(void)
{
    for (int f = 0; f < 4; f++) {
        AioContext *ctx = test_context_new();
        TestQueue q;

        test_queue_init(&q, 16, test_ring_features[f]);
        q.handle = serve;
        virtio_queue_aio_attach_host_notifier(q.vq, ctx);
        g_assert_false(aio_poll(ctx, false));
        kick(&q, 3);
        while (q.handled == 0) {
            aio_poll(ctx, true);
        }
        g_assert_cmpint(get_all(&q), ==, 3);
        kick(&q, 1);
        TEST_POLL_UNTIL(ctx, vring_driver_used_pending(q.drv));

        aio_disable_external(ctx);
        kick(&q, 1);
        g_assert_cmpint(get_all(&q), ==, 1);
        aio_poll(ctx, false);
        g_assert_cmpint(get_all(&q), ==, 0);
        aio_enable_external(ctx);
        TEST_POLL_UNTIL(ctx, get_all(&q) == 1);

        virtio_queue_aio_detach_host_notifier(q.vq, ctx);
        test_queue_cleanup(&q);
        test_context_free(ctx);
    }
}

typedef struct Detach {
    TestQueue *q;
    AioContext *ctx;
    bool done;
} Detach;

static void detach_bh(void *opaque)
{
    Detach *d = opaque;

    virtio_queue_aio_detach_host_notifier(d->q->vq, d->ctx);
    qatomic_store_release(&d->done, true);
}

static void detach_at_home(TestQueue *q, AioContext *ctx)
{
    Detach d = { .q = q, .ctx = ctx };

    aio_bh_schedule_oneshot(ctx, detach_bh, &d);
    TEST_WAIT_FOR(d.done);
}

/* While the loop polls, chains are found without a kick; when it sleeps, they come with one. */
static void test_polled(void)
{
    int rounds = test_runs_on_valgrind() ? 20 : 2000; /* it lets one thread run for long */

    for (int f = 0; f < 4; f++) {
        TestHome home = { 0 };
        TestQueue q;

        test_queue_init(&q, 16, test_ring_features[f]);
        q.handle = serve;
        vring_driver_disable_interrupts(q.drv);
        test_home_start(&home);
        aio_context_set_poll_params(home.ctx, 2 * NANOSECONDS_PER_SECOND, 0, 0, &error_abort);
        virtio_queue_aio_attach_host_notifier(q.vq, home.ctx);
        for (int i = 0; i < rounds; i++) {
            kick(&q, 2);
            for (int got = 0; got < 2; got += get_all(&q)) {
                g_thread_yield();
            }
        }
        if (!test_runs_on_valgrind()) {
            g_assert_cmpint(vring_driver_kicks(q.drv), <, 1000);
        }
        aio_context_set_poll_params(home.ctx, 0, 0, 0, &error_abort);
        for (int i = 0; i < 3; i++) { /* asleep by now */
            g_usleep(20000);
            kick(&q, 1);
            for (int got = 0; got < 1; got += get_all(&q)) {
                g_thread_yield();
            }
        }
        g_assert_cmpint(virtio_queue_get_interrupts(q.vq), <, 5);
        detach_at_home(&q, home.ctx);
        test_home_stop(&home);
        test_queue_cleanup(&q);
    }
}

/* Chains that come without a kick while nobody serves the queue are served when it is attached. */
static void test_attach_looks(void)
{
    AioContext *ctx = test_context_new();
    TestQueue q;

    test_queue_init(&q, 16, F_EVENT_IDX);
    q.handle = serve;
    virtio_queue_set_notification(q.vq, 0);
    kick(&q, 2);
    g_assert_cmpint(vring_driver_kicks(q.drv), ==, 0);
    virtio_queue_aio_attach_host_notifier(q.vq, ctx);
    TEST_POLL_UNTIL(ctx, get_all(&q) == 2);
    g_assert_true(add_and_kick(&q, 1)); /* and it sleeps until the next kick */
    virtio_queue_aio_detach_host_notifier(q.vq, ctx);
    test_queue_cleanup(&q);
    test_context_free(ctx);
}

/* A broken device does not keep the loop busy, nor does one without rings. */
static void test_broken_is_not_polled(void)
{
    AioContext *ctx = test_context_new();
    TestQueue q;

    test_queue_init(&q, 4, 0);
    q.handle = serve;
    virtio_queue_aio_attach_host_notifier(q.vq, ctx);
    virtio_error(&q.vdev, "says the test");
    kick(&q, 1);
    aio_poll(ctx, true); /* the kick is taken */
    g_assert_false(aio_poll(ctx, false));
    virtio_queue_notify(&q.vdev, 0);
    g_assert_cmpint(q.handled, ==, 0);
    virtio_reset(&q.vdev);
    virtio_queue_notify(&q.vdev, 0);
    g_assert_cmpint(q.handled, ==, 0);
    vring_driver_reset(q.drv);
    test_queue_start(&q, 0);
    kick(&q, 1);
    TEST_POLL_UNTIL(ctx, get_all(&q) == 1);
    virtio_queue_aio_detach_host_notifier(q.vq, ctx);
    test_queue_cleanup(&q);
    test_context_free(ctx);
}

/* ---- two threads ---------------------------------------------------------------------------- */

typedef struct Stress {
    TestQueue q;
    uint64_t total;
    uint64_t done;
} Stress;

static void sleep_on(EventNotifier *n)
{
    struct pollfd pfd = { .fd = event_notifier_get_fd(n), .events = POLLIN };
    int ret;

    do {
        ret = poll(&pfd, 1, 30000);
    } while (ret < 0 && errno == EINTR);
    g_assert_cmpint(ret, ==, 1); /* 0: somebody forgot to tell us */
    event_notifier_test_and_clear(n);
}

/* The sum of what is read goes to where is written, so that data is seen to travel too. */
static void answer(Stress *s, TestElement *e)
{
    uint64_t n;

    memcpy(&n, e->elem.out_sg[0].iov_base, sizeof(n));
    n = ~n;
    memcpy(e->elem.in_sg[0].iov_base, &n, sizeof(n));
    virtqueue_push(s->q.vq, &e->elem, sizeof(n));
    s->done++;
}

static void *device_thread(void *opaque)
{
    Stress *s = opaque;
    TestQueue *q = &s->q;
    TestElement *e;

    while (s->done < s->total) {
        virtio_queue_set_notification(q->vq, 0);
        while ((e = virtqueue_pop(q->vq, sizeof(*e)))) {
            answer(s, e);
            if (s->done % 3 == 0) {
                virtio_notify_irqfd(&q->vdev, q->vq);
            }
        }
        virtio_notify_irqfd(&q->vdev, q->vq);
        virtio_queue_set_notification(q->vq, 1);
        if (virtio_queue_empty(q->vq) && s->done < s->total) {
            sleep_on(virtio_queue_get_host_notifier(q->vq));
        }
    }
    return NULL;
}

/* A cell per request in flight: a number, and the room for its answer. */
static void ask(Stress *s, uint64_t i)
{
    uint64_t *cell = (uint64_t *)s->q.buf + 2 * (i % (4 * s->q.num));
    struct iovec sg[] = { { cell, 8 }, { cell + 1, 8 } };

    cell[0] = i;
    g_assert_cmpint(vring_driver_add(s->q.drv, sg, 1, 1, cell), ==, 0);
}

static uint64_t take_answers(Stress *s)
{
    uint64_t n = 0;
    uint64_t *cell;

    while ((cell = vring_driver_get(s->q.drv, NULL))) {
        g_assert_cmphex(cell[1], ==, ~cell[0]);
        n++;
    }
    g_assert_null(vring_driver_error(s->q.drv));
    return n;
}

static void stress(unsigned int num, unsigned int depth, uint64_t features, uint64_t total)
{
    Stress s = { .total = total };
    uint64_t asked = 0;
    uint64_t got = 0;
    unsigned long before;
    GThread *device;

    test_queue_init(&s.q, num, features);
    device = g_thread_new("device", device_thread, &s);
    g_thread_yield();
    before = qatomic_read(&allocations);
    while (got < total) {
        while (asked < total && asked - got < depth) {
            ask(&s, asked++);
            if (asked % 5 == 0 && vring_driver_kick_prepare(s.q.drv)) {
                event_notifier_set(virtio_queue_get_host_notifier(s.q.vq));
            }
        }
        if (vring_driver_kick_prepare(s.q.drv)) {
            event_notifier_set(virtio_queue_get_host_notifier(s.q.vq));
        }
        if (vring_driver_enable_interrupts(s.q.drv)) {
            sleep_on(virtio_queue_get_guest_notifier(s.q.vq));
        }
        vring_driver_disable_interrupts(s.q.drv);
        got += take_answers(&s);
    }
    g_assert_cmpint(qatomic_read(&allocations), ==, before);
    g_thread_join(device);
    g_assert_null(virtio_error_message(&s.q.vdev));
    test_queue_cleanup(&s.q);
}

static void test_two_threads(void)
{
    uint64_t total = test_runs_on_valgrind() ? 2000 : 20000;

    for (int f = 0; f < 4; f++) {
        stress(4, 1, test_ring_features[f], total);
        stress(16, 7, test_ring_features[f], 2 * total);
    }
    stress(256, 128, F_EVENT_IDX | F_INDIRECT, 5 * total);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_no_allocation(void)
{
    for (int f = 0; f < 4; f++) {
        unsigned long before;
        TestQueue q;

        before = qatomic_read(&allocations);
        test_queue_init(&q, 64, test_ring_features[f]);
        g_assert_cmpint(qatomic_read(&allocations), >, before); /* they are counted */
        before = qatomic_read(&allocations);
        for (int i = 0; i < 1000; i++) {
            for (int j = 0; j < 16; j++) {
                test_queue_add(&q, 1, 2, j);
            }
            kick(&q, 0);
            serve(&q);
            g_assert_cmpint(get_all(&q), ==, 16);
        }
        g_assert_cmpint(qatomic_read(&allocations), ==, before);
        test_queue_cleanup(&q);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vring/layout/fields", test_layout);
    g_test_add_func("/vring/layout/sizes", test_layout_sizes);
    g_test_add_func("/vring/layout/invalid-sizes", test_invalid_sizes);
    g_test_add_func("/vring/requests/all-sizes", test_all_sizes);
    g_test_add_func("/vring/requests/indexes-wrap", test_indexes_wrap);
    g_test_add_func("/vring/requests/elements-stay", test_elements_stay);
    g_test_add_func("/vring/requests/driver-refuses", test_driver_refuses);
    g_test_add_func("/vring/requests/indirect-longer-than-queue", test_indirect_longer_than_queue);
    g_test_add_func("/vring/requests/indirect-at-the-end", test_indirect_at_the_end);
    g_test_add_func("/vring/requests/fill-and-flush", test_fill_and_flush);
    g_test_add_func("/vring/requests/unpop-and-detach", test_unpop_and_detach);
    g_test_add_func("/vring/requests/reset", test_reset);
    g_test_add_func("/vring/requests/features", test_features);
    g_test_add_func("/vring/memory-regions", test_memory_regions);
    g_test_add_func("/vring/notify/need-event", test_need_event);
    g_test_add_func("/vring/notify/kicks", test_kicks);
    g_test_add_func("/vring/notify/interrupts", test_interrupts);
    g_test_add_func("/vring/notify/none-for-what-was-taken", test_no_interrupt_for_what_was_taken);
    g_test_add_func("/vring/notify/hardly-any-while-polling", test_hardly_any_while_polling);
    g_test_add_func("/vring/notify/once-around", test_interrupt_after_once_around);
    g_test_add_func("/vring/notify/irqfd", test_irqfd);
    g_test_add_func("/vring/driver-checks", test_driver_checks);
    g_test_add_func("/vring/loop/attached", test_attached);
    g_test_add_func("/vring/loop/polled", test_polled);
    g_test_add_func("/vring/loop/attach-looks", test_attach_looks);
    g_test_add_func("/vring/loop/broken-is-not-polled", test_broken_is_not_polled);
    g_test_add_func("/vring/threads", test_two_threads);
    g_test_add_func("/vring/no-allocation", test_no_allocation);
    return g_test_run();
}
