/* Waiting for a coroutine, but not for ever: both sides share a record, the last one frees it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     waiter                     worker
 *     sleeps, wakeable           entry()
 *                                ended: wakes the waiter, who frees
 *     time is up: given_up       ... entry() goes on ...
 *                                sees given_up: cleans up and frees
 */
#include "base/osdep.h"
#include "loop/co-timeout.h"
#include "loop/coroutine-sleep.h"

typedef struct CoTimeout {
    CoroutineEntry *entry;
    void *opaque;
    CleanupFunc *clean;
    QemuCoSleep sleep; /* the waiter's */
    bool ended;
    bool given_up;
} CoTimeout;

static void coroutine_fn worker_entry(void *opaque)
{
    CoTimeout *t = opaque;

    t->entry(t->opaque);
    if (!t->given_up) {
        t->ended = true;
        qemu_co_sleep_wake(&t->sleep);
        return;
    }
    if (t->clean) {
        t->clean(t->opaque);
    }
    g_free(t);
}

int coroutine_fn qemu_co_timeout(CoroutineEntry *entry, void *opaque, uint64_t timeout_ns,
                                 CleanupFunc clean)
{
    CoTimeout *t;

    if (timeout_ns == 0) {
        entry(opaque);
        return 0;
    }
    t = g_new(CoTimeout, 1);
    *t = (CoTimeout){ .entry = entry, .opaque = opaque, .clean = clean };
    /* It begins when we sleep: we are a coroutine. */
    aio_co_enter(qemu_get_current_aio_context(), qemu_coroutine_create(worker_entry, t));
    qemu_co_sleep_ns_wakeable(&t->sleep, QEMU_CLOCK_REALTIME, MIN(timeout_ns, INT64_MAX));
    if (!t->ended) {
        t->given_up = true;
        return -ETIMEDOUT;
    }
    g_free(t);
    return 0;
}
