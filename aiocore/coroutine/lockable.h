/* QemuLockable: one type for the locks that a coroutine can give up while it waits in a CoQueue.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Made on the spot, from a pointer to any lock of these kinds or none:
 *
 *     QEMU_MAKE_LOCKABLE(&co_mutex)      CoMutex
 *     QEMU_MAKE_LOCKABLE(&mutex)         pthread_mutex_t
 *     QEMU_MAKE_LOCKABLE(lockable)       QemuLockable
 *     QEMU_MAKE_LOCKABLE(NULL)           NULL, as for a null pointer of the types above
 */
#ifndef QAIO_COROUTINE_LOCKABLE_H
#define QAIO_COROUTINE_LOCKABLE_H

#include "coroutine/co-mutex.h"

#include <pthread.h>

typedef struct QemuLockableOps {
    void (*lock)(void *object);
    void (*unlock)(void *object);
} QemuLockableOps;

typedef struct QemuLockable {
    void *object;
    const QemuLockableOps *ops;
} QemuLockable;

extern const QemuLockableOps lockable_co_mutex, lockable_thread_mutex, lockable_lockable;

/* @x as a QemuLockable * that is good until the end of the block, or NULL. */
#define QEMU_MAKE_LOCKABLE(x) \
    lockable_or_null(&(QemuLockable){                           \
        .object = (x),                                          \
        .ops = _Generic((x),                                    \
            CoMutex *: &lockable_co_mutex,                      \
            pthread_mutex_t *: &lockable_thread_mutex,          \
            QemuLockable *: &lockable_lockable,                 \
            void *: NULL),                                      \
    })

static inline QemuLockable *lockable_or_null(QemuLockable *lockable)
{
    return lockable->object ? lockable : NULL;
}

/* In a coroutine if the lock is a CoMutex. */
static inline void qemu_lockable_lock(QemuLockable *lockable)
{
    lockable->ops->lock(lockable->object);
}

static inline void qemu_lockable_unlock(QemuLockable *lockable)
{
    lockable->ops->unlock(lockable->object);
}

#endif
