/*
 * IOThread: a thread whose work is to turn the loop of an AioContext of its own.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *                create
 *                   │            stop
 *                   ▼   ┌──────────────────▶
 *                running                    stopped ── destroy ──▶ gone
 *                   │   ◀──────────────────┘                        ▲
 *                   │            run                                │
 *                   └───────────────────── destroy ─────────────────┘
 *
 * An IOThread has an owner, who makes it, runs, stops and destroys it, from one thread at a time
 * and never from the IOThread itself. Everybody may use its context as aio.h allows: while the
 * IOThread is stopped what is scheduled there waits until it runs again.
 *
 * The owner's thread sleeps in iothread_stop(), without turning its own loop. So the IOThread must
 * not be waiting for something that only the owner's loop can do.
 */
#ifndef QAIO_LOOP_IOTHREAD_H
#define QAIO_LOOP_IOTHREAD_H

#include "loop/aio.h"

typedef struct IOThread IOThread;

/* How long one made by iothread_create() polls at most, if nobody says otherwise. */
#define IOTHREAD_POLL_MAX_NS_DEFAULT 32768

/*
 * A running IOThread. @id is copied; the thread is called "IO @id", as far as the kernel has room
 * for names (15 characters). It polls as aio_context_set_poll_params() of its context says, which
 * may be called at any time. NULL and *errp, with nothing left behind, when descriptors or threads
 * are used up.
 */
IOThread *iothread_create(const char *id, Error **errp);

/* One that does not poll, for where failure is a bug: aborts then. */
IOThread *iothread_new(void);

/*
 * Start the thread again after iothread_stop(). Running already is a success. False and *errp, with
 * the IOThread still stopped, when there is no thread to be had.
 */
bool iothread_run(IOThread *iothread, Error **errp);

/*
 * End the loop and wait for the end of its thread. Bottom halves and coroutines that the caller had
 * scheduled before have run by then. Stopped already is fine.
 */
void iothread_stop(IOThread *iothread);

/*
 * Stop it if it runs, drop its reference to the context, and free it. Nothing may be in flight in
 * the context any more if this reference is the last. NULL is fine.
 */
void iothread_destroy(IOThread *iothread);

/* iothread_destroy() by the name that goes with iothread_new(). */
void iothread_join(IOThread *iothread);

/* Its context, which belongs to the IOThread: who wants to keep it takes a reference. Any thread.
 */
AioContext *iothread_get_aio_context(IOThread *iothread);

/* The processor time that its threads have used so far, all runs together, in ns. The owner. */
int64_t iothread_get_cpu_ns(IOThread *iothread);

#endif
