/* CoQueue: a list of suspended coroutines, linked by the field that co_queue_wakeup uses too.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One link does for both, as a coroutine leaves the queue before it is woken. A waiter puts itself
 * on the queue under the lock and releases that before it yields; a waker in another thread that
 * gets in between schedules it in its own context's loop, which turns after it has yielded.
 */
#include "base/osdep.h"
#include "coroutine/co-queue.h"

void qemu_co_queue_init(CoQueue *queue)
{
    QSIMPLEQ_INIT(&queue->entries);
}

void coroutine_fn qemu_co_queue_wait_impl(CoQueue *queue, QemuLockable *lock,
                                          CoQueueWaitFlags flags)
{
    Coroutine *self = qemu_coroutine_self();

    if (flags & CO_QUEUE_WAIT_FRONT) {
        QSIMPLEQ_INSERT_HEAD(&queue->entries, self, co_queue_next);
    } else {
        QSIMPLEQ_INSERT_TAIL(&queue->entries, self, co_queue_next);
    }
    if (lock) {
        qemu_lockable_unlock(lock);
    }
    qemu_coroutine_yield();
    if (lock) {
        qemu_lockable_lock(lock);
    }
}

bool qemu_co_enter_next_impl(CoQueue *queue, QemuLockable *lock)
{
    Coroutine *co = QSIMPLEQ_FIRST(&queue->entries);

    if (!co) {
        return false;
    }
    QSIMPLEQ_REMOVE_HEAD(&queue->entries, co_queue_next);
    if (lock) {
        qemu_lockable_unlock(lock);
    }
    coroutine_wake(co);
    if (lock) {
        qemu_lockable_lock(lock);
    }
    return true;
}

/* Those who wait now, apart from those who will while these run. */
void qemu_co_enter_all_impl(CoQueue *queue, QemuLockable *lock)
{
    CoQueue now;

    qemu_co_queue_init(&now);
    QSIMPLEQ_CONCAT(&now.entries, &queue->entries);
    while (qemu_co_enter_next_impl(&now, lock)) {
        /* there may be more */
    }
}

bool coroutine_fn qemu_co_queue_next(CoQueue *queue)
{
    return qemu_co_enter_next_impl(queue, NULL);
}

void coroutine_fn qemu_co_queue_restart_all(CoQueue *queue)
{
    qemu_co_enter_all_impl(queue, NULL);
}

bool qemu_co_queue_empty(CoQueue *queue)
{
    return QSIMPLEQ_EMPTY(&queue->entries);
}
