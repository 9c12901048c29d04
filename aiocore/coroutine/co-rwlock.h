/* CoRwlock: many readers or one writer, in the order in which they came.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *      rdlock                  wrlock                       downgrade
 *        |   others may read     |   nobody else              |
 *        v                       v                            v
 *     reader --- upgrade ----> writer ------------------> reader
 *
 * Who cannot have it waits in line, suspended. Nobody overtakes: a reader that comes while a writer
 * waits gets in line behind it although it could read, so writers do not starve; and all readers
 * that are next in line get in together. Works across threads and contexts like CoMutex; a
 * coroutine without a context may share a lock only with others of its thread.
 */
#ifndef QAIO_COROUTINE_CO_RWLOCK_H
#define QAIO_COROUTINE_CO_RWLOCK_H

#include "coroutine/coroutine.h"

#include <pthread.h>

typedef struct CoRwTicket CoRwTicket;

/* All private. */
typedef struct CoRwlock {
    pthread_mutex_t lock; /* for the other fields; nobody yields with it */
    int owners;           /* readers; WRITER (co-rwlock.c); 0 */
    QSIMPLEQ_HEAD(, CoRwTicket) tickets;
} CoRwlock;

/* Free. There is nothing to undo. */
void qemu_co_rwlock_init(CoRwlock *lock);

/* Return when the caller may read. Not twice by one coroutine: a writer may wait in between. */
void coroutine_fn qemu_co_rwlock_rdlock(CoRwlock *lock);

/* Return when the caller may write. */
void coroutine_fn qemu_co_rwlock_wrlock(CoRwlock *lock);

/* From reader to writer. At once, if the caller is the only one here and nobody waits. Else it
 * gives up reading and gets in line at the end: writers that came before write before it, and what
 * it has read may have changed. */
void coroutine_fn qemu_co_rwlock_upgrade(CoRwlock *lock);

/* From writer to reader, without letting a writer in between. Readers that are next in line get in.
 * Does not yield. */
void coroutine_fn qemu_co_rwlock_downgrade(CoRwlock *lock);

/* Reader or writer no more. Those who are next in line have the lock now; they run in their own
 * contexts, or behind the caller. Does not yield. Aborts, as do the two above, if nobody has the
 * lock in the way that the call implies. */
void coroutine_fn qemu_co_rwlock_unlock(CoRwlock *lock);

#endif
