/*
 * What the files of the loop share: the context itself and its handlers. Private to loop/.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_LOOP_AIO_POSIX_H
#define QAIO_LOOP_AIO_POSIX_H

#include "base/lockcnt.h"
#include "base/queue.h"
#include "loop/aio.h"

typedef struct AioHandler AioHandler;
typedef struct BHListSlice BHListSlice;
typedef QLIST_HEAD(, AioHandler) AioHandlerList;

struct AioHandler {
    GPollFD pfd; /* events: what is wanted; revents: what fdmon saw, until it is dispatched */
    IOHandler *io_read;
    IOHandler *io_write;
    AioPollFn *io_poll;
    IOHandler *io_poll_ready;
    void *opaque;
    bool is_external;
    bool poll_ready; /* io_poll said so in this turn */
    bool deleted;    /* on deleted_aio_handlers: no callback, freed by the last walker */
    QLIST_ENTRY(AioHandler) node;         /* in aio_handlers */
    QLIST_ENTRY(AioHandler) node_ready;   /* in one turn's ready list, while it waits there */
    QLIST_ENTRY(AioHandler) node_deleted; /* in deleted_aio_handlers */
    QLIST_ENTRY(AioHandler) node_poll;    /* in poll_aio_handlers, if it has io_poll */
};

struct AioContext {
    unsigned refcnt; /* atomic */

    /*
     * list_lock: whoever walks a handler list holds a count, whoever changes one holds the lock.
     * Insertion publishes complete nodes, so that walkers need no lock.
     */
    QemuLockCnt list_lock;
    AioHandlerList aio_handlers;
    AioHandlerList poll_aio_handlers;
    AioHandlerList deleted_aio_handlers;
    unsigned poll_disable_cnt;     /* handlers without io_poll; written under list_lock, atomic */
    unsigned external_disable_cnt; /* atomic */

    /*
     * notify_me: not 0 while the home thread sleeps or makes up its mind to. notified: something
     * happened since it last woke. aio_notify() explains how the two never miss each other.
     */
    unsigned notify_me;
    bool notified;
    EventNotifier notifier;

    /* Scheduled bottom halves: pushed by any thread, taken as a whole by the home thread. */
    QSLIST_HEAD(, QEMUBH) bh_list;
    /* Those taken but not yet run, one slice for each aio_bh_poll() on the stack. Home thread. */
    QSIMPLEQ_HEAD(, BHListSlice) bh_slice_list;

    QSLIST_HEAD(, Coroutine) scheduled_coroutines; /* pushed by any thread */
    QEMUBH *co_schedule_bh;

    /* fdmon-poll.c's arrays, grown as handlers come; home thread, valid within one wait only. */
    GPollFD *pollfds;
    AioHandler **pollnodes;
    unsigned npollfds_max;

    Coroutine *poller; /* on whose stack the innermost aio_poll() is; NULL: no coroutine's */

    int64_t max_batch;
    struct {
        void *obj;
        void (*destroy)(void *obj);
    } slots[AIO_SLOT__COUNT];
};

/* Put @node on @ready_list with @revents; off any list of an outer turn that still held it. */
void aio_add_ready_handler(AioHandlerList *ready_list, AioHandler *node, int revents);

/* Whether @node may be served now: external ones may be disabled. */
static inline bool aio_node_check(AioContext *ctx, bool is_external)
{
    return !is_external || !qatomic_read(&ctx->external_disable_cnt);
}

/* Sleep until a handler's descriptor is ready or @timeout ns have passed (-1: forever). */
void fdmon_poll_wait(AioContext *ctx, AioHandlerList *ready_list, int64_t timeout);

/* For aio_context_unref: drop all handlers and the arrays. Nobody else uses @ctx any more. */
void aio_context_destroy_handlers(AioContext *ctx);
void fdmon_poll_destroy(AioContext *ctx);

/* How long may the loop sleep, by its bottom halves: 0, 10 ms (idle ones) or -1 for ever. */
int64_t aio_compute_timeout(AioContext *ctx);

#endif
