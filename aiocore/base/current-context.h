/* Which AioContext the calling thread runs: one pointer in thread-local storage.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A coroutine can be suspended in one thread and resumed in another. A compiler that has computed
 * the address of a thread-local variable before the switch may use it after, and then reads the
 * old thread's copy. That is why both functions are real calls that are never inlined; the same
 * rule holds for every thread-local variable of aiocore.
 */
#ifndef QAIO_BASE_CURRENT_CONTEXT_H
#define QAIO_BASE_CURRENT_CONTEXT_H

typedef struct AioContext AioContext;

/* For a function that is never inlined and needs the context among others of its thread's
 * variables. The rest calls the functions. */
extern __thread AioContext *current_aio_context;

/* The context set by the calling thread last, NULL if none was. */
AioContext *qemu_get_current_aio_context(void);

/* Make @ctx (or none: NULL) the calling thread's context. It must stay alive until replaced. */
void qemu_set_current_aio_context(AioContext *ctx);

#endif
