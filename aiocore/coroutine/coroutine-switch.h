/* Enter and yield: the switch itself, inlined into the caller between two ordinary calls.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     enterer                                      coroutine
 *     coroutine_enter_begin   checks, caller
 *     jump  ------------------------------------>  1: ... goes on ...
 *                                                  coroutine_yield_begin   checks, caller
 *     1:  <--------------------------------------  jump
 *     coroutine_enter_end     if it ended or
 *                             woke others
 *
 * Why inlined: a processor predicts returns by pairing them with calls. A function that is called
 * on one stack and, by way of a jump, returns on the other breaks the pairs, and each such return
 * costs as much as everything else here together. With the jumps in the callers' own code all calls
 * of a round trip return before the next jump; the round trip mispredicts nothing.
 *
 * Why the rest is not: it uses thread-local variables (base/current-context.h). An enterer gets its
 * coroutine back in the thread it entered it in, but a coroutine that yields can wake up in
 * another.
 */
#ifndef QAIO_COROUTINE_SWITCH_H
#define QAIO_COROUTINE_SWITCH_H

#include "coroutine/coroutine-asm.h"
#include "coroutine/coroutine-sanitizer.h"
#include "coroutine/coroutine-ucontext.h"

/* The sanitizers enlarge their functions' frames in ways that forbid to clobber all registers. */
#if defined(COROUTINE_ASAN) || defined(COROUTINE_TSAN)
#define COROUTINE_INLINE static __attribute__((noinline, unused))
#else
#define COROUTINE_INLINE static inline
#endif

/* Run @co until it leaves. */
COROUTINE_INLINE CoroutineAction coroutine_switch_in(Coroutine *co)
{
    CoroutineAction action;

#ifdef HAVE_COROUTINE_ASM
    if (likely(co->backend == COROUTINE_BACKEND_ASM)) {
        coroutine_sanitize_enter(co);
        action = coroutine_asm_jump(&co->outer, &co->self, COROUTINE_ENTER);
        coroutine_sanitize_left(co);
        return action;
    }
#endif
    action = coroutine_ucontext_enter(co);
    return action;
}

/* Back from @co, on whose stack we are, to its enterer. Returns when it is entered again. */
COROUTINE_INLINE void coroutine_switch_out(Coroutine *co, CoroutineAction action)
{
#ifdef HAVE_COROUTINE_ASM
    if (likely(co->backend == COROUTINE_BACKEND_ASM)) {
        coroutine_sanitize_leave(co, action == COROUTINE_TERMINATE);
        coroutine_asm_jump(&co->self, &co->outer, action);
        coroutine_sanitize_entered(co);
        return;
    }
#endif
    coroutine_ucontext_leave(co, action);
}

static inline void qemu_aio_coroutine_enter(AioContext *ctx, Coroutine *co)
{
    CoroutineAction action;

    coroutine_enter_begin(ctx, co);
    action = coroutine_switch_in(co);
    if (action == COROUTINE_TERMINATE || unlikely(!QSIMPLEQ_EMPTY(&co->co_queue_wakeup))) {
        coroutine_enter_end(co, action);
    }
}

static inline void qemu_coroutine_enter(Coroutine *co)
{
    qemu_aio_coroutine_enter(qemu_get_current_aio_context(), co);
}

static inline void qemu_coroutine_enter_if_inactive(Coroutine *co)
{
    if (!qemu_coroutine_entered(co)) {
        qemu_coroutine_enter(co);
    }
}

static inline void coroutine_fn qemu_coroutine_yield(void)
{
    coroutine_switch_out(coroutine_yield_begin(), COROUTINE_YIELD);
}

#endif
