/*
 * Waiting for descriptors with io_uring(7): one system call both changes what is watched and waits.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each watched handler has a registration, which is a one-shot POLL_ADD while it is armed:
 *
 *            update: new handler                 update: handler goes
 *                    │                                    │
 *                    ▼          wait: POLL_ADD            ▼        wait: POLL_REMOVE
 *      ┌────▶ pending, not armed ────────────▶ armed ──▶ pending, armed ──────────▶ armed
 *      │             │ handler gone              │                                    │
 *      │             ▼                  CQE      │                               CQE  ▼
 *      │           freed                         ▼                                  freed
 *      └──────────────────────────────── event for its handler
 *
 * Only the home thread touches the ring. Others put registrations on the pending list and wake the
 * home thread, whose next wait turns them into SQEs. A registration outlives its handler until its
 * CQE has come, so a late CQE never leads to a freed handler.
 *
 * What came in between two waits is not taken at its word: the callbacks that ran since may have
 * emptied the descriptor. It is armed anew, which looks again, and costs no system call of its own.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "loop/aio-posix.h"

#ifdef HAVE_LIBURING
#include <liburing.h>

#define RING_ENTRIES 128

typedef struct Registration {
    AioHandler *node; /* NULL: the handler is gone */
    bool armed;       /* its POLL_ADD is queued or in the kernel, and will end in a CQE */
    bool is_pending;  /* on the pending list */
    QSIMPLEQ_ENTRY(Registration) next_pending;
    QLIST_ENTRY(Registration) next;
} Registration;

typedef struct FDMonIOUring {
    struct io_uring ring; /* home thread */
    /* Registrations too are under list_lock, which callers of update hold. */
    QSIMPLEQ_HEAD(, Registration) pending;
    QLIST_HEAD(, Registration) registrations;
} FDMonIOUring;

/* ---- registrations, under list_lock --------------------------------------------------------- */

static void make_pending(FDMonIOUring *fr, Registration *reg)
{
    if (!reg->is_pending) {
        reg->is_pending = true;
        QSIMPLEQ_INSERT_TAIL(&fr->pending, reg, next_pending);
    }
}

static void no_more_pending(FDMonIOUring *fr, Registration *reg)
{
    QSIMPLEQ_REMOVE_HEAD(&fr->pending, next_pending);
    reg->is_pending = false;
}

static void free_registration(Registration *reg)
{
    QLIST_REMOVE(reg, next);
    g_free(reg);
}

static void register_handler(FDMonIOUring *fr, AioHandler *node)
{
    Registration *reg = g_new0(Registration, 1);

    reg->node = node;
    node->fdmon = reg;
    QLIST_INSERT_HEAD(&fr->registrations, reg, next);
    make_pending(fr, reg);
}

static void fdmon_io_uring_update(AioContext *ctx, AioHandler *old_node, AioHandler *new_node)
{
    FDMonIOUring *fr = ctx->fdmon_ring;

    if (old_node && old_node->fdmon) {
        Registration *reg = old_node->fdmon;

        reg->node = NULL;
        old_node->fdmon = NULL;
        make_pending(fr, reg);
    }
    if (new_node && new_node->pfd.events) {
        register_handler(fr, new_node);
    }
}

/* ---- the ring, home thread ------------------------------------------------------------------- */

static struct io_uring_sqe *get_sqe(struct io_uring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    if (unlikely(!sqe)) {
        io_uring_submit(ring);
        sqe = io_uring_get_sqe(ring);
    }
    return sqe;
}

static void prepare(Registration *reg, struct io_uring_sqe *sqe)
{
    if (reg->node) {
        io_uring_prep_poll_add(sqe, reg->node->pfd.fd, reg->node->pfd.events);
        io_uring_sqe_set_data(sqe, reg);
        reg->armed = true;
    } else {
        io_uring_prep_poll_remove(sqe, (uintptr_t)reg);
        io_uring_sqe_set_data(sqe, NULL);
    }
}

/* Under list_lock. False if the ring did not take all. */
static bool serve_pending(FDMonIOUring *fr)
{
    struct io_uring_sqe *sqe;
    Registration *reg;

    while ((reg = QSIMPLEQ_FIRST(&fr->pending))) {
        if (!reg->node && !reg->armed) {
            no_more_pending(fr, reg);
            free_registration(reg);
            continue;
        }
        sqe = get_sqe(&fr->ring);
        if (!sqe) {
            return false;
        }
        no_more_pending(fr, reg);
        prepare(reg, sqe);
    }
    return true;
}

/* Under list_lock. A failed POLL_ADD is no event; like all others it is tried again. */
static void serve_cqe(FDMonIOUring *fr, Registration *reg, int res, AioHandlerList *ready_list)
{
    reg->armed = false;
    if (reg->node) {
        if (ready_list && res > 0) {
            aio_add_ready_handler(ready_list, reg->node, res);
        }
        make_pending(fr, reg);
    } else if (!reg->is_pending) {
        free_registration(reg);
    }
}

/* Under list_lock. Without a @ready_list, events only have their registrations armed anew. */
static void serve_cqes(FDMonIOUring *fr, AioHandlerList *ready_list)
{
    struct io_uring_cqe *cqe;
    unsigned head, n = 0;

    io_uring_for_each_cqe(&fr->ring, head, cqe)
    {
        Registration *reg = io_uring_cqe_get_data(cqe);

        if (reg) { /* else it is the CQE of a POLL_REMOVE itself */
            serve_cqe(fr, reg, cqe->res, ready_list);
        }
        n++;
    }
    io_uring_cq_advance(&fr->ring, n);
}

/* Whatever fails or interrupts: what comes of it is a turn without events, and SQEs stay queued. */
static void submit_and_sleep(struct io_uring *ring, int64_t timeout)
{
    struct __kernel_timespec ts = {
        .tv_sec = timeout / NANOSECONDS_PER_SECOND,
        .tv_nsec = timeout % NANOSECONDS_PER_SECOND,
    };
    struct io_uring_cqe *cqe;

    if (timeout < 0) {
        io_uring_submit_and_wait(ring, 1);
    } else if (timeout > 0) {
        io_uring_submit_and_wait_timeout(ring, &cqe, 1, &ts, NULL);
    } else {
        io_uring_submit_and_get_events(ring);
    }
}

static void fdmon_io_uring_wait(AioContext *ctx, AioHandlerList *ready_list, int64_t timeout)
{
    FDMonIOUring *fr = ctx->fdmon_ring;
    bool complete;

    if (qatomic_read(&ctx->external_disable_cnt)) {
        /* Rather than to take the external ones out of the ring and put them in again. */
        fdmon_poll_ops.wait(ctx, ready_list, timeout);
        return;
    }

    /* Who makes something pending after this wakes us by the notifier, which is armed now. */
    qemu_lockcnt_lock(&ctx->list_lock);
    serve_cqes(fr, NULL);
    complete = serve_pending(fr);
    qemu_lockcnt_unlock(&ctx->list_lock);

    submit_and_sleep(&fr->ring, complete ? timeout : 0);

    qemu_lockcnt_lock(&ctx->list_lock);
    serve_cqes(fr, ready_list);
    qemu_lockcnt_unlock(&ctx->list_lock);
}

static const FDMonOps fdmon_io_uring_ops = {
    .update = fdmon_io_uring_update,
    .wait = fdmon_io_uring_wait,
};

/* ---- life ------------------------------------------------------------------------------------ */

static const char *why_not(int err)
{
    switch (err) {
    case ENOSYS:
        return "this kernel has no io_uring";
    case EPERM:
    case EACCES:
        return "io_uring is not permitted here (see sysctl kernel.io_uring_disabled)";
    default:
        return "cannot make an io_uring";
    }
}

/* 0 or -errno. */
static int ring_init(struct io_uring *ring)
{
    /* Completions need not interrupt this thread: it is in the kernel whenever it wants them. */
    struct io_uring_params params = { .flags = IORING_SETUP_COOP_TASKRUN };
    int ret = io_uring_queue_init_params(RING_ENTRIES, ring, &params);

    if (ret == -EINVAL) {
        params = (struct io_uring_params){ 0 };
        ret = io_uring_queue_init_params(RING_ENTRIES, ring, &params);
    }
    if (ret == 0 && !(params.features & IORING_FEAT_EXT_ARG)) {
        io_uring_queue_exit(ring); /* older than 5.11: it cannot wait with a timeout */
        ret = -ENOSYS;
    }
    return ret;
}

bool fdmon_io_uring_setup(AioContext *ctx, Error **errp)
{
    FDMonIOUring *fr = g_new0(FDMonIOUring, 1);
    int ret = ring_init(&fr->ring);
    AioHandler *node;

    if (ret < 0) {
        error_setg_errno(errp, -ret, "%s", why_not(-ret));
        g_free(fr);
        return false;
    }
    QSIMPLEQ_INIT(&fr->pending);
    QLIST_INIT(&fr->registrations);

    qemu_lockcnt_lock(&ctx->list_lock);
    QLIST_FOREACH (node, &ctx->aio_handlers, node) {
        if (!node->deleted && node->pfd.events) {
            register_handler(fr, node);
        }
    }
    ctx->fdmon_ring = fr;
    ctx->fdmon_ops = &fdmon_io_uring_ops;
    qemu_lockcnt_unlock(&ctx->list_lock);
    return true;
}

void fdmon_io_uring_destroy(AioContext *ctx)
{
    FDMonIOUring *fr = ctx->fdmon_ring;
    Registration *reg;

    if (!fr) {
        return;
    }
    io_uring_queue_exit(&fr->ring);
    while ((reg = QLIST_FIRST(&fr->registrations))) {
        free_registration(reg);
    }
    ctx->fdmon_ring = NULL;
    ctx->fdmon_ops = &fdmon_poll_ops;
    g_free(fr);
}

#else

bool fdmon_io_uring_setup(AioContext *ctx G_GNUC_UNUSED, Error **errp)
{
    error_setg(errp, "this build has no io_uring: install liburing's header, configure and build");
    return false;
}

void fdmon_io_uring_destroy(AioContext *ctx G_GNUC_UNUSED)
{
    /* there never was one */
}

#endif
