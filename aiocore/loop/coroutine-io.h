/* Coroutines that wait for a file descriptor.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_LOOP_COROUTINE_IO_H
#define QAIO_LOOP_COROUTINE_IO_H

#include "loop/aio.h"

/* Yield until @fd is readable, at its end, or in error. It takes over the handler of @fd in the
 * current context, which must be the caller's thread's; when it returns there is none, so the
 * caller may close @fd or wait again. Nobody else may enter the coroutine meanwhile. */
void coroutine_fn yield_until_fd_readable(int fd);

#endif
