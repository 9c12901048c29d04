/* Requests of a backend's coroutine function, started, awaited and checked.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "aio-requests.h"
#include "base/memalign.h"
#include "block/raw-aio.h"
#include "util.h"

void request_init(Request *r, Fixture *f, int type, unsigned block)
{
    *r = (Request){ .f = f, .type = type, .offset = (uint64_t)block * BLOCK };
    r->buf = qemu_memalign(BLOCK, BLOCK);
    memset(r->buf, 0xee, BLOCK);
    qemu_iovec_init_buf(&r->qiov, r->buf, BLOCK);
}

Request *requests_new(Fixture *f, int n)
{
    Request *r = g_new(Request, n);

    for (int i = 0; i < n; i++) {
        request_init(&r[i], f, QEMU_AIO_READ, i % 64);
    }
    return r;
}

void requests_free(Request *r, int n)
{
    for (int i = 0; i < n; i++) {
        qemu_vfree(r[i].buf);
    }
    g_free(r);
}

void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;
    Fixture *f = r->f;

    r->ret = f->submit(r);
    r->runs++;
    r->done = true;
    f->n_done++;
    if (r->then) {
        r->then(r);
    }
}

void request_start(Request *r)
{
    r->done = false;
    r->co = qemu_coroutine_create(request_entry, r);
    aio_co_enter(r->f->ctx, r->co);
}

void requests_start(Request *r, int n)
{
    for (int i = 0; i < n; i++) {
        request_start(&r[i]);
    }
}

void requests_await(Fixture *f, int n)
{
    TEST_POLL_UNTIL(f->ctx, f->n_done >= n);
    g_assert_cmpint(f->n_done, ==, n);
}

void check_read(Request *r)
{
    g_assert_cmpint(r->ret, ==, 0);
    g_assert_cmpint(r->runs, ==, 1);
    g_assert_true(test_bytes_are(r->buf, r->offset, BLOCK));
}

void check_reads(Request *r, int n)
{
    for (int i = 0; i < n; i++) {
        check_read(&r[i]);
    }
}

int request_run(Request *r)
{
    Fixture *f = r->f;

    f->n_done = 0;
    request_start(r);
    requests_await(f, 1);
    return r->ret;
}

void start_other(Request *r)
{
    request_start(r->other);
}
