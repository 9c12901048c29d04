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
 *     aio_set_fd_handler ┘                 2. nothing found: sleep in fdmon (ppoll)
 *                                          3. bottom halves
 *                                          4. handlers of ready descriptors
 *                                          5. free what was deleted meanwhile
 */
#ifndef QAIO_LOOP_AIO_H
#define QAIO_LOOP_AIO_H

#include "base/osdep.h"
#include "base/current-context.h"
#include "base/error.h"
#include "base/event_notifier.h"
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

/* Whether the caller is in the home thread of @ctx. */
static inline bool in_aio_context_home_thread(AioContext *ctx)
{
    return ctx == qemu_get_current_aio_context();
}

/*
 * Let a sleeping aio_poll(@ctx) look again at bottom halves, handlers and its timeout. Any thread.
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

/* Stop and start serving external handlers; the calls nest. Any thread. */
void aio_disable_external(AioContext *ctx);
void aio_enable_external(AioContext *ctx);

/* ---- coroutines --------------------------------------------------------------------------- */

/*
 * Enter @co from a bottom half of @ctx. Any thread. Aborts if @co is already scheduled. A coroutine
 * cannot move itself to another thread by scheduling itself and then yielding: it could be entered
 * there before it has yielded here.
 */
void aio_co_schedule(AioContext *ctx, Coroutine *co);

/*
 * Have @co run in @ctx: later, by aio_co_schedule, when the caller is in another thread; behind the
 * caller when that is itself a coroutine, unless it is inside an aio_poll() of its own; else now.
 */
void aio_co_enter(AioContext *ctx, Coroutine *co);

/* aio_co_enter() in the context where @co last ran. */
void aio_co_wake(Coroutine *co);

/* ---- what the layers above keep per context ------------------------------------------------ */

/*
 * The block layer has one object of each kind per context, made on first use. The loop knows only
 * that it must destroy them, last slot first, when the context goes. Home thread.
 */
typedef enum AioSlot {
    AIO_SLOT_THREAD_POOL,
    AIO_SLOT_LINUX_AIO,
    AIO_SLOT_AIOCB_POOL,
    AIO_SLOT__COUNT,
} AioSlot;

void *aio_context_get_slot(AioContext *ctx, AioSlot slot);
void aio_context_set_slot(AioContext *ctx, AioSlot slot, void *obj, void (*destroy)(void *obj));

/* Requests to gather before they are submitted although the queue is plugged; 0: the backend's own.
 */
void aio_context_set_aio_params(AioContext *ctx, int64_t max_batch);
int64_t aio_context_get_max_batch(AioContext *ctx);

#endif
