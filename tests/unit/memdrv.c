/* A block driver over memory, whose limits and timing a test chooses, and that checks what it gets.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "memdrv.h"
#include "util.h"

static void let_go(MemRequest *req)
{
    aio_co_wake(req->co);
}

static void auto_run_bh(void *opaque)
{
    MemDrv *m = opaque;

    if (memdrv_waiting(m)) {
        memdrv_run(m, 0);
    }
}

static int coroutine_fn mem_wait(MemDrv *m, MemRequest *req)
{
    m->count[req->kind]++;
    m->largest[req->kind] = MAX(m->largest[req->kind], req->bytes);
    m->last_flags[req->kind] = req->flags;
    req->co = qemu_coroutine_self();
    QTAILQ_INSERT_TAIL(&m->queue, req, next);
    if (m->arrived) {
        m->arrived(m);
    } else if (m->auto_run) {
        aio_bh_schedule_oneshot(bdrv_get_aio_context(m->bs), auto_run_bh, m);
    }
    qemu_coroutine_yield();
    return m->error[req->kind];
}

static void check_limits(MemDrv *m, const MemRequest *req)
{
    const BlockLimits *bl = &m->bs->bl;

    g_assert_cmpint(req->offset % bl->request_alignment, ==, 0);
    g_assert_cmpint(req->bytes % bl->request_alignment, ==, 0);
    g_assert_cmpint(req->bytes, >, 0);
    if (req->kind == MEM_READ || req->kind == MEM_WRITE) {
        g_assert_cmpint(req->bytes, <=, bl->max_transfer ?: INT_MAX);
        g_assert_cmpuint(req->niov, <=, bl->max_iov ?: UINT_MAX);
    }
    if (req->kind == MEM_DISCARD && bl->max_pdiscard) {
        g_assert_cmpint(req->bytes, <=, bl->max_pdiscard);
    }
    if (req->kind == MEM_ZEROES && bl->max_pwrite_zeroes) {
        g_assert_cmpint(req->bytes, <=, bl->max_pwrite_zeroes);
    }
}

static int coroutine_fn mem_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                      QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    MemDrv *m = bs->opaque;
    MemRequest req = {
        .kind = MEM_READ, .offset = offset, .bytes = bytes, .niov = qiov->niov, .flags = flags
    };
    int64_t there;
    int ret;

    g_assert_cmpuint(qiov->size, ==, bytes);
    check_limits(m, &req);
    ret = mem_wait(m, &req);
    if (ret == 0) {
        there = CLAMP(m->size - offset, 0, bytes);
        if (there) {
            qemu_iovec_from_buf(qiov, 0, m->data + offset, there);
        }
        qemu_iovec_memset(qiov, there, 0, bytes - there);
    }
    return ret;
}

/* -ENOSPC past max_size; else the node is as long as it must be. */
static int grow(MemDrv *m, int64_t end)
{
    if (end > m->max_size) {
        return -ENOSPC;
    }
    if (end > m->size) {
        memset(m->data + m->size, 0, end - m->size);
        m->size = end;
    }
    return 0;
}

/* Who keeps account of it learns which bytes a loss of power would take. */
static void set_unstable(MemDrv *m, int64_t offset, int64_t bytes, bool unstable)
{
    if (m->unstable) {
        memset(m->unstable + offset, unstable, bytes);
    }
}

static int coroutine_fn mem_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                       QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    MemDrv *m = bs->opaque;
    MemRequest req = {
        .kind = MEM_WRITE, .offset = offset, .bytes = bytes, .niov = qiov->niov, .flags = flags
    };
    int ret;

    g_assert_cmpuint(qiov->size, ==, bytes);
    check_limits(m, &req);
    ret = mem_wait(m, &req) ?: grow(m, offset + bytes);
    if (ret == 0) {
        qemu_iovec_to_buf(qiov, 0, m->data + offset, bytes);
        set_unstable(m, offset, bytes, !(flags & BDRV_REQ_FUA));
    }
    return ret;
}

static int coroutine_fn mem_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                             BdrvRequestFlags flags)
{
    MemDrv *m = bs->opaque;
    MemRequest req = { .kind = MEM_ZEROES, .offset = offset, .bytes = bytes, .flags = flags };
    int ret;

    if (!m->has_zeroes) {
        return -ENOTSUP;
    }
    check_limits(m, &req);
    ret = mem_wait(m, &req) ?: grow(m, offset + bytes);
    if (ret == 0) {
        memset(m->data + offset, 0, bytes);
        set_unstable(m, offset, bytes, true);
    }
    return ret;
}

/* Discarded bytes become zeroes, so that a test sees which they are. */
static int coroutine_fn mem_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    MemDrv *m = bs->opaque;
    MemRequest req = { .kind = MEM_DISCARD, .offset = offset, .bytes = bytes };
    int ret;

    check_limits(m, &req);
    ret = mem_wait(m, &req);
    if (ret == 0) {
        memset(m->data + offset, 0, CLAMP(m->size - offset, 0, bytes));
        set_unstable(m, offset, CLAMP(m->size - offset, 0, bytes), true);
    }
    return ret;
}

static int coroutine_fn mem_co_flush(BlockDriverState *bs)
{
    MemDrv *m = bs->opaque;
    MemRequest req = { .kind = MEM_FLUSH };
    int ret = mem_wait(m, &req);

    if (ret == 0) {
        set_unstable(m, 0, m->size, false);
    }
    return ret;
}

static int coroutine_fn mem_co_truncate(BlockDriverState *bs, int64_t offset,
                                        PreallocMode prealloc G_GNUC_UNUSED,
                                        Error **errp G_GNUC_UNUSED)
{
    MemDrv *m = bs->opaque;
    MemRequest req = { .kind = MEM_TRUNCATE, .offset = offset };
    int ret = mem_wait(m, &req) ?: grow(m, offset);

    if (ret == 0) {
        m->size = offset;
    }
    return ret;
}

static MemDrv *being_opened;

static int mem_open(BlockDriverState *bs, const BlockdevOptions *options G_GNUC_UNUSED,
                    Error **errp G_GNUC_UNUSED)
{
    bs->opaque = being_opened;
    return 0;
}

static void mem_close(BlockDriverState *bs G_GNUC_UNUSED)
{
}

static int64_t mem_getlength(BlockDriverState *bs)
{
    return ((MemDrv *)bs->opaque)->size;
}

static BlockDriver bdrv_mem = {
    .format_name = "mem",
    .bdrv_open = mem_open,
    .bdrv_close = mem_close,
    .bdrv_getlength = mem_getlength,
    .bdrv_co_preadv = mem_co_preadv,
    .bdrv_co_pwritev = mem_co_pwritev,
    .bdrv_co_pwrite_zeroes = mem_co_pwrite_zeroes,
    .bdrv_co_pdiscard = mem_co_pdiscard,
    .bdrv_co_flush_to_disk = mem_co_flush,
    .bdrv_co_truncate = mem_co_truncate,
};

BlockDriverState *memdrv_open(MemDrv *m, AioContext *ctx, int64_t size, int64_t max_size,
                              const BlockLimits *bl, int open_flags)
{
    BlockdevOptions options = { .filename = "mem", .fd = -1 };

    *m = (MemDrv){ .ctx = ctx, .size = size, .max_size = max_size };
    m->data = g_malloc(max_size);
    for (int64_t i = 0; i < size; i++) {
        m->data[i] = test_byte(i);
    }
    QTAILQ_INIT(&m->queue);
    being_opened = m;
    m->bs = bdrv_open(&bdrv_mem, &options, open_flags, ctx, &error_abort);
    m->bs->bl = *bl;
    return m->bs;
}

unsigned memdrv_waiting(MemDrv *m)
{
    MemRequest *req;
    unsigned n = 0;

    QTAILQ_FOREACH (req, &m->queue, next) {
        n++;
    }
    return n;
}

void memdrv_run(MemDrv *m, unsigned i)
{
    MemRequest *req = QTAILQ_FIRST(&m->queue);

    while (i--) {
        req = QTAILQ_NEXT(req, next);
    }
    QTAILQ_REMOVE(&m->queue, req, next);
    let_go(req);
}

void memdrv_run_all(MemDrv *m)
{
    do {
        while (memdrv_waiting(m)) {
            memdrv_run(m, 0);
        }
    } while (aio_poll(bdrv_get_aio_context(m->bs), false) || memdrv_waiting(m));
}

void memdrv_cleanup(MemDrv *m)
{
    g_free(m->data);
}
