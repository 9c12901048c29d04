/* CoQueue: coroutines that wait, in order, for somebody to say that they can go on.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     while (!condition)                       make the condition true
 *         qemu_co_queue_wait(&q, &lock);       qemu_co_queue_next(&q);
 *
 * Like a condition variable, but in order, without spurious wake-ups, and with the waiter woken
 * gone from the queue at once. The queue does not lock: all calls on one are made in one thread, or
 * all are made under one lock, a CoMutex or a thread's mutex, and that is what wait and enter are
 * given to release.
 *
 * Whoever is woken runs in its own context: at once if its waker is of that context and no
 * coroutine; behind the waker if that is a coroutine; through the loop if it is another thread.
 */
#ifndef QAIO_COROUTINE_CO_QUEUE_H
#define QAIO_COROUTINE_CO_QUEUE_H

#include "coroutine/lockable.h"

typedef struct CoQueue {
    QSIMPLEQ_HEAD(, Coroutine) entries; /* oldest first, by co_queue_next */
} CoQueue;

typedef enum CoQueueWaitFlags {
    CO_QUEUE_WAIT_FRONT = 1 << 0, /* before all others, for one that was woken and has to go on
                                   * waiting */
} CoQueueWaitFlags;

/* Empty. There is nothing to undo. */
void qemu_co_queue_init(CoQueue *queue);

/* Wait until woken. @lock: a pointer to a lock that the caller holds, released while it waits, or
 * NULL (see lockable.h). */
#define qemu_co_queue_wait(queue, lock) qemu_co_queue_wait_flags(queue, lock, 0)
#define qemu_co_queue_wait_flags(queue, lock, flags) \
    qemu_co_queue_wait_impl(queue, QEMU_MAKE_LOCKABLE(lock), flags)
void coroutine_fn qemu_co_queue_wait_impl(CoQueue *queue, QemuLockable *lock,
                                          CoQueueWaitFlags flags);

/* Wake the one that has waited longest. Returns false if there is none. */
bool coroutine_fn qemu_co_queue_next(CoQueue *queue);

/* Wake all who wait now, in order. One that waits again at once is not woken twice. */
void coroutine_fn qemu_co_queue_restart_all(CoQueue *queue);

/* The same for callers that are no coroutine, where those who are woken run before it returns, or
 * may: @lock is released while they do. As above, or NULL. */
#define qemu_co_enter_next(queue, lock) qemu_co_enter_next_impl(queue, QEMU_MAKE_LOCKABLE(lock))
bool qemu_co_enter_next_impl(CoQueue *queue, QemuLockable *lock);
#define qemu_co_enter_all(queue, lock) qemu_co_enter_all_impl(queue, QEMU_MAKE_LOCKABLE(lock))
void qemu_co_enter_all_impl(CoQueue *queue, QemuLockable *lock);

/* Whether nobody waits. */
bool qemu_co_queue_empty(CoQueue *queue);

#endif
