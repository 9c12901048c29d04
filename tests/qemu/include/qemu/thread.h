/* QEMU's threads and mutexes as its tests use them: POSIX ones by other names.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QEMU_THREAD_H
#define QAIO_TESTS_QEMU_QEMU_THREAD_H

#include "base/osdep.h"

#include <pthread.h>

enum { QEMU_THREAD_JOINABLE };

typedef struct QemuMutex {
    pthread_mutex_t lock;
} QemuMutex;

typedef struct QemuThread {
    pthread_t thread;
} QemuThread;

static inline void qemu_mutex_init(QemuMutex *mutex)
{
    g_assert(pthread_mutex_init(&mutex->lock, NULL) == 0);
}

static inline void qemu_mutex_lock(QemuMutex *mutex)
{
    g_assert(pthread_mutex_lock(&mutex->lock) == 0);
}

static inline void qemu_mutex_unlock(QemuMutex *mutex)
{
    g_assert(pthread_mutex_unlock(&mutex->lock) == 0);
}

/* All threads are joinable and keep the program's name. */
static inline void qemu_thread_create(QemuThread *thread, const char *name,
                                      void *(*start_routine)(void *), void *arg, int mode)
{
    (void)name;
    g_assert(mode == QEMU_THREAD_JOINABLE);
    g_assert(pthread_create(&thread->thread, NULL, start_routine, arg) == 0);
}

static inline void *qemu_thread_join(QemuThread *thread)
{
    void *ret;

    g_assert(pthread_join(thread->thread, &ret) == 0);
    return ret;
}

static inline void qemu_thread_get_self(QemuThread *thread)
{
    thread->thread = pthread_self();
}

static inline bool qemu_thread_is_self(QemuThread *thread)
{
    return pthread_equal(thread->thread, pthread_self());
}

#endif
