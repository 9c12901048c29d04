/* The current AioContext of a thread, behind calls that the compiler cannot merge.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/current-context.h"

__thread AioContext *current_aio_context;

/* The empty asm keeps the functions from being treated as pure and their calls from being merged.
 */
QAIO_NOINLINE AioContext *qemu_get_current_aio_context(void)
{
    __asm__ volatile("");
    return current_aio_context;
}

QAIO_NOINLINE void qemu_set_current_aio_context(AioContext *ctx)
{
    __asm__ volatile("");
    current_aio_context = ctx;
}
