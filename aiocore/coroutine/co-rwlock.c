/* CoRwlock: a count of owners and a line of tickets, under a thread's mutex.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who releases the lock gives it away: for as many as are next in line and can have it, it counts
 * them as owners, takes them out of the line, and wakes them when it has released the mutex. So
 * when a ticket's coroutine runs it owns the lock, and there is no moment when the lock is free and
 * somebody waits:
 *
 *     owners == 0       the line is empty
 *     owners > 0        the line is empty, or a writer is at its head
 *     owners == WRITER  anybody may wait
 *
 * The mutex is held for a few instructions and never across a yield or a wake-up, so no thread
 * waits for it for long.
 */
#include "base/osdep.h"
#include "coroutine/co-rwlock.h"

#define WRITER (-1)

/* On the stack of the coroutine that waits. */
struct CoRwTicket {
    Coroutine *co;
    bool read;
    QSIMPLEQ_ENTRY(CoRwTicket) next;
};

typedef QSIMPLEQ_HEAD(CoRwTickets, CoRwTicket) CoRwTickets;

void qemu_co_rwlock_init(CoRwlock *lock)
{
    pthread_mutex_init(&lock->lock, NULL);
    lock->owners = 0;
    QSIMPLEQ_INIT(&lock->tickets);
}

/* Become an owner, if the lock's state allows it, whoever waits. */
static bool co_rwlock_take_locked(CoRwlock *lock, bool read)
{
    if (read ? lock->owners < 0 : lock->owners != 0) {
        return false;
    }
    lock->owners = read ? lock->owners + 1 : WRITER;
    return true;
}

/* Give the lock to those who are next. They move to @woken. */
static void co_rwlock_give_locked(CoRwlock *lock, CoRwTickets *woken)
{
    CoRwTicket *ticket;

    while ((ticket = QSIMPLEQ_FIRST(&lock->tickets)) && co_rwlock_take_locked(lock, ticket->read)) {
        QSIMPLEQ_REMOVE_HEAD(&lock->tickets, next);
        QSIMPLEQ_INSERT_TAIL(woken, ticket, next);
    }
}

/* A ticket is gone as soon as its coroutine is woken. */
static void co_rwlock_wake(CoRwTickets *woken)
{
    CoRwTicket *ticket;

    while ((ticket = QSIMPLEQ_FIRST(woken))) {
        QSIMPLEQ_REMOVE_HEAD(woken, next);
        coroutine_wake(ticket->co);
    }
}

static void coroutine_fn co_rwlock_lock(CoRwlock *lock, bool read)
{
    CoRwTicket ticket = { .co = qemu_coroutine_self(), .read = read };
    bool taken;

    pthread_mutex_lock(&lock->lock);
    taken = QSIMPLEQ_EMPTY(&lock->tickets) && co_rwlock_take_locked(lock, read);
    if (!taken) {
        QSIMPLEQ_INSERT_TAIL(&lock->tickets, &ticket, next);
    }
    pthread_mutex_unlock(&lock->lock);
    if (!taken) {
        qemu_coroutine_yield();
    }
}

void coroutine_fn qemu_co_rwlock_rdlock(CoRwlock *lock)
{
    co_rwlock_lock(lock, true);
}

void coroutine_fn qemu_co_rwlock_wrlock(CoRwlock *lock)
{
    co_rwlock_lock(lock, false);
}

static G_NORETURN void co_rwlock_abort(const char *func, CoRwlock *lock, const char *what)
{
    fprintf(stderr, "%s: coroutine %p calls it on CoRwlock %p, which %s\n", func,
            (void *)qemu_coroutine_self(), (void *)lock, what);
    abort();
}

void coroutine_fn qemu_co_rwlock_upgrade(CoRwlock *lock)
{
    CoRwTicket ticket = { .co = qemu_coroutine_self(), .read = false };
    CoRwTickets woken = QSIMPLEQ_HEAD_INITIALIZER(woken);
    bool taken;

    pthread_mutex_lock(&lock->lock);
    if (lock->owners <= 0) {
        co_rwlock_abort(__func__, lock, "nobody reads");
    }
    taken = lock->owners == 1 && QSIMPLEQ_EMPTY(&lock->tickets);
    if (taken) {
        lock->owners = WRITER;
    } else {
        QSIMPLEQ_INSERT_TAIL(&lock->tickets, &ticket, next);
        lock->owners--;
        co_rwlock_give_locked(lock, &woken);
    }
    pthread_mutex_unlock(&lock->lock);
    if (!taken) {
        co_rwlock_wake(&woken);
        qemu_coroutine_yield();
    }
}

void coroutine_fn qemu_co_rwlock_downgrade(CoRwlock *lock)
{
    CoRwTickets woken = QSIMPLEQ_HEAD_INITIALIZER(woken);

    pthread_mutex_lock(&lock->lock);
    if (lock->owners != WRITER) {
        co_rwlock_abort(__func__, lock, "nobody writes");
    }
    lock->owners = 1;
    co_rwlock_give_locked(lock, &woken);
    pthread_mutex_unlock(&lock->lock);
    co_rwlock_wake(&woken);
}

void coroutine_fn qemu_co_rwlock_unlock(CoRwlock *lock)
{
    CoRwTickets woken = QSIMPLEQ_HEAD_INITIALIZER(woken);

    pthread_mutex_lock(&lock->lock);
    if (lock->owners == 0) {
        co_rwlock_abort(__func__, lock, "nobody has");
    }
    lock->owners = lock->owners == WRITER ? 0 : lock->owners - 1;
    co_rwlock_give_locked(lock, &woken);
    pthread_mutex_unlock(&lock->lock);
    co_rwlock_wake(&woken);
}
