/*
 * Descriptor handlers of the main loop that are not the block layer's: in a context of their own.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Waiting for a request is a nested aio_poll() of the main loop's AioContext. What is watched here
 * is not served there, but only by turns of the main loop proper.
 */
#include "base/osdep.h"
#include "loop/main-loop.h"

void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write, void *opaque)
{
    aio_set_fd_handler(iohandler_get_aio_context(), fd, false, fd_read, fd_write, NULL, NULL,
                       opaque);
}
