/*
 * The main loop: a thread's turn of GLib's main context with two AioContexts in it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * QEMU has one main loop per process. Here a main loop is the thread's that made it, so that jobs
 * in threads of one process share nothing: each function below is about the calling thread's main
 * loop, and that thread must have one, unless it says otherwise.
 *
 *     main_loop_wait
 *       1. notifiers: FILL            add descriptors, shorten the timeout
 *       2. GLib's prepare and query   all descriptors of the thread's GMainContext
 *       3. ppoll                      until the soonest of all timeouts
 *       4. GLib's check and dispatch  the AioContexts' bottom halves, handlers and timers, among
 * others
 *       5. notifiers: OK, or ERR      look at the descriptors, if ppoll did not fail
 *       6. the main loop's own timers
 *
 * Other threads reach a main loop through its AioContext: aio_bh_schedule_oneshot(), aio_notify().
 */
#ifndef QAIO_LOOP_MAIN_LOOP_H
#define QAIO_LOOP_MAIN_LOOP_H

#include "base/notify.h"
#include "loop/aio.h"

/*
 * Make a main loop on the calling thread's default GMainContext, which in a thread that has pushed
 * none is the process's: only one thread may have that, so others push their own first. The
 * AioContext becomes the thread's current one. 0, or -errno and *errp.
 */
int qemu_init_main_loop(Error **errp);

/* The end of it. The AioContexts go with their last references. All notifiers must be off. */
void qemu_main_loop_destroy(void);

/* The AioContext of the main loop, which owns the reference; NULL if the thread has no main loop.
 */
AioContext *qemu_get_aio_context(void);

/* One turn: sleep until there is something to do, unless @nonblocking, and do it. Callbacks may
 * call it again. */
void main_loop_wait(int nonblocking);

/* Have the next turn, or the present one, not sleep. From a signal handler too. Without a main loop
 * nothing happens. */
void qemu_notify_event(void);

/* ---- descriptors, bottom halves, timers ---------------------------------------------------- */

/* Watch @fd in a context of its own, where nested aio_poll()s of the main loop's context do not
 * serve it. Both handlers NULL: no more. */
void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write, void *opaque);

/* That context. It is for GLib to turn, not for aio_poll(). */
AioContext *iohandler_get_aio_context(void);

/* A bottom half of the main loop's AioContext. */
QEMUBH *qemu_bh_new_full(QEMUBHFunc *cb, void *opaque, const char *name);
#define qemu_bh_new(cb, opaque) qemu_bh_new_full((cb), (opaque), (G_STRINGIFY(cb)))

/* The main loop's own timers, which run at the end of a turn. */
QEMUTimerListGroup *main_loop_get_timers(void);

static inline QEMUTimer *timer_new(QEMUClockType type, int scale, QEMUTimerCB *cb, void *opaque)
{
    return timer_new_full(main_loop_get_timers(), type, scale, cb, opaque);
}

static inline QEMUTimer *timer_new_ns(QEMUClockType type, QEMUTimerCB *cb, void *opaque)
{
    return timer_new(type, SCALE_NS, cb, opaque);
}

static inline QEMUTimer *timer_new_ms(QEMUClockType type, QEMUTimerCB *cb, void *opaque)
{
    return timer_new(type, SCALE_MS, cb, opaque);
}

/* ---- those who bring descriptors of their own ---------------------------------------------- */

enum {
    MAIN_LOOP_POLL_FILL, /* about to poll */
    MAIN_LOOP_POLL_ERR,  /* poll failed, by a signal for instance */
    MAIN_LOOP_POLL_OK,   /* poll has been, and revents are set */
};

/* What notifiers get as data. */
typedef struct MainLoopPoll {
    int state;
    uint32_t timeout; /* FILL: in ms, to be shortened only; UINT32_MAX: none */
    GArray *pollfds;  /* of GPollFD; FILL: append, and remember where */
} MainLoopPoll;

/* Call @notify->notify in each turn, with a MainLoopPoll. Removable at any time, by itself too. */
void main_loop_poll_add_notifier(Notifier *notify);
void main_loop_poll_remove_notifier(Notifier *notify);

#endif
