/*
 * A job's own main loop, for qaio_loop=main_loop.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The GMainContext is made for the job and is its thread's default one: neither fio, which may use
 * GLib by way of other engines, nor another job in the same process turns it.
 */
#include "engine/engine.h"
#include "loop/main-loop.h"

AioContext *qaio_main_loop_new(struct qaio_data *qd, Error **errp)
{
    qd->main_context = g_main_context_new();
    g_main_context_push_thread_default(qd->main_context);
    if (qemu_init_main_loop(errp) < 0) {
        g_main_context_pop_thread_default(qd->main_context);
        g_main_context_unref(qd->main_context);
        return NULL;
    }
    return qemu_get_aio_context();
}

void qaio_main_loop_free(struct qaio_data *qd)
{
    qemu_main_loop_destroy();
    g_main_context_pop_thread_default(qd->main_context);
    g_main_context_unref(qd->main_context);
}
