/* Waiting for a descriptor: a handler that removes itself, then enters the coroutine.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In this order, as the coroutine may close the descriptor, set a handler of its own, or end, which
 * takes the handler's data with it.
 */
#include "base/osdep.h"
#include "loop/coroutine-io.h"

typedef struct FDYield {
    AioContext *ctx;
    Coroutine *co;
    int fd;
} FDYield;

static void fd_is_readable(void *opaque)
{
    FDYield *y = opaque;

    aio_set_fd_handler(y->ctx, y->fd, false, NULL, NULL, NULL, NULL, NULL);
    aio_co_wake(y->co);
}

void coroutine_fn yield_until_fd_readable(int fd)
{
    FDYield y = { .ctx = qemu_get_current_aio_context(), .co = qemu_coroutine_self(), .fd = fd };

    aio_set_fd_handler(y.ctx, fd, false, fd_is_readable, NULL, NULL, NULL, &y);
    qemu_coroutine_yield();
}
