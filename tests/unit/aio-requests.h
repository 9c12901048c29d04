/* Requests of a backend's coroutine function, started, awaited and checked: what the tests of
 * linux-aio and io_uring share.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_UNIT_AIO_REQUESTS_H
#define QAIO_TESTS_UNIT_AIO_REQUESTS_H

#include "block/block.h"
#include "block/raw-aio.h"

#define BLOCK     4096
#define FILE_SIZE (64 * BLOCK)

typedef struct Request Request;

typedef struct Fixture {
    AioContext *ctx;
    void *s; /* the backend's state */
    int coroutine_fn (*submit)(Request *r);
    int fd;
    int n_done; /* requests */
} Fixture;

struct Request {
    Fixture *f;
    QEMUIOVector qiov;
    uint64_t offset;
    int type;
    BdrvRequestFlags flags;
    uint64_t max_batch; /* for backends that take one */

    Coroutine *co;
    bool done;
    int ret;
    int runs;
    void (*then)(Request *r); /* in the request's coroutine */
    Request *other;
    uint8_t *buf;
};

/* A request of @type for a block of the file, with a buffer of its own. */
void request_init(Request *r, Fixture *f, int type, unsigned block);

/* @n reads of blocks one after the other; and free them. */
Request *requests_new(Fixture *f, int n);
void requests_free(Request *r, int n);

/* What the backend is given: a flush has no vector. */
static inline QEMUIOVector *request_qiov(Request *r)
{
    return r->type == QEMU_AIO_FLUSH ? NULL : &r->qiov;
}

/* What a request's coroutine runs. */
void coroutine_fn request_entry(void *opaque);

void request_start(Request *r);
void requests_start(Request *r, int n);

/* Turn the loop until @n are done, and no more. */
void requests_await(Fixture *f, int n);

/* One request from start to end. Returns its result. */
int request_run(Request *r);

/* It ran once, and read what the file holds. */
void check_read(Request *r);
void check_reads(Request *r, int n);

/* For then: starts other. */
void start_other(Request *r);

#endif
