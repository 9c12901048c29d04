/* Requests on their way through a node: widened, cut, kept apart where they overlap.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "block/block-backend.h"
#include "memdrv.h"
#include "util.h"

#define SIZE 65536

typedef struct Fixture {
    AioContext *ctx;
    MemDrv m;
    BlockBackend *blk;
    int done;
    int ret; /* of the last */
} Fixture;

static void set_up(Fixture *f, const BlockLimits *bl)
{
    f->ctx = test_context_new();
    f->done = f->ret = 0;
    f->blk = blk_new_with_bs(memdrv_open(&f->m, f->ctx, SIZE, 2 * SIZE, bl, BDRV_O_RDWR));
}

static void set_up_aligned(Fixture *f, uint32_t align)
{
    BlockLimits bl = { .request_alignment = align, .min_mem_alignment = 1 };

    set_up(f, &bl);
}

static void tear_down(Fixture *f)
{
    blk_unref(f->blk);
    memdrv_cleanup(&f->m);
    test_context_free(f->ctx);
}

static void note_done(void *opaque, int ret)
{
    Fixture *f = opaque;

    f->done++;
    f->ret = ret;
}

/* Let everything go, until @n requests are done. */
static void finish(Fixture *f, int n)
{
    while (f->done < n) {
        memdrv_run_all(&f->m);
    }
}

static void start_read(Fixture *f, QEMUIOVector *qiov, void *buf, int64_t offset, int64_t bytes)
{
    qemu_iovec_init_buf(qiov, buf, bytes);
    blk_aio_preadv(f->blk, offset, qiov, 0, note_done, f);
}

static void start_write(Fixture *f, QEMUIOVector *qiov, void *buf, int64_t offset, int64_t bytes,
                        BdrvRequestFlags flags)
{
    qemu_iovec_init_buf(qiov, buf, bytes);
    blk_aio_pwritev(f->blk, offset, qiov, flags, note_done, f);
}

/* The node holds what it began with, but for @bytes at @offset, which are @c. */
static void assert_changed(Fixture *f, int64_t offset, int64_t bytes, int c)
{
    for (int64_t i = 0; i < f->m.size; i++) {
        int wanted = i >= offset && i < offset + bytes ? c : i < SIZE ? test_byte(i) : 0;

        if (f->m.data[i] != wanted) {
            g_test_message("byte %" PRId64, i);
        }
        g_assert_cmpint(f->m.data[i], ==, wanted);
    }
}

/* ---- widening ------------------------------------------------------------------------------- */

static const struct {
    int64_t offset, bytes;
    unsigned rmw_reads; /* blocks that a write reads first */
} ranges[] = {
    { 0, 512, 0 },   { 512, 1024, 0 }, { 1, 510, 1 },    { 0, 1, 1 },
    { 511, 1, 1 },   { 511, 2, 2 },    { 100, 1024, 2 }, { 512, 700, 1 },
    { 700, 324, 1 }, { 1, 1535, 1 },   { 3, 40000, 2 },  { SIZE - 1, 1, 1 },
};

static void test_unaligned_reads(void)
{
    uint8_t buf[40010];
    QEMUIOVector qiov;
    Fixture f;

    set_up_aligned(&f, 512);
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        memset(buf, 0xee, sizeof(buf));
        start_read(&f, &qiov, buf + 5, ranges[i].offset, ranges[i].bytes);
        finish(&f, i + 1);
        g_assert_cmpint(f.ret, ==, 0);
        g_assert_true(test_bytes_are(buf + 5, ranges[i].offset, ranges[i].bytes));
        g_assert_cmpint(buf[4], ==, 0xee);
        g_assert_cmpint(buf[5 + ranges[i].bytes], ==, 0xee);
    }
    g_assert_cmpuint(f.m.count[MEM_READ], ==, ARRAY_SIZE(ranges));
    g_assert_cmpuint(f.m.count[MEM_WRITE], ==, 0);
    tear_down(&f);
}

static void test_unaligned_writes(void)
{
    uint8_t buf[40000];
    QEMUIOVector qiov;
    Fixture f;

    memset(buf, 'w', sizeof(buf));
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        set_up_aligned(&f, 512);
        start_write(&f, &qiov, buf, ranges[i].offset, ranges[i].bytes, 0);
        finish(&f, 1);
        g_assert_cmpint(f.ret, ==, 0);
        assert_changed(&f, ranges[i].offset, ranges[i].bytes, 'w');
        g_assert_cmpuint(f.m.count[MEM_READ], ==, ranges[i].rmw_reads);
        g_assert_cmpuint(f.m.count[MEM_WRITE], ==, 1);
        tear_down(&f);
    }
}

static void test_many_buffers(void)
{
    struct iovec iov[300];
    uint8_t buf[900];
    QEMUIOVector qiov;
    Fixture f;

    set_up_aligned(&f, 512);
    for (unsigned i = 0; i < ARRAY_SIZE(iov); i++) {
        iov[i] = (struct iovec){ buf + 3 * i, 3 };
    }
    qemu_iovec_init_external(&qiov, iov, ARRAY_SIZE(iov));
    blk_aio_preadv(f.blk, 77, &qiov, 0, note_done, &f);
    finish(&f, 1);
    g_assert_true(test_bytes_are(buf, 77, sizeof(buf)));
    memset(buf, 'm', sizeof(buf));
    blk_aio_pwritev(f.blk, 77, &qiov, 0, note_done, &f);
    finish(&f, 2);
    assert_changed(&f, 77, sizeof(buf), 'm');
    tear_down(&f);
}

static void test_failed_rmw_read_writes_nothing(void)
{
    uint8_t buf[10] = { 0 };
    QEMUIOVector qiov;
    Fixture f;

    set_up_aligned(&f, 512);
    f.m.error[MEM_READ] = -EILSEQ;
    start_write(&f, &qiov, buf, 100, sizeof(buf), 0);
    finish(&f, 1);
    g_assert_cmpint(f.ret, ==, -EILSEQ);
    g_assert_cmpuint(f.m.count[MEM_WRITE], ==, 0);

    /* And leaves nothing behind that others would wait for. */
    f.m.error[MEM_READ] = 0;
    start_write(&f, &qiov, buf, 100, sizeof(buf), 0);
    finish(&f, 2);
    g_assert_cmpint(f.ret, ==, 0);
    assert_changed(&f, 100, sizeof(buf), 0);
    tear_down(&f);
}

static void test_unaligned_fua_reaches_the_driver(void)
{
    uint8_t buf[10] = { 0 };
    QEMUIOVector qiov;
    Fixture f;

    set_up_aligned(&f, 512);
    start_write(&f, &qiov, buf, 100, sizeof(buf), BDRV_REQ_FUA);
    finish(&f, 1);
    g_assert_true(f.m.last_flags[MEM_WRITE] & BDRV_REQ_FUA);
    g_assert_false(f.m.last_flags[MEM_READ] & BDRV_REQ_FUA);
    tear_down(&f);
}

static void test_unaligned_write_grows_in_whole_blocks(void)
{
    uint8_t buf[700];
    QEMUIOVector qiov;
    Fixture f;

    set_up_aligned(&f, 512);
    blk_set_allow_write_beyond_eof(f.blk, true);
    memset(buf, 'g', sizeof(buf));
    start_write(&f, &qiov, buf, SIZE + 100, sizeof(buf), 0);
    finish(&f, 1);
    g_assert_cmpint(f.ret, ==, 0);
    g_assert_cmpint(f.m.size, ==, SIZE + 1024);
    g_assert_cmpint(blk_getlength(f.blk), ==, SIZE + 1024);
    assert_changed(&f, SIZE + 100, sizeof(buf), 'g');
    tear_down(&f);
}

static void check_padding_stats(Fixture *f, uint64_t padded_reads, uint64_t rmw_writes)
{
    const BdrvPaddingStats *stats = bdrv_get_padding_stats(blk_bs(f->blk));

    g_assert_cmpuint(stats->padded_reads, ==, padded_reads);
    g_assert_cmpuint(stats->rmw_writes, ==, rmw_writes);
}

static void test_padding_is_counted(void)
{
    uint8_t buf[1024] = { 0 };
    QEMUIOVector qiov;
    Fixture f;

    set_up_aligned(&f, 512);
    start_read(&f, &qiov, buf, 512, 1024);
    finish(&f, 1);
    start_write(&f, &qiov, buf, 512, 1024, 0);
    finish(&f, 2);
    check_padding_stats(&f, 0, 0);
    start_read(&f, &qiov, buf, 512, 1000);
    finish(&f, 3);
    check_padding_stats(&f, 1, 0);
    start_write(&f, &qiov, buf, 500, 512, 0);
    finish(&f, 4);
    check_padding_stats(&f, 1, 1);
    tear_down(&f);
}

static void test_zeroes_for_who_waits(void)
{
    Fixture f;

    set_up_aligned(&f, 512);
    f.m.auto_run = true;
    g_assert_cmpint(blk_pwrite_zeroes(f.blk, 512, 600, BDRV_REQ_MAY_UNMAP), ==, 0);
    assert_changed(&f, 512, 600, 0);
    check_padding_stats(&f, 0, 1);
    g_assert_cmpint(blk_pwrite_zeroes(f.blk, SIZE, 512, 0), ==, -EIO);
    tear_down(&f);
}

static void test_nothing_to_do(void)
{
    QEMUIOVector qiov;
    Fixture f;

    set_up_aligned(&f, 512);
    start_read(&f, &qiov, NULL, 3, 0);
    start_write(&f, &qiov, NULL, 3, 0, 0);
    blk_aio_pdiscard(f.blk, 3, 0, note_done, &f);
    blk_aio_pwrite_zeroes(f.blk, 3, 0, 0, note_done, &f);
    finish(&f, 4);
    g_assert_cmpint(f.ret, ==, 0);
    for (unsigned i = 0; i < MEM_KINDS; i++) {
        g_assert_cmpuint(f.m.count[i], ==, 0);
    }
    tear_down(&f);
}

/* ---- overlapping ----------------------------------------------------------------------------- */

/* Two writes to the same block, neither of the whole of it: none may be lost. */
static void test_overlapping_rmw_is_serialised(void)
{
    uint8_t a[10], b[10];
    QEMUIOVector qa, qb;
    Fixture f;

    set_up_aligned(&f, 512);
    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    start_write(&f, &qa, a, 100, sizeof(a), 0);
    start_write(&f, &qb, b, 110, sizeof(b), 0);
    g_assert_cmpuint(memdrv_waiting(&f.m), ==, 1); /* b reads only when a has written */
    memdrv_run(&f.m, 0);
    g_assert_cmpuint(memdrv_waiting(&f.m), ==, 1);
    g_assert_cmpuint(f.m.count[MEM_WRITE], ==, 1);
    finish(&f, 2);
    g_assert_cmpmem(f.m.data + 100, 10, a, 10);
    g_assert_cmpmem(f.m.data + 110, 10, b, 10);
    tear_down(&f);
}

static void test_rmw_waits_for_what_was_before(void)
{
    uint8_t a[512], b[10];
    QEMUIOVector qa, qb;
    Fixture f;

    set_up_aligned(&f, 512);
    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    start_write(&f, &qa, a, 0, sizeof(a), 0);
    start_write(&f, &qb, b, 100, sizeof(b), 0);
    g_assert_cmpuint(memdrv_waiting(&f.m), ==, 1);
    finish(&f, 2);
    g_assert_cmpint(f.m.data[99], ==, 'a');
    g_assert_cmpint(f.m.data[100], ==, 'b');
    g_assert_cmpint(f.m.data[110], ==, 'a');
    tear_down(&f);
}

static void test_others_wait_for_rmw(void)
{
    uint8_t a[10], b[512], c[512];
    QEMUIOVector qa, qb, qc;
    Fixture f;

    set_up_aligned(&f, 512);
    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    start_write(&f, &qa, a, 100, sizeof(a), 0);
    start_write(&f, &qb, b, 0, sizeof(b), 0);
    start_read(&f, &qc, c, 0, sizeof(c));
    blk_aio_pdiscard(f.blk, 0, 1024, note_done, &f);
    g_assert_cmpuint(memdrv_waiting(&f.m), ==, 1);
    /* What does not overlap goes on. */
    start_read(&f, &qc, c, 512, sizeof(c));
    g_assert_cmpuint(memdrv_waiting(&f.m), ==, 2);
    finish(&f, 5);
    tear_down(&f);
}

static void test_aligned_ones_do_not_wait(void)
{
    uint8_t a[512], b[512];
    QEMUIOVector qa, qb;
    Fixture f;

    set_up_aligned(&f, 512);
    start_write(&f, &qa, a, 0, sizeof(a), 0);
    start_write(&f, &qb, b, 0, sizeof(b), 0);
    start_read(&f, &qb, b, 0, sizeof(b));
    g_assert_cmpuint(memdrv_waiting(&f.m), ==, 3);
    finish(&f, 3);
    tear_down(&f);
}

static void test_serialising_flag(void)
{
    uint8_t a[512], b[512];
    QEMUIOVector qa, qb;
    Fixture f;

    set_up_aligned(&f, 512);
    start_write(&f, &qa, a, 0, sizeof(a), BDRV_REQ_SERIALISING);
    start_write(&f, &qb, b, 0, sizeof(b), 0);
    g_assert_cmpuint(memdrv_waiting(&f.m), ==, 1);
    g_assert_false(f.m.last_flags[MEM_WRITE] & BDRV_REQ_SERIALISING);
    finish(&f, 2);
    tear_down(&f);
}

/* A chain of overlapping ones, any of which could wait for a neighbour that waits for it. */
static void test_many_overlapping_all_end(void)
{
    uint8_t buf[100][600];
    QEMUIOVector qiov[100];
    GRand *rand = g_rand_new_with_seed(7);
    Fixture f;

    set_up_aligned(&f, 512);
    for (unsigned i = 0; i < 100; i++) {
        memset(buf[i], i, sizeof(buf[i]));
        start_write(&f, &qiov[i], buf[i], g_rand_int_range(rand, 0, 1500),
                    g_rand_int_range(rand, 1, 600), 0);
    }
    while (f.done < 100) {
        while (memdrv_waiting(&f.m)) {
            memdrv_run(&f.m, g_rand_int_range(rand, 0, memdrv_waiting(&f.m)));
        }
        aio_poll(f.ctx, false);
    }
    g_rand_free(rand);
    tear_down(&f);
}

/* ---- cutting -------------------------------------------------------------------------------- */

static void test_max_transfer(void)
{
    BlockLimits bl = { .request_alignment = 512, .min_mem_alignment = 1, .max_transfer = 5000 };
    uint8_t *buf = g_malloc(SIZE);
    QEMUIOVector qiov;
    Fixture f;

    set_up(&f, &bl);
    start_read(&f, &qiov, buf, 0, SIZE);
    finish(&f, 1);
    g_assert_true(test_bytes_are(buf, 0, SIZE));
    g_assert_cmpint(f.m.largest[MEM_READ], ==, 4608);
    g_assert_cmpuint(f.m.count[MEM_READ], ==, DIV_ROUND_UP(SIZE, 4608));

    memset(buf, 'c', SIZE);
    start_write(&f, &qiov, buf, 10, 20000, BDRV_REQ_FUA);
    finish(&f, 2);
    assert_changed(&f, 10, 20000, 'c');
    g_assert_true(f.m.last_flags[MEM_WRITE] & BDRV_REQ_FUA);
    tear_down(&f);
    g_free(buf);
}

static void check_max_iov(size_t element)
{
    BlockLimits bl = { .request_alignment = 512, .min_mem_alignment = 1, .max_iov = 7 };
    unsigned n = 10240 / element;
    struct iovec *iov = g_new(struct iovec, n);
    uint8_t *buf = g_malloc(10240);
    QEMUIOVector qiov;
    Fixture f;

    set_up(&f, &bl);
    for (unsigned i = 0; i < n; i++) {
        iov[i] = (struct iovec){ buf + i * element, element };
    }
    qemu_iovec_init_external(&qiov, iov, n);
    blk_aio_preadv(f.blk, 1024, &qiov, 0, note_done, &f);
    finish(&f, 1);
    g_assert_cmpint(f.ret, ==, 0);
    g_assert_true(test_bytes_are(buf, 1024, n * element));

    memset(buf, 'i', 10240);
    blk_aio_pwritev(f.blk, 1024, &qiov, 0, note_done, &f);
    finish(&f, 2);
    assert_changed(&f, 1024, n * element, 'i');
    tear_down(&f);
    g_free(buf);
    g_free(iov);
}

/* Elements of whole blocks, of parts of blocks, and so small that seven are less than a block. */
static void test_max_iov(void)
{
    check_max_iov(512);
    check_max_iov(128);
    check_max_iov(16);
}

static void test_error_in_a_piece_ends_it(void)
{
    BlockLimits bl = { .request_alignment = 512, .min_mem_alignment = 1, .max_transfer = 512 };
    uint8_t buf[2048];
    QEMUIOVector qiov;
    Fixture f;

    set_up(&f, &bl);
    f.m.error[MEM_WRITE] = -ENOSPC;
    start_write(&f, &qiov, buf, 0, sizeof(buf), 0);
    finish(&f, 1);
    g_assert_cmpint(f.ret, ==, -ENOSPC);
    g_assert_cmpuint(f.m.count[MEM_WRITE], ==, 1);
    tear_down(&f);
}

/* ---- discard and zeroes ---------------------------------------------------------------------- */

static void test_discard_leaves_partial_blocks(void)
{
    Fixture f;

    set_up_aligned(&f, 512);
    blk_aio_pdiscard(f.blk, 100, 2000, note_done, &f);
    finish(&f, 1);
    assert_changed(&f, 512, 1536, 0);
    blk_aio_pdiscard(f.blk, 3000, 300, note_done, &f);
    finish(&f, 2);
    g_assert_cmpint(f.ret, ==, 0);
    g_assert_cmpuint(f.m.count[MEM_DISCARD], ==, 1);
    tear_down(&f);
}

static void test_max_pdiscard(void)
{
    BlockLimits bl = { .request_alignment = 512, .min_mem_alignment = 1, .max_pdiscard = 1500 };
    Fixture f;

    set_up(&f, &bl);
    blk_aio_pdiscard(f.blk, 0, 10240, note_done, &f);
    finish(&f, 1);
    assert_changed(&f, 0, 10240, 0);
    g_assert_cmpuint(f.m.count[MEM_DISCARD], ==, 10);
    tear_down(&f);
}

static void test_zeroes_by_the_driver(void)
{
    BlockLimits bl = {
        .request_alignment = 512,
        .min_mem_alignment = 1,
        .pwrite_zeroes_alignment = 4096,
        .max_pwrite_zeroes = 8192,
    };
    Fixture f;

    set_up(&f, &bl);
    f.m.has_zeroes = true;
    blk_aio_pwrite_zeroes(f.blk, 3584, 20480, BDRV_REQ_MAY_UNMAP, note_done, &f);
    finish(&f, 1);
    assert_changed(&f, 3584, 20480, 0);
    g_assert_cmpuint(f.m.count[MEM_WRITE], ==, 0);
    g_assert_cmpuint(f.m.count[MEM_ZEROES], ==, 4); /* 512, 8192, 8192, 3584 */
    g_assert_cmpint(f.m.last_flags[MEM_ZEROES], ==, BDRV_REQ_MAY_UNMAP);
    tear_down(&f);
}

static void test_zeroes_written_where_there_is_no_other_way(void)
{
    Fixture f;

    set_up_aligned(&f, 512);
    blk_aio_pwrite_zeroes(f.blk, 512, 20480, 0, note_done, &f);
    finish(&f, 1);
    g_assert_cmpint(f.ret, ==, 0);
    assert_changed(&f, 512, 20480, 0);
    blk_aio_pwrite_zeroes(f.blk, 512, 20480, BDRV_REQ_NO_FALLBACK, note_done, &f);
    finish(&f, 2);
    g_assert_cmpint(f.ret, ==, -ENOTSUP);
    tear_down(&f);
}

static void test_unaligned_zeroes(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        Fixture f;

        set_up_aligned(&f, 512);
        f.m.has_zeroes = true;
        blk_aio_pwrite_zeroes(f.blk, ranges[i].offset, ranges[i].bytes, 0, note_done, &f);
        finish(&f, 1);
        g_assert_cmpint(f.ret, ==, 0);
        assert_changed(&f, ranges[i].offset, ranges[i].bytes, 0);
        tear_down(&f);
    }
}

static void test_zeroes_with_fua_are_flushed(void)
{
    Fixture f;

    set_up_aligned(&f, 512);
    f.m.has_zeroes = true;
    blk_aio_pwrite_zeroes(f.blk, 0, 1024, BDRV_REQ_FUA, note_done, &f);
    finish(&f, 1);
    g_assert_cmpuint(f.m.count[MEM_FLUSH], ==, 1);
    tear_down(&f);
}

/* ---- resizing ------------------------------------------------------------------------------- */

typedef struct Resize {
    Fixture *f;
    int64_t size;
    int ret;
    bool done;
    Error *err;
} Resize;

static void coroutine_fn resize_entry(void *opaque)
{
    Resize *r = opaque;

    r->ret = blk_co_truncate(r->f->blk, r->size, PREALLOC_MODE_OFF, &r->err);
    r->done = true;
}

static void resize(Resize *r)
{
    r->done = false;
    qemu_coroutine_enter(qemu_coroutine_create(resize_entry, r));
    while (!r->done) {
        memdrv_run_all(&r->f->m);
    }
}

static void test_truncate(void)
{
    Fixture f;
    Resize r = { .f = &f };

    set_up_aligned(&f, 1);
    r.size = SIZE + 1000;
    resize(&r);
    g_assert_cmpint(r.ret, ==, 0);
    g_assert_cmpint(blk_getlength(f.blk), ==, SIZE + 1000);
    r.size = 100;
    resize(&r);
    g_assert_cmpint(blk_getlength(f.blk), ==, 100);
    r.size = -1;
    resize(&r);
    g_assert_cmpint(r.ret, ==, -EINVAL);
    g_assert_nonnull(r.err);
    error_free(r.err);
    tear_down(&f);
}

static void test_truncate_waits_for_what_it_cuts_off(void)
{
    Fixture f;
    Resize r = { .f = &f, .size = 1024 };
    uint8_t buf[512];
    QEMUIOVector qiov;

    set_up_aligned(&f, 512);
    start_write(&f, &qiov, buf, 4096, sizeof(buf), 0);
    qemu_coroutine_enter(qemu_coroutine_create(resize_entry, &r));
    g_assert_cmpuint(f.m.count[MEM_TRUNCATE], ==, 0);
    finish(&f, 1);
    g_assert_true(r.done);
    g_assert_cmpint(f.m.size, ==, 1024);
    tear_down(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name) g_test_add_func("/io/" #name, test_##name)
    CASE(unaligned_reads);
    CASE(unaligned_writes);
    CASE(many_buffers);
    CASE(failed_rmw_read_writes_nothing);
    CASE(unaligned_fua_reaches_the_driver);
    CASE(unaligned_write_grows_in_whole_blocks);
    CASE(padding_is_counted);
    CASE(zeroes_for_who_waits);
    CASE(nothing_to_do);
    CASE(overlapping_rmw_is_serialised);
    CASE(rmw_waits_for_what_was_before);
    CASE(others_wait_for_rmw);
    CASE(aligned_ones_do_not_wait);
    CASE(serialising_flag);
    CASE(many_overlapping_all_end);
    CASE(max_transfer);
    CASE(max_iov);
    CASE(error_in_a_piece_ends_it);
    CASE(discard_leaves_partial_blocks);
    CASE(max_pdiscard);
    CASE(zeroes_by_the_driver);
    CASE(zeroes_written_where_there_is_no_other_way);
    CASE(unaligned_zeroes);
    CASE(zeroes_with_fua_are_flushed);
    CASE(truncate);
    CASE(truncate_waits_for_what_it_cuts_off);
    return g_test_run();
}
