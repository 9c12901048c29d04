/* A coroutine function with a limit to how long its caller waits for it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_LOOP_CO_TIMEOUT_H
#define QAIO_LOOP_CO_TIMEOUT_H

#include "loop/aio.h"

typedef void CleanupFunc(void *opaque);

/*
 * Run @entry(@opaque) in a coroutine of its own and wait for it, no longer than @timeout_ns
 * (0: for as long as it takes). Returns 0 if it has ended.
 *
 * Else returns -ETIMEDOUT while it goes on; from then on @opaque is its own, and when it ends
 * @clean(@opaque) is called in its coroutine, unless @clean is NULL. In a coroutine of the home
 * thread of the current context.
 */
int coroutine_fn qemu_co_timeout(CoroutineEntry *entry, void *opaque, uint64_t timeout_ns,
                                 CleanupFunc clean);

#endif
