/* The portable backend: where a flow of control goes on is a sigjmp_buf in its own stack frame.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/* The fortified siglongjmp aborts when it goes to a deeper frame, which is what we use it for. */
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 0

#include "base/osdep.h"
#include "coroutine/coroutine_int.h"

#include <setjmp.h>
#include <ucontext.h>

void coroutine_ucontext_init(Coroutine *co)
{
    co->points.self.sp = NULL;
}

/* The body of every coroutine of this backend. makecontext passes ints only: the address comes in
 * two halves. */
static void coroutine_ucontext_main(unsigned high, unsigned low)
{
    Coroutine *co = (Coroutine *)(uintptr_t)((uint64_t)high << 32 | low);

    coroutine_sanitize_entered(co);
    for (;;) {
        co->entry(co->entry_arg);
        coroutine_ucontext_leave(co, COROUTINE_TERMINATE);
    }
}

/* Go to the beginning of @co's stack. setcontext is done with @uc when it gets there. The frame is
 * never left in the ordinary way, so ASan must not put red zones into it. */
static COROUTINE_REAL_LOCALS G_NORETURN void coroutine_ucontext_start(Coroutine *co)
{
    uint64_t address = (uintptr_t)co;
    ucontext_t uc;

    getcontext(&uc);
    uc.uc_stack.ss_sp = co->stack;
    uc.uc_stack.ss_size = co->stack_size;
    uc.uc_link = NULL;
    makecontext(&uc, (void (*)(void))coroutine_ucontext_main, 2, (unsigned)(address >> 32),
                (unsigned)address);
    setcontext(&uc);
    abort();
}

/* TSan files each sigsetjmp under the fiber that made it, so it is told of the switch in between.
 */
COROUTINE_REAL_LOCALS CoroutineAction coroutine_ucontext_enter(Coroutine *co)
{
    sigjmp_buf here;
    CoroutineAction action = sigsetjmp(here, 0);

    if (action == 0) {
        co->points.outer.sp = here;
        coroutine_sanitize_enter(co);
        if (!co->points.self.sp) {
            coroutine_ucontext_start(co);
        }
        siglongjmp(co->points.self.sp, COROUTINE_ENTER);
    }
    coroutine_sanitize_left(co);
    return action;
}

COROUTINE_REAL_LOCALS void coroutine_ucontext_leave(Coroutine *co, CoroutineAction action)
{
    sigjmp_buf here;

    if (sigsetjmp(here, 0) == 0) {
        co->points.self.sp = here;
        coroutine_sanitize_leave(co, action == COROUTINE_TERMINATE);
        siglongjmp(co->points.outer.sp, action);
    }
    coroutine_sanitize_entered(co);
}
