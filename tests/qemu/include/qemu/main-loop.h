/* QEMU's name for the main loop, of which QEMU's tests know one per process.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * aiocore's is a thread's own. So the context of the one that was made is remembered here, for
 * other threads to ask for. */
#ifndef QAIO_TESTS_QEMU_QEMU_MAIN_LOOP_H
#define QAIO_TESTS_QEMU_QEMU_MAIN_LOOP_H

#include "loop/main-loop.h"

static AioContext *process_aio_context;

static inline int init_process_main_loop(Error **errp)
{
    int ret = qemu_init_main_loop(errp);

    process_aio_context = qemu_get_aio_context();
    return ret;
}

static inline AioContext *get_process_aio_context(void)
{
    return process_aio_context;
}

#define qemu_init_main_loop(errp) init_process_main_loop(errp)
#define qemu_get_aio_context()    get_process_aio_context()

#endif
