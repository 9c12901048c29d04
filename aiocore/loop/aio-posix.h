/*
 * What the files of the loop share: the context itself and its handlers. Private to loop/.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QAIO_LOOP_AIO_POSIX_H
#define QAIO_LOOP_AIO_POSIX_H

#include "base/osdep.h"
#include <poll.h>
#include <pthread.h>
#include "base/atomic.h"
#include "base/lockcnt.h"
#include "base/nocancel.h"
#include "base/queue.h"
#include "loop/aio.h"

typedef struct AioHandler AioHandler;
typedef struct BHListSlice BHListSlice;
typedef struct FDMonOps FDMonOps;
typedef QLIST_HEAD(, AioHandler) AioHandlerList;

/* What polling reads comes first, and in one cache line; then what an event's dispatch reads. */
struct AioHandler {
    QLIST_ENTRY(AioHandler) node_poll; /* in poll_aio_handlers, if it is to be asked */
    AioPollFn *io_poll;
    void *opaque;
    bool is_external;
    bool deleted;    /* on deleted_aio_handlers: no callback, freed by the last walker */
    bool poll_ready; /* io_poll said so in this turn */
    bool poll_begun; /* between io_poll_begin and io_poll_end; home thread */
    bool poll_idle;  /* off poll_aio_handlers, for having been idle; under list_lock, atomic */
    int64_t poll_idle_timeout;          /* when it will have been idle for too long; 0: unknown */
    QLIST_ENTRY(AioHandler) node_ready; /* in one turn's ready list, while it waits there */

    GPollFD pfd; /* events: what is wanted; revents: what fdmon saw, until it is dispatched */
    IOHandler *io_poll_ready;
    IOHandler *io_read;
    IOHandler *io_write;
    IOHandler *io_poll_begin;
    IOHandler *io_poll_end;
    void *fdmon;                          /* fdmon-io_uring's registration */
    bool in_gsource;                      /* GLib polls pfd for us; under list_lock */
    QLIST_ENTRY(AioHandler) node;         /* in aio_handlers */
    QLIST_ENTRY(AioHandler) node_deleted; /* in deleted_aio_handlers */
} __attribute__((aligned(64)));

/*
 * The first lines are what every turn reads, in about that order: at depth 1 a turn finds the
 * caches cold, and each further line costs as much as a dozen instructions.
 */
struct AioContext {
    Coroutine *poller; /* on whose stack the innermost aio_poll() is; NULL: no coroutine's */

    /*
     * list_lock: whoever walks a handler list holds a count, whoever changes one holds the lock.
     * Insertion publishes complete nodes, so that walkers need no lock.
     */
    QemuLockCnt list_lock;

    /*
     * notify_me: not 0 while the home thread sleeps or makes up its mind to: how many aio_poll()s
     * do, and a bit of its own for GLib. notified: something happened since it last woke.
     * aio_notify() explains how the two never miss each other.
     */
    unsigned notify_me;
    bool notified;

    bool poll_started;         /* some handlers may have poll_begun; home thread */
    bool poll_last_look;       /* see aio_sleeps_next(); home thread */
    uint8_t turns_unasked;     /* turns since the fdmon was asked, while there are idle handlers */
    unsigned poll_disable_cnt; /* handlers without io_poll; written under list_lock, atomic */
    unsigned poll_idle_cnt;    /* handlers with poll_idle; written under list_lock, atomic */
    unsigned external_disable_cnt;    /* atomic */
    int64_t poll_max_ns;              /* for how long to poll at most; 0: not at all; atomic */
    AioHandlerList poll_aio_handlers; /* those to be asked */

    /* Scheduled bottom halves: pushed by any thread, taken as a whole by the home thread. */
    QSLIST_HEAD(, QEMUBH) bh_list;
    /* Those taken but not yet run, one slice for each aio_bh_poll() on the stack. Home thread. */
    QSIMPLEQ_HEAD(, BHListSlice) bh_slice_list;

    QEMUTimerListGroup tlg;
    AioHandlerList deleted_aio_handlers;

    const FDMonOps *fdmon_ops; /* home thread, or under list_lock */

    /* fdmon-poll.c's arrays, which are those of pollfds_version; home thread. */
    unsigned watch_version; /* grows with each change of what is to be waited for; atomic */
    unsigned pollfds_version;
    unsigned npollfds;
    unsigned npollfds_max;
    GPollFD *pollfds;
    AioHandler **pollnodes;

    int64_t max_batch; /* read by each request */

    /* From here on what the common turn does not read. */
    unsigned refcnt; /* atomic */
    AioHandlerList aio_handlers;
    EventNotifier notifier;

    QSLIST_HEAD(, Coroutine) scheduled_coroutines; /* pushed by any thread */
    QSLIST_HEAD(, Coroutine) due_coroutines; /* taken from there, not yet entered; home thread */
    QEMUBH *co_schedule_bh;

    /* Adaptive polling, with poll_max_ns. Atomic: anybody may set the parameters. */
    int64_t poll_ns; /* for how long to poll now; written by the home thread, mostly */
    int64_t poll_grow;
    int64_t poll_shrink;

    AioFDMon fdmon;         /* as asked for */
    int epollfd;            /* fdmon-epoll.c, home thread; -1: there is none, or it was given up */
    unsigned epoll_changes; /* orders handing nodes over through epoll; atomic */
    bool epoll_failed;      /* it is to be given up; atomic, set under list_lock */
    struct FDMonIOUring *fdmon_ring; /* fdmon-io_uring.c */

    /* aio-gsource.c. NULL until somebody asked for it; set under list_lock. Ours as long as refcnt
     * is not 0, and when it goes the context goes. */
    GSource *gsource;
    int gsource_depth; /* g_main_depth() at the last prepare; home thread */

    /* aio-wait.c: those who wait for what happens here. */
    pthread_mutex_t waiters_lock;
    QLIST_HEAD(, AioWaiter) waiters; /* under waiters_lock */
    unsigned num_waiters;            /* written under waiters_lock, atomic */

    pthread_mutex_t lock; /* aio_context_acquire(); recursive */
    unsigned lock_depth;  /* its holder's */

    struct {
        void *obj;
        void (*destroy)(void *obj);
    } slots[AIO_SLOT__COUNT];
} __attribute__((aligned(64)));

/* What is to be waited for has changed: a handler, or whether external ones count. Any thread. */
static inline void aio_watch_changed(AioContext *ctx)
{
    qatomic_inc(&ctx->watch_version); /* the change before it; pairs with fdmon_poll_wait() */
}

/* Put @node on @ready_list with @revents; off any list of an outer turn that still held it. */
void aio_add_ready_handler(AioHandlerList *ready_list, AioHandler *node, int revents);

/* Whether @node may be served now: external ones may be disabled. */
static inline bool aio_node_check(AioContext *ctx, bool is_external)
{
    return !is_external || !qatomic_read(&ctx->external_disable_cnt);
}

/* Awake again: later notifications count anew. */
static inline void aio_notify_accept(AioContext *ctx)
{
    qatomic_set(&ctx->notified, false);

    /* notified before the work that the turn is going to look for; pairs with aio_notify(),
     * async.c. */
    smp_mb();
}

/* Wait with ppoll(2), for @timeout ns or for ever (-1). GPollFD is laid out as struct pollfd, and
 * its conditions have poll's values, where poll exists. */
static inline int qemu_poll_ns(GPollFD *fds, unsigned n, int64_t timeout)
{
    struct timespec ts = {
        .tv_sec = timeout / NANOSECONDS_PER_SECOND,
        .tv_nsec = timeout % NANOSECONDS_PER_SECOND,
    };

    if (likely(timeout < 0)) {
        return ppoll_nocancel((struct pollfd *)fds, n, NULL);
    }
    return ppoll_nocancel((struct pollfd *)fds, n, &ts);
}

/* A way to wait for descriptors. */
struct FDMonOps {
    /*
     * @old_node goes, @new_node comes (either may be NULL; both: same descriptor). Under list_lock,
     * any thread, before @old_node is unlinked.
     */
    void (*update)(AioContext *ctx, AioHandler *old_node, AioHandler *new_node);

    /*
     * Sleep until a descriptor is ready or @timeout ns have passed (-1: forever), and put the
     * handlers of ready ones on @ready_list. Runs no callbacks. Home thread.
     */
    void (*wait)(AioContext *ctx, AioHandlerList *ready_list, int64_t timeout);
};

extern const FDMonOps fdmon_poll_ops;
void fdmon_poll_destroy(AioContext *ctx);

/* epoll. setup never fails: without epoll there is no upgrade. */
void fdmon_epoll_setup(AioContext *ctx);
void fdmon_epoll_destroy(AioContext *ctx);

/* Use it from now on. False and *errp, with nothing changed, if that cannot be. */
bool fdmon_epoll_enable(AioContext *ctx, Error **errp);

/* Take up epoll if there are @n descriptors or more to wait for. Returns whether it is in use now.
 */
#define FDMON_EPOLL_THRESHOLD 64
bool fdmon_epoll_try_upgrade(AioContext *ctx, unsigned n, unsigned threshold);

/* Use io_uring from now on. False and *errp, with nothing changed, where build or kernel have none.
 */
bool fdmon_io_uring_setup(AioContext *ctx, Error **errp);
void fdmon_io_uring_destroy(AioContext *ctx);

/* ---- adaptive polling, aio-polling.c ----------------------------------------------------- */

/* Ask each poll handler once. Returns whether one found something. */
bool run_poll_handlers_once(AioContext *ctx, AioHandlerList *ready_list);

/* The same when the loop is going to sleep if none does: see aio_sleeps_next(). */
bool run_poll_handlers_last(AioContext *ctx, AioHandlerList *ready_list);

/* Again and again, for as long as it seems worth it; not at all, if it does not. */
bool try_poll_mode(AioContext *ctx, AioHandlerList *ready_list);

/* The loop polled and slept for @block_ns: should it have polled longer, or not so long? */
void adjust_polling_time(AioContext *ctx, int64_t block_ns);

/* Take @node off the handlers that are asked, or back. */
void poll_handler_set_idle(AioContext *ctx, AioHandler *node, bool idle);

/* io_poll_end for @node if it is due; home thread, which may have just deleted @node. */
void poll_handler_end(AioHandler *node);

/* io_poll_end where it is due, if poll_started. Home thread, or the last user of @ctx. */
void poll_end(AioContext *ctx);

/*
 * aio_notify() for what the home thread looks at before it sleeps: bottom halves, handlers, timers.
 * In the home thread, unless it is about to sleep, it does nothing, so that what callbacks schedule
 * is not taken for news from outside, which would end the next turn's polling.
 */
void aio_notify_work(AioContext *ctx);

/* ---- the GSource face, aio-gsource.c ----------------------------------------------------- */

/* @old_node goes, @new_node comes; either may be NULL. Under list_lock, with ctx->gsource set. */
void aio_gsource_update(AioContext *ctx, AioHandler *old_node, AioHandler *new_node);

/* External handlers were disabled or enabled. Any thread. */
void aio_gsource_update_external(AioContext *ctx);

/* GLib does not sleep on our behalf any more. Home thread. */
#define NOTIFY_ME_GSOURCE (1U << 31)
static inline void aio_gsource_awake(AioContext *ctx)
{
    qatomic_store_release(&ctx->notify_me, ctx->notify_me & ~NOTIFY_ME_GSOURCE);
}

/* aio_notify() in the home thread, where notify_me is set: perhaps it does not sleep after all. */
void aio_gsource_notify(AioContext *ctx);

/* Free @ctx, which has no references left. */
void aio_context_free(AioContext *ctx);

/* For aio_context_unref: drop all handlers. Nobody else uses @ctx any more. */
void aio_context_destroy_handlers(AioContext *ctx);

/* Whether aio_bh_poll() would find one to run, an idle one for instance, or one to free: who turns
 * GLib's loop until nothing is left to do leaves no deleted bottom half behind. */
bool aio_bh_pending(AioContext *ctx);

/* The same for a context that has any of these. */
int64_t aio_soonest_timeout(AioContext *ctx);

/* How long may the loop sleep, by its bottom halves and timers: 0, ns, or -1 for ever. */
static inline int64_t aio_compute_timeout(AioContext *ctx)
{
    bool none = !qatomic_load_acquire(&QSLIST_FIRST(&ctx->bh_list)) &&
                QSIMPLEQ_EMPTY(&ctx->bh_slice_list) && !qatomic_read(&ctx->tlg.armed);

    return likely(none) ? -1 : aio_soonest_timeout(ctx);
}

#endif
