/* Sleeping coroutines: a pointer to the sleeper, taken by whoever wakes it first.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The timer's callback and everybody else wake by the same function, in the same thread. So who
 * finds to_wake set is the only one to wake, and a timer that has not run is disarmed by the
 * sleeper, on whose stack it is.
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "coroutine/coroutine_int.h"
#include "loop/coroutine-sleep.h"

void coroutine_fn qemu_co_sleep(QemuCoSleep *w)
{
    Coroutine *self = qemu_coroutine_self();

    g_assert(!w->to_wake);
    /* Refuses to be entered by anybody else. */
    qatomic_set(&self->scheduled, __func__);
    w->to_wake = self;
    qemu_coroutine_yield();
}

void qemu_co_sleep_wake(QemuCoSleep *w)
{
    Coroutine *co = w->to_wake;

    if (co) {
        w->to_wake = NULL;
        qatomic_set(&co->scheduled, NULL);
        aio_co_wake(co);
    }
}

static void sleep_is_over(void *opaque)
{
    qemu_co_sleep_wake(opaque);
}

void coroutine_fn qemu_co_sleep_ns_wakeable(QemuCoSleep *w, QEMUClockType type, int64_t ns)
{
    int64_t now = qemu_clock_get_ns(type);
    QEMUTimer timer;

    aio_timer_init(qemu_get_current_aio_context(), &timer, type, SCALE_NS, sleep_is_over, w);
    timer_mod(&timer, now + MIN(ns, INT64_MAX - now));
    qemu_co_sleep(w);
    timer_del(&timer);
    timer_deinit(&timer);
}
