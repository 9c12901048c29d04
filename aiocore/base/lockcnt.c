/* QemuLockCnt: compare-and-swap on one word, and a futex to sleep on it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * lockcnt.h draws the states. The slow part is the same everywhere: who cannot go on because the
 * word is locked sets SLEEPER and sleeps; unlock clears LOCKED and SLEEPER in one step and, if
 * SLEEPER was set, wakes everybody to look again. A sleeper cannot miss that: the kernel puts it
 * to sleep only if the word still has the value with both bits.
 *
 * Every change is sequentially consistent, so what the last holder did is seen by who enters
 * after it (unlock pairs with inc and lock), and what a walker did by who removes after it left
 * (dec pairs with lock and dec_and_lock).
 *
 * Modelled in tests/model/lockcnt.pml: change both.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "base/lockcnt.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#define LOCKED  1u
#define SLEEPER 2u
#define VISITOR 4u

static unsigned visitors(unsigned state)
{
    return state / VISITOR;
}

/* Replace *@state, which the caller last saw in the word, by @next. On failure *@state is what the
 * word is now. */
static bool lockcnt_change(QemuLockCnt *lockcnt, unsigned *state, unsigned next)
{
    unsigned seen = qatomic_cmpxchg(&lockcnt->state, *state, next);
    bool changed = seen == *state;

    *state = seen;
    return changed;
}

/* The word was seen as @state, which is locked: sleep until it may not be. Returns a fresh look. */
static unsigned lockcnt_sleep(QemuLockCnt *lockcnt, unsigned state)
{
    unsigned with_sleeper = state | SLEEPER;

    if (state == with_sleeper || lockcnt_change(lockcnt, &state, with_sleeper)) {
        syscall(SYS_futex, &lockcnt->state, FUTEX_WAIT_PRIVATE, with_sleeper, NULL, NULL, 0);
        state = qatomic_read(&lockcnt->state);
    }
    return state;
}

void qemu_lockcnt_init(QemuLockCnt *lockcnt)
{
    qatomic_set(&lockcnt->state, 0);
}

void qemu_lockcnt_destroy(QemuLockCnt *lockcnt)
{
    g_assert(qatomic_read(&lockcnt->state) == 0);
}

void qemu_lockcnt_inc(QemuLockCnt *lockcnt)
{
    unsigned state = qatomic_read(&lockcnt->state);

    do {
        while (visitors(state) == 0 && (state & LOCKED)) {
            state = lockcnt_sleep(lockcnt, state);
        }
    } while (!lockcnt_change(lockcnt, &state, state + VISITOR));
}

void qemu_lockcnt_dec(QemuLockCnt *lockcnt)
{
    unsigned before = qatomic_fetch_sub(&lockcnt->state, VISITOR);

    g_assert(visitors(before) > 0);
}

bool qemu_lockcnt_dec_and_lock(QemuLockCnt *lockcnt)
{
    unsigned state = qatomic_read(&lockcnt->state);

    for (;;) {
        if (visitors(state) > 1) {
            if (lockcnt_change(lockcnt, &state, state - VISITOR)) {
                return false;
            }
        } else if (state & LOCKED) {
            state = lockcnt_sleep(lockcnt, state);
        } else if (lockcnt_change(lockcnt, &state, (state - VISITOR) | LOCKED)) {
            return true;
        }
    }
}

bool qemu_lockcnt_dec_if_lock(QemuLockCnt *lockcnt)
{
    unsigned state = qatomic_read(&lockcnt->state);

    while (visitors(state) == 1) {
        if (state & LOCKED) {
            state = lockcnt_sleep(lockcnt, state);
        } else if (lockcnt_change(lockcnt, &state, (state - VISITOR) | LOCKED)) {
            return true;
        }
    }
    return false;
}

void qemu_lockcnt_lock(QemuLockCnt *lockcnt)
{
    unsigned state = qatomic_read(&lockcnt->state);

    do {
        while (state & LOCKED) {
            state = lockcnt_sleep(lockcnt, state);
        }
    } while (!lockcnt_change(lockcnt, &state, state | LOCKED));
}

void qemu_lockcnt_unlock(QemuLockCnt *lockcnt)
{
    unsigned before = qatomic_fetch_and(&lockcnt->state, ~(LOCKED | SLEEPER));

    g_assert(before & LOCKED);
    if (before & SLEEPER) {
        syscall(SYS_futex, &lockcnt->state, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    }
}

void qemu_lockcnt_inc_and_unlock(QemuLockCnt *lockcnt)
{
    /* Two steps look like one: between them the word is in a state that anybody may meet. */
    qatomic_add(&lockcnt->state, VISITOR);
    qemu_lockcnt_unlock(lockcnt);
}

unsigned qemu_lockcnt_count(QemuLockCnt *lockcnt)
{
    return visitors(qatomic_load_acquire(&lockcnt->state));
}
