/*
 * The loop before AioContext: handlers with io_flush, and select(2).
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     qemu_aio_wait                     qemu_aio_flush
 *       bottom halves ran? ── done        the same, again and again, until no bottom half
 *       queues did something? ── done     ran, no queue did something and no io_flush says
 *       select on the busy ones           busy
 *       io_read, io_write of the ready
 *
 * Callbacks may turn the loop again, and may delete what is being walked, themselves above all. So
 * deletion only marks, and the last walker, who is on nobody's way, frees.
 */
#include "base/osdep.h"
#include <sys/select.h>
#include "base/queue.h"
#include "loop/early-loop.h"

typedef struct EarlyHandler {
    int fd;
    IOHandler *io_read;
    IOHandler *io_write;
    AioFlushHandler *io_flush;
    AioProcessQueue *io_process_queue;
    void *opaque;
    bool deleted;
    QLIST_ENTRY(EarlyHandler) node;
} EarlyHandler;

struct EarlyBH {
    EarlyLoop *loop;
    QEMUBHFunc *cb;
    void *opaque;
    bool scheduled;
    bool deleted;
    QLIST_ENTRY(EarlyBH) node;
};

struct EarlyLoop {
    QLIST_HEAD(, EarlyHandler) aio_handlers;
    QLIST_HEAD(, EarlyBH) bhs;
    unsigned walkers; /* functions on the stack that walk one of the lists */
    bool any_deleted; /* something in the lists waits to be freed */
};

/* What select() is asked, and what it answers. */
typedef struct FdSets {
    fd_set read;
    fd_set write;
    int nfds; /* 0: nobody is busy */
} FdSets;

/* ---- walking -------------------------------------------------------------------------------- */

static void free_deleted(EarlyLoop *loop)
{
    EarlyHandler *handler, *next_handler;
    EarlyBH *bh, *next_bh;

    QLIST_FOREACH_SAFE (handler, &loop->aio_handlers, node, next_handler) {
        if (handler->deleted) {
            QLIST_REMOVE(handler, node);
            g_free(handler);
        }
    }
    QLIST_FOREACH_SAFE (bh, &loop->bhs, node, next_bh) {
        if (bh->deleted) {
            QLIST_REMOVE(bh, node);
            g_free(bh);
        }
    }
    loop->any_deleted = false;
}

static void walk_begin(EarlyLoop *loop)
{
    loop->walkers++;
}

static void walk_end(EarlyLoop *loop)
{
    if (--loop->walkers == 0 && loop->any_deleted) {
        free_deleted(loop);
    }
}

/* Something was marked as deleted: who is it that frees it? */
static void note_deleted(EarlyLoop *loop)
{
    loop->any_deleted = true;
    if (loop->walkers == 0) {
        free_deleted(loop);
    }
}

/* ---- handlers ------------------------------------------------------------------------------- */

static EarlyHandler *find_handler(EarlyLoop *loop, int fd)
{
    EarlyHandler *handler;

    QLIST_FOREACH (handler, &loop->aio_handlers, node) {
        if (handler->fd == fd && !handler->deleted) {
            return handler;
        }
    }
    return NULL;
}

static void delete_handler(EarlyLoop *loop, EarlyHandler *handler)
{
    if (handler) {
        handler->deleted = true;
        note_deleted(loop);
    }
}

bool qemu_aio_set_fd_handler(EarlyLoop *loop, int fd, IOHandler *io_read, IOHandler *io_write,
                             AioFlushHandler *io_flush, AioProcessQueue *io_process_queue,
                             void *opaque, Error **errp)
{
    EarlyHandler *handler = find_handler(loop, fd);

    if (!io_read && !io_write) {
        delete_handler(loop, handler);
        return true;
    }
    if (fd < 0 || fd >= FD_SETSIZE) {
        error_setg(errp, "select() cannot watch descriptor %d, only 0 to %d: have fewer files open",
                   fd, FD_SETSIZE - 1);
        return false;
    }
    if (!handler) {
        handler = g_new0(EarlyHandler, 1);
        handler->fd = fd;
        QLIST_INSERT_HEAD(&loop->aio_handlers, handler, node);
    }
    handler->io_read = io_read;
    handler->io_write = io_write;
    handler->io_flush = io_flush;
    handler->io_process_queue = io_process_queue;
    handler->opaque = opaque;
    return true;
}

bool qemu_aio_process_queue(EarlyLoop *loop)
{
    EarlyHandler *handler;
    bool progress = false;

    walk_begin(loop);
    QLIST_FOREACH (handler, &loop->aio_handlers, node) {
        if (!handler->deleted && handler->io_process_queue) {
            progress |= handler->io_process_queue(handler->opaque);
        }
    }
    walk_end(loop);
    return progress;
}

/* ---- turning -------------------------------------------------------------------------------- */

/* Whether the handler is to be waited for. */
static bool is_watched(EarlyHandler *handler)
{
    return !handler->deleted && (!handler->io_flush || handler->io_flush(handler->opaque));
}

static void fill_fd_sets(EarlyLoop *loop, FdSets *sets)
{
    EarlyHandler *handler;

    FD_ZERO(&sets->read);
    FD_ZERO(&sets->write);
    sets->nfds = 0;
    walk_begin(loop);
    QLIST_FOREACH (handler, &loop->aio_handlers, node) {
        if (!is_watched(handler)) {
            continue;
        }
        if (handler->io_read) {
            FD_SET(handler->fd, &sets->read);
        }
        if (handler->io_write) {
            FD_SET(handler->fd, &sets->write);
        }
        sets->nfds = MAX(sets->nfds, handler->fd + 1);
    }
    walk_end(loop);
}

/* A handler set anew for the same descriptor is asked by what it is now. */
static void dispatch(EarlyLoop *loop, const FdSets *sets)
{
    EarlyHandler *handler;

    walk_begin(loop);
    QLIST_FOREACH (handler, &loop->aio_handlers, node) {
        if (!handler->deleted && handler->io_read && FD_ISSET(handler->fd, &sets->read)) {
            handler->io_read(handler->opaque);
        }
        if (!handler->deleted && handler->io_write && FD_ISSET(handler->fd, &sets->write)) {
            handler->io_write(handler->opaque);
        }
    }
    walk_end(loop);
}

/* Wait for one of the busy handlers' descriptors; @timeout NULL: as long as it takes. */
static void select_and_dispatch(EarlyLoop *loop, struct timeval *timeout)
{
    FdSets sets;
    int ret;

    do {
        fill_fd_sets(loop, &sets);
        if (sets.nfds == 0) {
            return;
        }
        ret = select(sets.nfds, &sets.read, &sets.write, NULL, timeout);
    } while (ret < 0 && errno == EINTR);

    /* Whoever closes a descriptor deletes its handler first. Memory may be short for a while. */
    g_assert(ret >= 0 || errno != EBADF);
    if (ret > 0) {
        dispatch(loop, &sets);
    }
}

void qemu_aio_wait(EarlyLoop *loop)
{
    if (!early_bh_poll(loop) && !qemu_aio_process_queue(loop)) {
        select_and_dispatch(loop, NULL);
    }
}

void early_loop_look(EarlyLoop *loop)
{
    struct timeval at_once = { 0 };

    if (!early_bh_poll(loop) && !qemu_aio_process_queue(loop)) {
        select_and_dispatch(loop, &at_once);
    }
}

/* Unlike is_watched(): a handler that never says whether it is busy cannot be waited for. */
static bool any_busy(EarlyLoop *loop)
{
    EarlyHandler *handler;
    bool busy = false;

    walk_begin(loop);
    QLIST_FOREACH (handler, &loop->aio_handlers, node) {
        busy |= !handler->deleted && handler->io_flush && handler->io_flush(handler->opaque);
    }
    walk_end(loop);
    return busy;
}

void qemu_aio_flush(EarlyLoop *loop)
{
    bool progress, busy;

    do {
        progress = early_bh_poll(loop);
        progress |= qemu_aio_process_queue(loop);
        busy = any_busy(loop);
        if (busy && !progress) {
            select_and_dispatch(loop, NULL);
        }
    } while (progress || busy);
}

/* ---- bottom halves -------------------------------------------------------------------------- */

EarlyBH *early_bh_new(EarlyLoop *loop, QEMUBHFunc *cb, void *opaque)
{
    EarlyBH *bh = g_new(EarlyBH, 1);

    *bh = (EarlyBH){ .loop = loop, .cb = cb, .opaque = opaque };
    QLIST_INSERT_HEAD(&loop->bhs, bh, node);
    return bh;
}

void early_bh_schedule(EarlyBH *bh)
{
    bh->scheduled = true;
}

void early_bh_cancel(EarlyBH *bh)
{
    bh->scheduled = false;
}

void early_bh_delete(EarlyBH *bh)
{
    bh->scheduled = false;
    bh->deleted = true;
    note_deleted(bh->loop);
}

bool early_bh_poll(EarlyLoop *loop)
{
    EarlyBH *bh;
    bool progress = false;

    walk_begin(loop);
    QLIST_FOREACH (bh, &loop->bhs, node) {
        if (bh->scheduled) {
            bh->scheduled = false; /* it may be scheduled anew from inside */
            bh->cb(bh->opaque);
            progress = true;
        }
    }
    walk_end(loop);
    return progress;
}

/* ---- life ----------------------------------------------------------------------------------- */

EarlyLoop *early_loop_new(void)
{
    EarlyLoop *loop = g_new0(EarlyLoop, 1);

    QLIST_INIT(&loop->aio_handlers);
    QLIST_INIT(&loop->bhs);
    return loop;
}

void early_loop_free(EarlyLoop *loop)
{
    EarlyHandler *handler;
    EarlyBH *bh;

    g_assert(loop->walkers == 0);
    QLIST_FOREACH (handler, &loop->aio_handlers, node) {
        handler->deleted = true;
    }
    QLIST_FOREACH (bh, &loop->bhs, node) {
        bh->deleted = true;
    }
    free_deleted(loop);
    g_free(loop);
}
