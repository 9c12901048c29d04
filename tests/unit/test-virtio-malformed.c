/* What a driver can get wrong on a virtqueue, or do on purpose: each breaks its device with one
 * line that says what it was, and nothing else. SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/atomic.h"
#include "virtio-test.h"

#define NUM 16

#define NEXT     VRING_DESC_F_NEXT
#define WRITE    VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

/* Where the tables of indirect descriptors are in the driver's buffer. */
#define TABLE 4096

static struct vring_desc *table_at(TestQueue *q, size_t offset)
{
    return (struct vring_desc *)(q->buf + offset);
}

/* A descriptor of @len bytes at @offset of the driver's buffer. */
static struct vring_desc desc(const TestQueue *q, int64_t offset, uint32_t len, uint16_t flags,
                              uint16_t next)
{
    return (struct vring_desc){ (uintptr_t)q->buf + offset, len, flags, next };
}

/* Offer the chain that begins at @head. */
static void offer(TestQueue *q, uint16_t head)
{
    q->avail->ring[q->avail->idx++ % q->num] = head;
}

/* ---- what is wrong -------------------------------------------------------------------------- */

static void head_past_the_table(TestQueue *q)
{
    offer(q, NUM);
}

static void head_far_past_the_table(TestQueue *q)
{
    offer(q, 0xffff);
}

static void next_past_the_table(TestQueue *q)
{
    q->desc[0] = desc(q, 0, 16, NEXT, NUM);
    offer(q, 0);
}

static void next_past_the_indirect_table(TestQueue *q)
{
    table_at(q, TABLE)[0] = desc(q, 0, 16, NEXT, 2);
    table_at(q, TABLE)[2] = desc(q, 0, 16, 0, 0);
    q->desc[0] = desc(q, TABLE, 2 * 16, INDIRECT, 0);
    offer(q, 0);
}

static void loop_of_one(TestQueue *q)
{
    q->desc[3] = desc(q, 0, 16, NEXT, 3);
    offer(q, 3);
}

static void loop_of_two_in_a_table(TestQueue *q)
{
    table_at(q, TABLE)[0] = desc(q, 0, 16, NEXT, 1);
    table_at(q, TABLE)[1] = desc(q, 0, 16, NEXT, 0);
    q->desc[0] = desc(q, TABLE, 2 * 16, INDIRECT, 0);
    offer(q, 0);
}

static void too_many_buffers(TestQueue *q)
{
    for (int i = 0; i <= TEST_MAX_SG; i++) {
        q->desc[i] = desc(q, 0, 16, i < TEST_MAX_SG ? NEXT : 0, i + 1);
    }
    offer(q, 0);
}

static void too_many_buffers_in_a_table(TestQueue *q)
{
    for (int i = 0; i <= TEST_MAX_SG; i++) {
        table_at(q, TABLE)[i] = desc(q, 0, 16, i < TEST_MAX_SG ? NEXT : 0, i + 1);
    }
    q->desc[0] = desc(q, TABLE, (TEST_MAX_SG + 1) * 16, INDIRECT, 0);
    offer(q, 0);
}

static void empty_buffer(TestQueue *q)
{
    q->desc[0] = desc(q, 0, 0, WRITE, 0);
    offer(q, 0);
}

static void read_after_write(TestQueue *q)
{
    q->desc[0] = desc(q, 0, 16, WRITE | NEXT, 1);
    q->desc[1] = desc(q, 16, 16, 0, 0);
    offer(q, 0);
}

static void before_the_region(TestQueue *q)
{
    q->desc[0] = desc(q, -1, 16, 0, 0);
    offer(q, 0);
}

static void behind_the_region(TestQueue *q)
{
    q->desc[0] = desc(q, TEST_QUEUE_BUF, 1, 0, 0);
    offer(q, 0);
}

static void out_of_the_region(TestQueue *q)
{
    q->desc[0] = desc(q, TEST_QUEUE_BUF - 15, 16, 0, 0);
    offer(q, 0);
}

static void longer_than_all(TestQueue *q)
{
    q->desc[0] = desc(q, 0, UINT32_MAX, WRITE, 0);
    offer(q, 0);
}

static void at_zero(TestQueue *q)
{
    q->desc[0] = (struct vring_desc){ 0, 16, 0, 0 };
    offer(q, 0);
}

static void around_the_end_of_all(TestQueue *q)
{
    q->desc[0] = (struct vring_desc){ UINT64_MAX - 7, 16, 0, 0 };
    offer(q, 0);
}

/* The first buffer is right, and the cache of regions filled. */
static void second_out_of_the_region(TestQueue *q)
{
    q->desc[0] = desc(q, 0, 16, NEXT, 1);
    q->desc[1] = desc(q, TEST_QUEUE_BUF, 16, WRITE, 0);
    offer(q, 0);
}

static void indirect_empty(TestQueue *q)
{
    q->desc[0] = desc(q, TABLE, 0, INDIRECT, 0);
    offer(q, 0);
}

static void indirect_odd(TestQueue *q)
{
    table_at(q, TABLE)[0] = desc(q, 0, 16, 0, 0);
    q->desc[0] = desc(q, TABLE, 24, INDIRECT, 0);
    offer(q, 0);
}

static void indirect_outside(TestQueue *q)
{
    q->desc[0] = desc(q, -16, 16, INDIRECT, 0);
    offer(q, 0);
}

static void indirect_half_outside(TestQueue *q)
{
    table_at(q, TEST_QUEUE_BUF - 16)[0] = desc(q, 0, 16, 0, 0);
    q->desc[0] = desc(q, TEST_QUEUE_BUF - 16, 32, INDIRECT, 0);
    offer(q, 0);
}

static void indirect_around_the_end_of_all(TestQueue *q)
{
    q->desc[0] = (struct vring_desc){ UINT64_MAX - 15, 32, INDIRECT, 0 };
    offer(q, 0);
}

static void indirect_nested(TestQueue *q)
{
    table_at(q, TABLE)[0] = desc(q, TABLE, 16, INDIRECT, 0); /* itself, for ever */
    q->desc[0] = desc(q, TABLE, 16, INDIRECT, 0);
    offer(q, 0);
}

static void indirect_and_next(TestQueue *q)
{
    table_at(q, TABLE)[0] = desc(q, 0, 16, 0, 0);
    q->desc[0] = desc(q, TABLE, 16, INDIRECT | NEXT, 1);
    q->desc[1] = desc(q, 0, 16, 0, 0);
    offer(q, 0);
}

static void index_ahead(TestQueue *q)
{
    q->avail->idx = NUM + 1;
}

static void index_half_around(TestQueue *q)
{
    q->avail->idx = 0x8000;
}

static void index_backwards(TestQueue *q)
{
    q->avail->idx = 0xffff;
}

static void same_head_twice(TestQueue *q)
{
    q->desc[5] = desc(q, 0, 16, 0, 0);
    offer(q, 5);
    offer(q, 5);
}

typedef struct Malformed {
    const char *name;
    void (*write)(TestQueue *q);
    const char *says;
    int good; /* chains before the one that is wrong */
} Malformed;

static const Malformed malformed[] = {
    { "head/past-the-table", head_past_the_table, "a chain begins at 16 of 16", 0 },
    { "head/far-past-the-table", head_far_past_the_table, "a chain begins at 65535 of 16", 0 },
    { "head/twice", same_head_twice, "at 5 is in use", 1 },
    { "next/past-the-table", next_past_the_table, "descriptor 16 of a table of 16", 0 },
    { "next/past-the-indirect-table", next_past_the_indirect_table, "descriptor 2 of a table of 2",
      0 },
    { "loop/of-one", loop_of_one, "buffer 8 of a chain", 0 },
    { "loop/in-a-table", loop_of_two_in_a_table, "buffer 8 of a chain", 0 },
    { "buffer/too-many", too_many_buffers, "is a loop, or too long", 0 },
    { "buffer/too-many-in-a-table", too_many_buffers_in_a_table, "is a loop, or too long", 0 },
    { "buffer/empty", empty_buffer, "is empty", 0 },
    { "buffer/read-after-write", read_after_write, "to be read after", 0 },
    { "buffer/before-the-region", before_the_region, "is not in memory", 0 },
    { "buffer/behind-the-region", behind_the_region, "is not in memory", 0 },
    { "buffer/out-of-the-region", out_of_the_region, "is not in memory", 0 },
    { "buffer/longer-than-all", longer_than_all, "is not in memory", 0 },
    { "buffer/at-zero", at_zero, "is not in memory", 0 },
    { "buffer/around-the-end", around_the_end_of_all, "is not in memory", 0 },
    { "buffer/second-out-of-the-region", second_out_of_the_region, "buffer 1 of a chain", 0 },
    { "indirect/empty", indirect_empty, "no number of descriptors", 0 },
    { "indirect/odd-length", indirect_odd, "no number of descriptors", 0 },
    { "indirect/outside", indirect_outside, "is not in memory", 0 },
    { "indirect/half-outside", indirect_half_outside, "is not in memory", 0 },
    { "indirect/around-the-end", indirect_around_the_end_of_all, "is not in memory", 0 },
    { "indirect/nested", indirect_nested, "is inside another", 0 },
    { "indirect/and-next", indirect_and_next, "has a successor", 0 },
    { "index/ahead", index_ahead, "from 0 to 17, with 16", 0 },
    { "index/half-around", index_half_around, "from 0 to 32768", 0 },
    { "index/backwards", index_backwards, "from 0 to 65535", 0 },
};

/* ---- and what comes of it ------------------------------------------------------------------- */

/* The device is broken, and says so in one line; nothing is served, whatever else comes. */
static void check_broken(TestQueue *q, const char *says)
{
    const char *message = virtio_error_message(&q->vdev);

    g_assert_nonnull(message);
    g_assert_true(g_str_has_prefix(message, "virtio-blk: queue "));
    if (!strstr(message, says)) {
        g_error("'%s' does not say '%s'", message, says);
    }
    g_assert_null(strchr(message, '\n'));
    g_assert_true(virtio_device_broken(&q->vdev));
    g_assert_true(event_notifier_test_and_clear(virtio_queue_get_guest_notifier(q->vq)));
    g_assert_true(virtio_queue_empty(q->vq));
    g_assert_null(virtqueue_pop(q->vq, sizeof(TestElement)));
    virtio_queue_notify(&q->vdev, 0);
    g_assert_cmpint(q->handled, ==, 0);
    g_assert_false(virtio_should_notify(&q->vdev, q->vq));
}

/* One chain from end to end. */
static void check_works(TestQueue *q)
{
    test_queue_add(q, 1, 1, 0);
    vring_driver_kick_prepare(q->drv);
    virtqueue_push(q->vq, &test_queue_pop(q)->elem, 1);
    g_assert_nonnull(vring_driver_get(q->drv, NULL));
    g_assert_null(virtio_error_message(&q->vdev));
}

static void test_malformed(gconstpointer data)
{
    const Malformed *m = data;
    TestElement *e = NULL;
    TestQueue q, other;
    uint16_t used;

    test_queue_init(&q, NUM, F_INDIRECT);
    test_queue_init(&other, NUM, F_INDIRECT);
    m->write(&q);
    for (int i = 0; i < m->good; i++) {
        e = test_queue_pop(&q);
    }
    used = q.used->idx;
    g_assert_null(virtqueue_pop(q.vq, sizeof(TestElement)));
    check_broken(&q, m->says);
    check_works(&other);

    /* What is in flight ends, and the rings are left alone. */
    if (e) {
        virtqueue_push(q.vq, &e->elem, 0);
    }
    g_assert_cmpint(q.used->idx, ==, used);
    g_assert_cmpint(virtio_queue_get_inuse(q.vq), ==, 0);

    virtio_reset(&q.vdev);
    vring_driver_reset(q.drv);
    test_queue_start(&q, F_INDIRECT);
    check_works(&q);
    test_queue_cleanup(&q);
    test_queue_cleanup(&other);
}

static void test_indirect_not_agreed(void)
{
    TestQueue q;

    test_queue_init(&q, NUM, 0);
    table_at(&q, TABLE)[0] = desc(&q, 0, 16, 0, 0);
    q.desc[0] = desc(&q, TABLE, 16, INDIRECT, 0);
    offer(&q, 0);
    g_assert_null(virtqueue_pop(q.vq, sizeof(TestElement)));
    check_broken(&q, "was not agreed on");
    test_queue_cleanup(&q);
}

/* A chain that was handed back may come again. */
static void test_head_again(void)
{
    TestQueue q;

    test_queue_init(&q, NUM, 0);
    for (int i = 0; i < 3; i++) {
        q.desc[5] = desc(&q, 0, 16, 0, 0);
        offer(&q, 5);
        virtqueue_push(q.vq, &test_queue_pop(&q)->elem, 0);
    }
    g_assert_null(virtio_error_message(&q.vdev));
    test_queue_cleanup(&q);
}

/* Flags that mean nothing are no mistake, and next means nothing without its flag. */
static void test_what_is_ignored(void)
{
    TestQueue q;

    test_queue_init(&q, NUM, F_INDIRECT);
    table_at(&q, TABLE)[0] = desc(&q, 0, 16, 0xfff8, 0xffff);
    q.desc[0] = desc(&q, TABLE, 16, INDIRECT | WRITE | 0xfff0, 0xffff);
    offer(&q, 0);
    g_assert_cmpint(test_queue_pop(&q)->elem.out_num, ==, 1);
    g_assert_null(virtio_error_message(&q.vdev));
    virtqueue_detach_element(q.vq, virtio_queue_get_element(q.vq, 0), 0);
    test_queue_cleanup(&q);
}

/* The first message stays. */
static void test_first_message_stays(void)
{
    TestQueue q;

    test_queue_init(&q, NUM, 0);
    virtio_error(&q.vdev, "queue %d: first", 0);
    virtio_error(&q.vdev, "queue %d: second", 0);
    check_broken(&q, "first");
    virtio_reset(&q.vdev);
    g_assert_null(virtio_error_message(&q.vdev));
    virtio_error(&q.vdev, "queue 0: %0500d", 1);
    check_broken(&q, "0000");
    test_queue_cleanup(&q);
}

/* ---- rings in the wrong place --------------------------------------------------------------- */

static void check_rings(uintptr_t desc, uintptr_t avail, uintptr_t used, const char *says)
{
    TestQueue q;

    test_queue_init(&q, NUM, 0);
    virtio_reset(&q.vdev);
    virtio_queue_set_rings(&q.vdev, 0, (uintptr_t)q.desc + desc, (uintptr_t)q.avail + avail,
                           (uintptr_t)q.used + used);
    g_assert_nonnull(strstr(virtio_error_message(&q.vdev), says));
    g_assert_false(virtio_queue_ready(q.vq));
    g_assert_null(virtqueue_pop(q.vq, sizeof(TestElement)));
    test_queue_cleanup(&q);
}

static void test_rings(void)
{
    check_rings(8, 0, 0, "descriptor table of queue 0 is not aligned to 16");
    check_rings(0, 1, 0, "available ring of queue 0 is not aligned to 2");
    check_rings(0, 0, 2, "used ring of queue 0 is not aligned to 4");
    check_rings(1 << 30, 0, 0, "descriptor table of queue 0 is not in memory");
    check_rings(0, -4096, 0, "available ring of queue 0 is not in memory");
    check_rings(0, 0, 4096 - 128, "used ring of queue 0 is not in memory");
}

static void test_num(void)
{
    static const int wrong[] = { -1, 0, 1, 3, 12, 32, 1024, 65536 + 4 };

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        TestQueue q;

        test_queue_init(&q, NUM, 0);
        virtio_reset(&q.vdev);
        virtio_queue_set_num(&q.vdev, 0, wrong[i]);
        g_assert_nonnull(strstr(virtio_error_message(&q.vdev), "power of two from 2 to 16"));
        g_assert_cmpint(virtio_queue_get_num(&q.vdev, 0), ==, NUM);
        test_queue_cleanup(&q);
    }
}

/* ---- a driver that writes while the device reads -------------------------------------------- */

#ifndef __SANITIZE_THREAD__ /* which is what TSan reports */

typedef struct Scribbler {
    TestQueue q;
    bool stop;
} Scribbler;

/* Right, and wrong in each field, again and again. */
static void *scribble(void *opaque)
{
    Scribbler *s = opaque;
    volatile struct vring_desc *d = &s->q.desc[0];
    uintptr_t base = (uintptr_t)s->q.buf;

    while (!qatomic_read(&s->stop)) {
        for (int i = 0; i < 1000; i++) {
            d->addr = base + TEST_QUEUE_BUF;
            d->addr = base + TEST_QUEUE_BUF - 16;
            d->len = 17;
            d->len = 0;
            d->len = 16;
            d->flags = INDIRECT;
            d->flags = WRITE;
        }
    }
    return NULL;
}

static void check_in_region(const TestQueue *q, const VirtQueueElement *e)
{
    for (unsigned int i = 0; i < e->out_num + e->in_num; i++) {
        uint8_t *base = e->out_sg[i].iov_base;

        g_assert_true(base >= q->buf && base < q->buf + TEST_QUEUE_BUF);
        g_assert_cmpint(e->out_sg[i].iov_len, >, 0);
        g_assert_cmpint(e->out_sg[i].iov_len, <=, q->buf + TEST_QUEUE_BUF - base);
    }
}

static void test_scribbler(void)
{
    Scribbler s = { 0 };
    GThread *thread;

    test_queue_init(&s.q, NUM, F_INDIRECT);
    s.q.desc[0] = desc(&s.q, 0, 16, WRITE, 0);
    thread = g_thread_new("scribbler", scribble, &s);
    for (int i = 0; i < 200000; i++) {
        TestElement *e;

        offer(&s.q, 0);
        e = virtqueue_pop(s.q.vq, sizeof(*e));
        if (e) {
            check_in_region(&s.q, &e->elem);
            virtqueue_push(s.q.vq, &e->elem, 0);
        } else {
            g_assert_nonnull(virtio_error_message(&s.q.vdev));
            virtio_reset(&s.q.vdev);
            s.q.avail->idx = s.q.used->idx = 0;
            test_queue_start(&s.q, F_INDIRECT);
        }
    }
    qatomic_set(&s.stop, true);
    g_thread_join(thread);
    test_queue_cleanup(&s.q);
}
#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        char *path = g_strdup_printf("/virtio-malformed/%s", malformed[i].name);

        g_test_add_data_func(path, &malformed[i], test_malformed);
        g_free(path);
    }
    g_test_add_func("/virtio-malformed/indirect/not-agreed", test_indirect_not_agreed);
    g_test_add_func("/virtio-malformed/head/again", test_head_again);
    g_test_add_func("/virtio-malformed/ignored", test_what_is_ignored);
    g_test_add_func("/virtio-malformed/first-message-stays", test_first_message_stays);
    g_test_add_func("/virtio-malformed/rings", test_rings);
    g_test_add_func("/virtio-malformed/num", test_num);
#ifndef __SANITIZE_THREAD__
    g_test_add_func("/virtio-malformed/scribbler", test_scribbler);
#endif
    return g_test_run();
}
