/* Tests of iov.h against a flat copy of the same bytes, at every offset and length of a small list.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/iov.h"
#include "util.h"

/* Elements of these lengths, side by side in one buffer with a gap byte behind each. */
static const size_t lengths[] = { 3, 0, 5, 1, 4, 0 };

enum { ELEMENTS = ARRAY_SIZE(lengths), TOTAL = 13, GAP = 0xee };

typedef struct List {
    uint8_t memory[TOTAL + ELEMENTS];
    struct iovec iov[ELEMENTS];
} List;

/* Byte i of the list is i + 1; the gaps must never change. */
static void list_init(List *list)
{
    uint8_t *p = list->memory;
    uint8_t value = 1;

    for (int i = 0; i < ELEMENTS; i++) {
        list->iov[i] = (struct iovec){ .iov_base = p, .iov_len = lengths[i] };
        for (size_t n = 0; n < lengths[i]; n++) {
            *p++ = value++;
        }
        *p++ = GAP;
    }
}

static void list_flatten(const List *list, uint8_t flat[TOTAL])
{
    const uint8_t *p = list->memory;

    for (int i = 0; i < ELEMENTS; i++) {
        memcpy(flat, p, lengths[i]);
        flat += lengths[i];
        p += lengths[i];
        g_assert_cmpint(*p++, ==, GAP);
    }
}

/* Every offset inside the list or at its end, every length up to beyond the end. */
#define FOR_EACH_RANGE(offset, bytes)                  \
    for (size_t offset = 0; offset <= TOTAL; offset++) \
        for (size_t bytes = 1; bytes <= TOTAL + 2; bytes++)

static void test_size(void)
{
    List list;

    list_init(&list);
    g_assert_cmpuint(iov_size(list.iov, ELEMENTS), ==, TOTAL);
    g_assert_cmpuint(iov_size(list.iov, 0), ==, 0);
}

static void test_to_buf(void)
{
    List list;

    list_init(&list);
    FOR_EACH_RANGE(offset, bytes)
    {
        size_t expected = MIN(bytes, TOTAL - offset);
        uint8_t buf[TOTAL + 2] = { 0 };

        g_assert_cmpuint(iov_to_buf(list.iov, ELEMENTS, offset, buf, bytes), ==, expected);
        for (size_t i = 0; i < sizeof(buf); i++) {
            g_assert_cmpint(buf[i], ==, i < expected ? offset + i + 1 : 0);
        }
    }
}

static void test_from_buf(void)
{
    FOR_EACH_RANGE(offset, bytes)
    {
        size_t expected = MIN(bytes, TOTAL - offset);
        uint8_t buf[TOTAL + 2], flat[TOTAL];
        List list;

        list_init(&list);
        memset(buf, 0x77, sizeof(buf));
        g_assert_cmpuint(iov_from_buf(list.iov, ELEMENTS, offset, buf, bytes), ==, expected);
        list_flatten(&list, flat);
        for (size_t i = 0; i < TOTAL; i++) {
            g_assert_cmpint(flat[i], ==, i - offset < expected ? 0x77 : i + 1);
        }
    }
}

static void test_memset(void)
{
    FOR_EACH_RANGE(offset, bytes)
    {
        size_t expected = MIN(bytes, TOTAL - offset);
        uint8_t flat[TOTAL];
        List list;

        list_init(&list);
        g_assert_cmpuint(iov_memset(list.iov, ELEMENTS, offset, 0x55, bytes), ==, expected);
        list_flatten(&list, flat);
        for (size_t i = 0; i < TOTAL; i++) {
            g_assert_cmpint(flat[i], ==, i - offset < expected ? 0x55 : i + 1);
        }
    }
}

/* Check that @iov describes bytes @offset and on of the list, @bytes in all. */
static void check_describes(const struct iovec *iov, unsigned cnt, size_t offset, size_t bytes)
{
    uint8_t buf[TOTAL];

    g_assert_cmpuint(iov_size(iov, cnt), ==, bytes);
    g_assert_cmpuint(iov_to_buf(iov, cnt, 0, buf, bytes), ==, bytes);
    for (size_t i = 0; i < bytes; i++) {
        g_assert_cmpint(buf[i], ==, offset + i + 1);
    }
}

static void test_copy(void)
{
    List list;

    list_init(&list);
    FOR_EACH_RANGE(offset, bytes)
    {
        struct iovec dst[ELEMENTS];
        unsigned n = iov_copy(dst, ELEMENTS, list.iov, ELEMENTS, offset, bytes);

        check_describes(dst, n, offset, MIN(bytes, TOTAL - offset));
    }
}

static void test_copy_short_of_elements(void)
{
    struct iovec dst[2];
    List list;

    list_init(&list);
    g_assert_cmpuint(iov_copy(dst, 2, list.iov, ELEMENTS, 1, TOTAL), ==, 2);
    check_describes(dst, 2, 1, 7);
}

static void test_discard_front(void)
{
    for (size_t bytes = 0; bytes <= TOTAL + 2; bytes++) {
        size_t expected = MIN(bytes, TOTAL);
        List list;
        struct iovec before[ELEMENTS], *iov = list.iov;
        unsigned cnt = ELEMENTS;
        IOVDiscardUndo undo;

        list_init(&list);
        memcpy(before, list.iov, sizeof(before));
        g_assert_cmpuint(iov_discard_front_undoable(&iov, &cnt, bytes, &undo), ==, expected);
        g_assert_true(iov + cnt == list.iov + ELEMENTS);
        check_describes(iov, cnt, expected, TOTAL - expected);

        iov_discard_undo(&undo);
        g_assert_cmpmem(list.iov, sizeof(list.iov), before, sizeof(before));
    }
}

static void test_discard_back(void)
{
    for (size_t bytes = 0; bytes <= TOTAL + 2; bytes++) {
        size_t expected = MIN(bytes, TOTAL);
        struct iovec before[ELEMENTS];
        unsigned cnt = ELEMENTS;
        IOVDiscardUndo undo;
        List list;

        list_init(&list);
        memcpy(before, list.iov, sizeof(before));
        g_assert_cmpuint(iov_discard_back_undoable(list.iov, &cnt, bytes, &undo), ==, expected);
        check_describes(list.iov, cnt, 0, TOTAL - expected);

        iov_discard_undo(&undo);
        g_assert_cmpmem(list.iov, sizeof(list.iov), before, sizeof(before));
    }
}

/* Both cuts change the same element; undone in reverse order it is whole again. */
static void test_discard_both(void)
{
    struct iovec one = { .iov_base = (void *)16, .iov_len = 10 };
    struct iovec *iov = &one;
    IOVDiscardUndo front, back;
    unsigned cnt = 1;

    iov_discard_front_undoable(&iov, &cnt, 2, &front);
    iov_discard_back_undoable(iov, &cnt, 3, &back);
    g_assert_true(one.iov_base == (void *)18);
    g_assert_cmpuint(one.iov_len, ==, 5);
    iov_discard_undo(&back);
    iov_discard_undo(&front);
    g_assert_true(one.iov_base == (void *)16);
    g_assert_cmpuint(one.iov_len, ==, 10);
}

static void test_local(void)
{
    QEMUIOVector qiov;
    char buf[300];

    qemu_iovec_init(&qiov, 1);
    g_assert_cmpint(qiov.nalloc, ==, 1);
    for (int i = 0; i < 100; i++) {
        qemu_iovec_add(&qiov, buf + 3 * i, 3);
    }
    g_assert_cmpint(qiov.niov, ==, 100);
    g_assert_cmpuint(qiov.size, ==, 300);
    g_assert_true(qiov.iov[99].iov_base == buf + 297);
    g_assert_null(qemu_iovec_buf(&qiov));

    qemu_iovec_reset(&qiov);
    g_assert_cmpint(qiov.niov, ==, 0);
    g_assert_cmpuint(qiov.size, ==, 0);
    qemu_iovec_destroy(&qiov);
    g_assert_null(qiov.iov);

    qemu_iovec_init(&qiov, 0);
    qemu_iovec_add(&qiov, buf, 1);
    qemu_iovec_destroy(&qiov);
}

static void test_external(void)
{
    QEMUIOVector qiov;
    List list;

    list_init(&list);
    qemu_iovec_init_external(&qiov, list.iov, ELEMENTS);
    g_assert_cmpint(qiov.nalloc, ==, -1);
    g_assert_cmpuint(qiov.size, ==, TOTAL);
    qemu_iovec_destroy(&qiov);
    check_describes(list.iov, ELEMENTS, 0, TOTAL);

    qemu_iovec_init_external(&qiov, list.iov, 1);
    g_assert_cmpuint(qiov.size, ==, lengths[0]);
    qemu_iovec_destroy(&qiov);
}

static void test_external_does_not_grow(void)
{
    if (g_test_subprocess()) {
        QEMUIOVector qiov;

        qemu_iovec_init_buf(&qiov, NULL, 0);
        qemu_iovec_add(&qiov, NULL, 0);
        return;
    }
    test_child_aborts("*nalloc*");
}

static void test_buf(void)
{
    char buf[8];
    QEMUIOVector fixed = QEMU_IOVEC_INIT_BUF(fixed, buf, sizeof(buf));
    QEMUIOVector qiov;

    qemu_iovec_init_buf(&qiov, buf, sizeof(buf));
    for (QEMUIOVector *q = &qiov;; q = &fixed) {
        g_assert_true(q->iov == &q->local_iov);
        g_assert_cmpint(q->niov, ==, 1);
        g_assert_cmpint(q->nalloc, ==, -1);
        g_assert_cmpuint(q->size, ==, sizeof(buf));
        g_assert_true(qemu_iovec_buf(q) == buf);
        g_assert_cmpuint(q->iov[0].iov_len, ==, sizeof(buf));
        qemu_iovec_destroy(q);
        if (q == &fixed) {
            break;
        }
    }
}

static void test_concat(void)
{
    List list;
    QEMUIOVector src;

    list_init(&list);
    qemu_iovec_init_external(&src, list.iov, ELEMENTS);
    FOR_EACH_RANGE(offset, bytes)
    {
        size_t expected = MIN(bytes, TOTAL - offset);
        QEMUIOVector dst;

        qemu_iovec_init(&dst, 0);
        qemu_iovec_concat(&dst, &src, offset, bytes);
        g_assert_cmpuint(dst.size, ==, expected);
        check_describes(dst.iov, dst.niov, offset, expected);
        qemu_iovec_reset(&dst);
        g_assert_cmpuint(qemu_iovec_concat_iov(&dst, list.iov, ELEMENTS, offset, bytes), ==,
                         expected);
        check_describes(dst.iov, dst.niov, offset, expected);
        qemu_iovec_destroy(&dst);
    }
}

static void test_slice(void)
{
    List list;
    QEMUIOVector src, slice;

    list_init(&list);
    qemu_iovec_init_external(&src, list.iov, ELEMENTS);
    FOR_EACH_RANGE(offset, bytes)
    {
        size_t head, tail;
        struct iovec *first;
        int niov;

        if (offset + bytes > TOTAL) {
            continue;
        }
        first = qemu_iovec_slice(&src, offset, bytes, &head, &tail, &niov);
        g_assert_cmpuint(head, <, first[0].iov_len);
        g_assert_cmpuint(tail, <, first[niov - 1].iov_len);
        g_assert_cmpuint(iov_size(first, niov), ==, head + bytes + tail);
        g_assert_cmpint(((uint8_t *)first->iov_base)[head], ==, offset + 1);

        qemu_iovec_init_slice(&slice, &src, offset, bytes);
        g_assert_cmpuint(slice.size, ==, bytes);
        g_assert_true((slice.nalloc == -1) == (niov == 1));
        check_describes(slice.iov, slice.niov, offset, bytes);
        qemu_iovec_destroy(&slice);
    }
    qemu_iovec_init_slice(&slice, &src, TOTAL, 0);
    g_assert_cmpuint(slice.size, ==, 0);
    qemu_iovec_destroy(&slice);
}

static void test_vector_bytes(void)
{
    uint8_t buf[4] = { 9, 9, 9, 9 }, flat[TOTAL];
    QEMUIOVector qiov;
    List list;

    list_init(&list);
    qemu_iovec_init_external(&qiov, list.iov, ELEMENTS);
    g_assert_cmpuint(qemu_iovec_from_buf(&qiov, 2, buf, 4), ==, 4);
    g_assert_cmpuint(qemu_iovec_memset(&qiov, 7, 8, 100), ==, 6);
    g_assert_cmpuint(qemu_iovec_to_buf(&qiov, 5, buf, 3), ==, 3);
    list_flatten(&list, flat);
    g_assert_cmpmem(flat, TOTAL, ((uint8_t[]){ 1, 2, 9, 9, 9, 9, 7, 8, 8, 8, 8, 8, 8 }), TOTAL);
    g_assert_cmpmem(buf, 4, ((uint8_t[]){ 9, 7, 8, 9 }), 4);
}

static void test_compare(void)
{
    QEMUIOVector a, b;
    List x, y;

    list_init(&x);
    list_init(&y);
    qemu_iovec_init_external(&a, x.iov, ELEMENTS);
    qemu_iovec_init_external(&b, y.iov, ELEMENTS);
    g_assert_cmpint(qemu_iovec_compare(&a, &b), ==, -1);
    qemu_iovec_memset(&b, 8, 0, 1);
    g_assert_cmpint(qemu_iovec_compare(&a, &b), ==, 8);
    qemu_iovec_memset(&b, 0, 0, 1);
    g_assert_cmpint(qemu_iovec_compare(&a, &b), ==, 0);
}

static void test_vector_discard(void)
{
    QEMUIOVector qiov;
    List list;

    list_init(&list);
    qemu_iovec_init_external(&qiov, list.iov, ELEMENTS);
    qemu_iovec_discard_back(&qiov, 6);
    g_assert_cmpuint(qiov.size, ==, TOTAL - 6);
    check_describes(qiov.iov, qiov.niov, 0, TOTAL - 6);
    qemu_iovec_discard_back(&qiov, TOTAL - 6);
    g_assert_cmpuint(qiov.size, ==, 0);
}

static void test_is_aligned(void)
{
    QEMUIOVector qiov;

    qemu_iovec_init(&qiov, 2);
    g_assert_true(qemu_iovec_is_aligned(&qiov, 4096));
    qemu_iovec_add(&qiov, (void *)8192, 512);
    g_assert_true(qemu_iovec_is_aligned(&qiov, 512));
    g_assert_false(qemu_iovec_is_aligned(&qiov, 1024));
    qemu_iovec_add(&qiov, (void *)(8192 + 256), 512);
    g_assert_false(qemu_iovec_is_aligned(&qiov, 512));
    g_assert_true(qemu_iovec_is_aligned(&qiov, 256));
    g_assert_true(qemu_iovec_is_aligned(&qiov, 1));
    qemu_iovec_destroy(&qiov);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iov/size", test_size);
    g_test_add_func("/iov/to-buf", test_to_buf);
    g_test_add_func("/iov/from-buf", test_from_buf);
    g_test_add_func("/iov/memset", test_memset);
    g_test_add_func("/iov/copy", test_copy);
    g_test_add_func("/iov/copy-short-of-elements", test_copy_short_of_elements);
    g_test_add_func("/iov/discard-front", test_discard_front);
    g_test_add_func("/iov/discard-back", test_discard_back);
    g_test_add_func("/iov/discard-both", test_discard_both);
    g_test_add_func("/qiov/local", test_local);
    g_test_add_func("/qiov/external", test_external);
    g_test_add_func("/qiov/external-does-not-grow", test_external_does_not_grow);
    g_test_add_func("/qiov/buf", test_buf);
    g_test_add_func("/qiov/concat", test_concat);
    g_test_add_func("/qiov/slice", test_slice);
    g_test_add_func("/qiov/bytes", test_vector_bytes);
    g_test_add_func("/qiov/compare", test_compare);
    g_test_add_func("/qiov/discard-back", test_vector_discard);
    g_test_add_func("/qiov/is-aligned", test_is_aligned);
    return g_test_run();
}
