/* Enter and yield: the switch itself, inlined into the caller between two ordinary calls.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     enterer                                      coroutine
 *     coroutine_enter_begin   checks, caller
 *     jump  ------------------------------------>  1: ... goes on ...
 *                                                  coroutine_yield_begin   checks, caller
 *     1:  <--------------------------------------  jump
 *     coroutine_terminate     if it ended, or
 *     coroutine_enter_woken   if it woke others
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

/* Run *@co until it leaves. Sets *@co to what it was (see coroutine-asm.h). */
COROUTINE_INLINE CoroutineAction coroutine_switch_in(Coroutine **co)
{
    CoroutineAction action;

#ifdef HAVE_COROUTINE_ASM
    if (likely((*co)->backend == COROUTINE_BACKEND_ASM)) {
        CoroutineSwitch *s = &(*co)->points;

        coroutine_sanitize_enter(*co);
        action = coroutine_asm_enter(&s);
        *co = container_of(s, Coroutine, points);
        coroutine_sanitize_left(*co);
        return action;
    }
#endif
    action = coroutine_ucontext_enter(*co);
    return action;
}

/* Back from @co, on whose stack we are and which has not ended, to its enterer. Returns when it is
 * entered again. */
COROUTINE_INLINE void coroutine_switch_out(Coroutine *co)
{
#ifdef HAVE_COROUTINE_ASM
    if (likely(co->backend == COROUTINE_BACKEND_ASM)) {
        coroutine_sanitize_leave(co, false);
        coroutine_asm_leave(&co->points, COROUTINE_YIELD);
        coroutine_sanitize_entered(co);
        return;
    }
#endif
    coroutine_ucontext_leave(co, COROUTINE_YIELD);
}

/* Run @co, for which coroutine_enter_begin was called, and clean up after it. */
static inline void coroutine_enter_begun(Coroutine *co)
{
    CoroutineAction action = coroutine_switch_in(&co);

    if (unlikely(!QSIMPLEQ_EMPTY(&co->co_queue_wakeup))) {
        coroutine_enter_woken(co, action);
    } else if (action == COROUTINE_TERMINATE) {
        coroutine_terminate(co);
    }
}

static inline void qemu_aio_coroutine_enter(AioContext *ctx, Coroutine *co)
{
    coroutine_enter_begun(coroutine_enter_begin_in(ctx, co));
}

static inline void qemu_coroutine_enter(Coroutine *co)
{
    coroutine_enter_begun(coroutine_enter_begin(co));
}

static inline void qemu_coroutine_enter_if_inactive(Coroutine *co)
{
    if (!qemu_coroutine_entered(co)) {
        qemu_coroutine_enter(co);
    }
}

static inline void coroutine_fn qemu_coroutine_yield(void)
{
    coroutine_switch_out(coroutine_yield_begin());
}

#endif
