/* QemuLockable: how each kind of lock is taken and released.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "coroutine/lockable.h"

static void co_mutex_lock(void *object)
{
    qemu_co_mutex_lock(object);
}

static void co_mutex_unlock(void *object)
{
    qemu_co_mutex_unlock(object);
}

const QemuLockableOps lockable_co_mutex = { co_mutex_lock, co_mutex_unlock };

/* Failure is misuse, such as locking twice a mutex that checks for it. */
static void thread_mutex_lock(void *object)
{
    int ret = pthread_mutex_lock(object);

    g_assert(ret == 0);
}

static void thread_mutex_unlock(void *object)
{
    int ret = pthread_mutex_unlock(object);

    g_assert(ret == 0);
}

const QemuLockableOps lockable_thread_mutex = { thread_mutex_lock, thread_mutex_unlock };

static void lockable_lock(void *object)
{
    qemu_lockable_lock(object);
}

static void lockable_unlock(void *object)
{
    qemu_lockable_unlock(object);
}

const QemuLockableOps lockable_lockable = { lockable_lock, lockable_unlock };
