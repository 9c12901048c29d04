/*
 * Choosing the fdmon, the way in which a context waits for descriptors.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include "loop/aio-posix.h"

bool aio_context_set_fdmon(AioContext *ctx, AioFDMon fdmon, Error **errp)
{
    bool ok = true;

    g_assert(ctx->fdmon == AIO_FDMON_AUTO && ctx->fdmon_ops == &fdmon_poll_ops);

    switch (fdmon) {
    case AIO_FDMON_AUTO:
        break;
    case AIO_FDMON_POLL:
        fdmon_epoll_destroy(ctx);
        break;
    case AIO_FDMON_EPOLL:
        ok = fdmon_epoll_enable(ctx, errp);
        break;
    case AIO_FDMON_IO_URING:
        ok = fdmon_io_uring_setup(ctx, errp);
        break;
    }
    if (ok) {
        ctx->fdmon = fdmon;
    }
    return ok;
}
