/*
 * AioContext: one thread's event loop of file descriptors and bottom halves.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An AioContext has one home thread, the one that made it its current context with
 * qemu_set_current_aio_context() and calls aio_poll() on it. Callbacks of every kind run there, and
 * only there. What other threads may do is little, and it is said at each function: they schedule
 * bottom halves and coroutines, change handlers, and notify.
 *
 *     other threads                      home thread
 *     -------------                      -----------
 *     qemu_bh_schedule ──┐               aio_poll
 *     aio_co_schedule ───┼─ aio_notify ──▶ 1. poll handlers: look in user space, no system call
 *     aio_set_fd_handler │                 2. nothing found: sleep in the fdmon
 *     timer_mod ─────────┘                 3. bottom halves
 *                                          4. handlers of ready descriptors
 *                                          5. timers
 *                                          6. free what was deleted meanwhile
 */
#ifndef QAIO_LOOP_AIO_H
#define QAIO_LOOP_AIO_H

#include "base/osdep.h"
#include "base/current-context.h"
#include "base/error.h"
#include "base/event_notifier.h"
#include "base/timer.h"
#include "coroutine/coroutine.h"

typedef struct QEMUBH QEMUBH;

typedef void QEMUBHFunc(void *opaque);
typedef void IOHandler(void *opaque);
typedef bool AioPollFn(void *opaque);

/*
 * A new context with one reference, which belongs to the caller. NULL and *errp when no notifier
 * can be had (descriptors used up).
 */
AioContext *aio_context_new(Error **errp);

/* References may be taken and dropped in any thread; the last one frees in the thread that drops
 * it. */
void aio_context_ref(AioContext *ctx);
void aio_context_unref(AioContext *ctx);

/*
 * A lock for those above the loop who share state of one context between threads. Any thread; the
 * holder may take it again, and gives it back as often. The loop itself needs no lock and takes
 * none: callbacks and coroutines that touch what is shared take it themselves. AIO_WAIT_WHILE
 * (aio-wait.h) drops it while it waits.
 */
void aio_context_acquire(AioContext *ctx);
void aio_context_release(AioContext *ctx);

/* Whether the caller is in the home thread of @ctx. */
static inline bool in_aio_context_home_thread(AioContext *ctx)
{
    return ctx == qemu_get_current_aio_context();
}

/*
 * Let a sleeping aio_poll(@ctx) look again at bottom halves, handlers and its timeout, and return;
 * if there is none, let the next one not sleep. So its caller can be told of anything. Any thread.
 * Writes the eventfd only when the home thread sleeps or is about to.
 */
void aio_notify(AioContext *ctx);

/*
 * One turn of the loop: poll handlers, sleep if @blocking and nothing was found, then bottom halves
 * and handlers. Home thread only; callbacks may call it again, to any depth.
 *
 * Returns whether something was done. Being notified and idle bottom halves do not count.
 */
bool aio_poll(AioContext *ctx, bool blocking);

/* ---- bottom halves ------------------------------------------------------------------------ */

/* A bottom half that runs @cb(@opaque) in @ctx's home thread each time it is scheduled. Any thread.
 */
QEMUBH *aio_bh_new_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name);
#define aio_bh_new(ctx, cb, opaque) aio_bh_new_full((ctx), (cb), (opaque), (G_STRINGIFY(cb)))

/* Run @cb(@opaque) once. Any thread. */
void aio_bh_schedule_oneshot_full(AioContext *ctx, QEMUBHFunc *cb, void *opaque, const char *name);
#define aio_bh_schedule_oneshot(ctx, cb, opaque) \
    aio_bh_schedule_oneshot_full((ctx), (cb), (opaque), (G_STRINGIFY(cb)))

/* Have @bh run in the next turn. Scheduling it again before it ran changes nothing. Any thread. */
void qemu_bh_schedule(QEMUBH *bh);

/* Have @bh run within 10 ms, whenever the loop turns; its run is no progress. Any thread. */
void qemu_bh_schedule_idle(QEMUBH *bh);

/* Undo a schedule that has not been served. Any thread, but only the home thread knows that it won.
 */
void qemu_bh_cancel(QEMUBH *bh);

/* Free @bh, at once or when the home thread next comes past it; it does not run again. Any thread.
 */
void qemu_bh_delete(QEMUBH *bh);

/* Run all bottom halves that are due. Home thread. Returns whether a non-idle one ran. */
bool aio_bh_poll(AioContext *ctx);

/* ---- file descriptors --------------------------------------------------------------------- */

/*
 * Watch @fd: @io_read when it is readable, @io_write when it is writable. @io_poll, where given,
 * looks without a system call whether there is something to do; when it returns true,
 * @io_poll_ready runs. A context all of whose handlers have io_poll makes no system call for turns
 * that find work.
 * @is_external handlers are left out while aio_disable_external() is in force.
 *
 * All four NULL delete the handler; set again, they replace it. Both may be done from any thread
 * and from inside a callback, this handler's own too. After deletion in the home thread, no
 * callback of it runs any more.
 */
void aio_set_fd_handler(AioContext *ctx, int fd, bool is_external, IOHandler *io_read,
                        IOHandler *io_write, AioPollFn *io_poll, IOHandler *io_poll_ready,
                        void *opaque);

/* The same for an EventNotifier; @io_read, @io_poll and @io_poll_ready receive the notifier. */
void aio_set_event_notifier(AioContext *ctx, EventNotifier *notifier, bool is_external,
                            EventNotifierHandler *io_read, AioPollFn *io_poll,
                            EventNotifierHandler *io_poll_ready);

/*
 * For a handler with io_poll: @io_poll_begin runs when the loop begins to poll for a while,
 * @io_poll_end when it leaves off, before it asks io_poll for the last time and sleeps. In between
 * the handler's owner may leave off telling of events by the descriptor. They come in pairs:
 * io_poll_end also runs, from inside aio_set_fd_handler(), for a handler that is replaced or
 * deleted in the home thread, and when the context goes. Only a handler that another thread
 * replaces or deletes hears no more of it. A replaced handler's two functions are not taken over.
 */
void aio_set_fd_poll(AioContext *ctx, int fd, IOHandler *io_poll_begin, IOHandler *io_poll_end);
void aio_set_event_notifier_poll(AioContext *ctx, EventNotifier *notifier,
                                 EventNotifierHandler *io_poll_begin,
                                 EventNotifierHandler *io_poll_end);

/*
 * For an io_poll: whether the loop sleeps if no handler finds anything now. Then is the time to see
 * to it that the descriptor tells of events, and only of new ones, and to look once more.
 */
bool aio_sleeps_next(AioContext *ctx);

/*
 * Adaptive polling: before it sleeps, a blocking aio_poll() asks the poll handlers again and again
 * for some time, up to @max_ns (0: not at all, as at first). The time grows by the factor @grow (0:
 * 2) while events come within reach of it, and shrinks by @shrink (0: to nothing) when they do not.
 * It is off while there is a handler without io_poll. One whose io_poll has found nothing for 7 s
 * is left out until its descriptor has an event; that is noticed late when others keep the loop
 * busy. Any thread. A negative value is an error.
 */
void aio_context_set_poll_params(AioContext *ctx, int64_t max_ns, int64_t grow, int64_t shrink,
                                 Error **errp);

/* How the loop waits for descriptors. */
typedef enum AioFDMon {
    AIO_FDMON_AUTO, /* ppoll, and epoll once there are many descriptors */
    AIO_FDMON_POLL,
    AIO_FDMON_EPOLL,
    AIO_FDMON_IO_URING,
} AioFDMon;

/*
 * Choose before the first turn, once. False and *errp, with nothing changed, if kernel or build
 * lack it; then another may be chosen. epoll gives way to ppoll for good when a descriptor comes
 * that it cannot watch, such as a regular file.
 */
bool aio_context_set_fdmon(AioContext *ctx, AioFDMon fdmon, Error **errp);

/* Stop and start serving external handlers; the calls nest. Any thread. */
void aio_disable_external(AioContext *ctx);
void aio_enable_external(AioContext *ctx);

/* Whether they are left out now. Any thread. */
bool aio_external_disabled(AioContext *ctx);

/* ---- as a part of GLib's main loop ---------------------------------------------------------- */

/*
 * @ctx as a source for a GMainContext, with one reference, which is the caller's; one source for
 * all callers, until it is destroyed. From the attaching on GLib's iterations turn @ctx in the
 * thread that runs them, which must be the home thread; callbacks may run iterations and aio_poll()
 * of their own, to any depth. The context lives as long as its source, its owner's reference gone.
 *
 * GLib polls the descriptors: adaptive polling is off, and an fdmon of io_uring is given up for
 * ppoll. io_poll is asked once before GLib polls, in place of the last look of aio_poll().
 *
 * Any thread, holding a reference to @ctx. Destroy the source in the thread that runs it, or while
 * no other thread changes handlers. Detached and got again, it is a new one.
 */
GSource *aio_get_g_source(AioContext *ctx);

/* What the source is made of. Home thread. End polling, and ask each io_poll for the last time
 * before GLib sleeps; returns whether one found something, for aio_dispatch(). */
bool aio_prepare(AioContext *ctx);

/* Whether there are handlers for aio_dispatch() to serve. */
bool aio_pending(AioContext *ctx);

/* Run bottom halves, the handlers that GLib's poll or aio_prepare() found ready, and timers. */
void aio_dispatch(AioContext *ctx);

/* ---- timers ------------------------------------------------------------------------------- */

/* @ctx's timers, which run in its home thread; for timer_init_full() and the like. */
QEMUTimerListGroup *aio_context_get_timers(AioContext *ctx);

/* A timer of @ctx's; see base/timer.h for the rest. */
static inline void aio_timer_init(AioContext *ctx, QEMUTimer *ts, QEMUClockType type, int scale,
                                  QEMUTimerCB *cb, void *opaque)
{
    timer_init_full(ts, aio_context_get_timers(ctx), type, scale, cb, opaque);
}

static inline QEMUTimer *aio_timer_new(AioContext *ctx, QEMUClockType type, int scale,
                                       QEMUTimerCB *cb, void *opaque)
{
    return timer_new_full(aio_context_get_timers(ctx), type, scale, cb, opaque);
}

/* ---- coroutines --------------------------------------------------------------------------- */

/*
 * Enter @co from a bottom half of @ctx. Any thread. Aborts if @co is already scheduled. A coroutine
 * cannot move itself to another thread by scheduling itself and then yielding: it could be entered
 * there before it has yielded here.
 */
void aio_co_schedule(AioContext *ctx, Coroutine *co);

/* Go on in @new_ctx; there already: at once. The calling coroutine runs in its context's home
 * thread, and is nowhere that somebody could wake it from meanwhile. */
void coroutine_fn aio_co_reschedule_self(AioContext *new_ctx);

/* aio_co_enter() (coroutine.h) in the context where @co last ran, which must be one. */
void aio_co_wake(Coroutine *co);

/* ---- what the layers above keep per context ------------------------------------------------ */

/*
 * The block layer has one object of each kind per context, made on first use. The loop knows only
 * that it must destroy them, last slot first, when the context goes. Home thread.
 */
typedef enum AioSlot {
    AIO_SLOT_THREAD_POOL,
    AIO_SLOT_LINUX_AIO,
    AIO_SLOT_IO_URING,
    AIO_SLOT_AIOCB_POOL,
    AIO_SLOT_BDRV_NODES,
    AIO_SLOT__COUNT,
} AioSlot;

void *aio_context_get_slot(AioContext *ctx, AioSlot slot);
void aio_context_set_slot(AioContext *ctx, AioSlot slot, void *obj, void (*destroy)(void *obj));

/* Requests to gather before they are submitted although the queue is plugged; 0: the backend's own.
 */
void aio_context_set_aio_params(AioContext *ctx, int64_t max_batch);
int64_t aio_context_get_max_batch(AioContext *ctx);

#endif
