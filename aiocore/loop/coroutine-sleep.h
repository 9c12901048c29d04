/* Coroutines that sleep: for a time, until woken, or whichever comes first.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A sleeping coroutine is suspended; the timer is one of its thread's current AioContext, and that
 * context's home thread is where all of this is called. Nobody but the timer and
 * qemu_co_sleep_wake() may enter it: who tries is aborted with a message that names both.
 */
#ifndef QAIO_LOOP_COROUTINE_SLEEP_H
#define QAIO_LOOP_COROUTINE_SLEEP_H

#include "loop/aio.h"

/* Who sleeps here: at most one. Zero bytes are nobody. The sleeper's or anybody's memory. */
typedef struct QemuCoSleep {
    Coroutine *to_wake;
} QemuCoSleep;

/* Sleep until qemu_co_sleep_wake(@w). */
void coroutine_fn qemu_co_sleep(QemuCoSleep *w);

/* Sleep until qemu_co_sleep_wake(@w), but no longer than @ns by clock @type. 0 or less: until the
 * loop next runs its timers. */
void coroutine_fn qemu_co_sleep_ns_wakeable(QemuCoSleep *w, QEMUClockType type, int64_t ns);

/* Sleep for @ns. */
static inline void coroutine_fn qemu_co_sleep_ns(QEMUClockType type, int64_t ns)
{
    QemuCoSleep w = { NULL };

    qemu_co_sleep_ns_wakeable(&w, type, ns);
}

/* Wake who sleeps at @w, as aio_co_wake() does; if nobody does, nothing happens, and is not
 * remembered. */
void qemu_co_sleep_wake(QemuCoSleep *w);

#endif
