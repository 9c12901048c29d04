/* CoMutex: a mutex that suspends the coroutine, not the thread, and is handed over in order.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It works among coroutines of one thread and of many, in any contexts. Who comes while it is held
 * waits in line: unlock hands the mutex to the one that has waited longest, who holds it from that
 * moment although it runs only later, in its own context. So nobody overtakes and nobody starves.
 *
 * The holder may yield, and may go on in another thread. It must unlock before it ends. A mutex may
 * be freed by whoever has locked it last, once its unlock has returned.
 *
 * A coroutine that runs without a context (its thread has none) may share a CoMutex only with
 * coroutines of its own thread.
 */
#ifndef QAIO_COROUTINE_CO_MUTEX_H
#define QAIO_COROUTINE_CO_MUTEX_H

#include "coroutine/coroutine.h"

typedef struct CoMutexWaiter CoMutexWaiter;

/* All private. Zero bytes are an unlocked mutex. */
typedef struct CoMutex {
    CoMutexWaiter *state;  /* atomic; co-mutex.c draws it */
    CoMutexWaiter *oldest; /* the holder's: waiters in the order in which they came */
    Coroutine *holder;     /* NULL, or who holds it, also if it has not run since; atomic */
    AioContext *ctx;       /* where the holder took it, NULL while it has not run since; atomic */
} CoMutex;

/* Make it unlocked. */
void qemu_co_mutex_init(CoMutex *mutex);

/* Return when the running coroutine holds @mutex. Yields if another one holds it; when that one
 * runs in another context, spins for some microseconds first, as it may be done soon. Aborts with a
 * message if the caller holds @mutex already, which would be for ever. */
void coroutine_fn qemu_co_mutex_lock(CoMutex *mutex);

/* Release @mutex, or hand it to the one that has waited longest. Does not yield: one of the same
 * thread runs when the caller next does. Aborts with a message that names both if the caller is not
 * the holder. */
void coroutine_fn qemu_co_mutex_unlock(CoMutex *mutex);

/* Abort with a message that names both unless the running coroutine holds @mutex. */
void coroutine_fn qemu_co_mutex_assert_locked(CoMutex *mutex);

#endif
