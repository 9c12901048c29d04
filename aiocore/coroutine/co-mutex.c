/* CoMutex: one word that is the lock and the pile of those who wait for it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     state                               is changed by
 *
 *     NULL            unlocked            lock: to HELD
 *     HELD            held                unlock, if oldest is empty too: to NULL
 *                                         lock: to its waiter
 *     c -> b -> HELD  held, b came first  lock: to d -> c -> b -> HELD
 *                                         unlock, if oldest is empty: takes all, leaves HELD
 *
 * A waiter is on the waiting coroutine's stack. That it waits and that the mutex is held is one and
 * the same compare-and-swap, so there is no moment at which the holder must wait for a waiter to
 * show up, or can miss one. The holder takes the whole pile and turns it round: oldest then lists
 * who is next, and only when that list is used up the pile is looked at again. So the order is that
 * of the compare-and-swaps, and each waiter is moved once.
 *
 * oldest belongs to the holder, like what the mutex protects. All changes of state are sequentially
 * consistent; who takes the mutex by lock sees what happened before the unlock through state, and
 * who is handed it, through the wake-up.
 *
 * No ABA: lock stores the address that it expects in state into its own waiter, and whatever that
 * address has been meanwhile, it is the pile of now when the exchange succeeds.
 *
 * A waiter may be woken by another thread before it has yielded; then it is entered in its own
 * thread, from the loop, which is after that.
 *
 * Modelled in tests/model/co-mutex.pml: change both.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "base/processor.h"
#include "coroutine/co-mutex.h"

/* On the order of ten microseconds, less than a yield and a wake-up across threads. */
#define SPINS 1000

struct CoMutexWaiter {
    Coroutine *co;
    CoMutexWaiter *next; /* on the pile: who came before; in oldest: who came after */
};

static CoMutexWaiter held;
#define HELD (&held)

void qemu_co_mutex_init(CoMutex *mutex)
{
    *mutex = (CoMutex){ 0 };
}

static G_NORETURN void co_mutex_abort(const char *func, const char *what, CoMutex *mutex)
{
    fprintf(stderr, "%s: coroutine %p %s CoMutex %p, which coroutine %p holds\n", func,
            (void *)qemu_coroutine_self(), what, (void *)mutex,
            (void *)qatomic_read(&mutex->holder));
    abort();
}

static bool co_mutex_try(CoMutex *mutex)
{
    return qatomic_cmpxchg(&mutex->state, NULL, HELD) == NULL;
}

/* Worth it only while the holder makes headway in another context and nobody waits before us. */
static bool co_mutex_spin(CoMutex *mutex, AioContext *ctx)
{
    for (int i = 0; i < SPINS; i++) {
        CoMutexWaiter *state = qatomic_read(&mutex->state);
        AioContext *other = qatomic_read(&mutex->ctx);

        if (!state && co_mutex_try(mutex)) {
            return true;
        }
        if (state && (state != HELD || !other || other == ctx)) {
            return false;
        }
        cpu_relax();
    }
    return false;
}

/* Lie down on the pile. Returns false if the mutex was free after all, and is taken. */
static bool co_mutex_push(CoMutex *mutex, CoMutexWaiter *waiter)
{
    CoMutexWaiter *state = qatomic_read(&mutex->state);

    for (;;) {
        CoMutexWaiter *next = state ? waiter : HELD, *seen;

        waiter->next = state;
        seen = qatomic_cmpxchg(&mutex->state, state, next);
        if (seen == state) {
            return state != NULL;
        }
        state = seen;
    }
}

static void coroutine_fn co_mutex_wait(CoMutex *mutex, Coroutine *self)
{
    CoMutexWaiter waiter = { .co = self };

    if (!co_mutex_push(mutex, &waiter)) {
        return;
    }
    qemu_coroutine_yield();
    if (unlikely(qatomic_read(&mutex->holder) != self)) {
        co_mutex_abort("qemu_co_mutex_lock", "was entered by somebody else while it waits for",
                       mutex);
    }
}

void coroutine_fn qemu_co_mutex_lock(CoMutex *mutex)
{
    Coroutine *self = qemu_coroutine_self();
    AioContext *ctx = qemu_coroutine_get_aio_context(self);

    if (!co_mutex_try(mutex)) {
        if (qatomic_read(&mutex->holder) == self) {
            co_mutex_abort(__func__, "locks", mutex);
        }
        if (!co_mutex_spin(mutex, ctx)) {
            co_mutex_wait(mutex, self);
            ctx = qemu_coroutine_get_aio_context(self);
        }
    }
    qatomic_set(&mutex->holder, self);
    qatomic_set(&mutex->ctx, ctx);
}

/* Take the pile, which is not empty, and list it the other way round. */
static CoMutexWaiter *co_mutex_take_pile(CoMutex *mutex)
{
    CoMutexWaiter *waiter = qatomic_xchg(&mutex->state, HELD);
    CoMutexWaiter *oldest = NULL;

    while (waiter != HELD) {
        CoMutexWaiter *before = waiter->next;

        waiter->next = oldest;
        oldest = waiter;
        waiter = before;
    }
    return oldest;
}

/* After the wake-up neither waiter nor mutex need exist any more. */
static void co_mutex_hand_over(CoMutex *mutex)
{
    CoMutexWaiter *waiter = mutex->oldest ? mutex->oldest : co_mutex_take_pile(mutex);
    Coroutine *co = waiter->co;

    mutex->oldest = waiter->next;
    qatomic_set(&mutex->holder, co);
    coroutine_wake(co);
}

void coroutine_fn qemu_co_mutex_unlock(CoMutex *mutex)
{
    if (unlikely(qatomic_read(&mutex->holder) != qemu_coroutine_self())) {
        co_mutex_abort(__func__, "unlocks", mutex);
    }
    qatomic_set(&mutex->holder, NULL);
    qatomic_set(&mutex->ctx, NULL);
    if (mutex->oldest || qatomic_cmpxchg(&mutex->state, HELD, NULL) != HELD) {
        co_mutex_hand_over(mutex);
    }
}

void coroutine_fn qemu_co_mutex_assert_locked(CoMutex *mutex)
{
    if (qatomic_read(&mutex->holder) != qemu_coroutine_self()) {
        co_mutex_abort(__func__, "should hold", mutex);
    }
}
