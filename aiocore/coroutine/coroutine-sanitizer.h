/* Tells ASan, TSan and valgrind which stack the thread is on; in other builds nothing at all.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     coroutine_sanitize_enter(co)        enterer, just before it jumps onto co's stack
 *     coroutine_sanitize_entered(co)      co, first thing it does there
 *     coroutine_sanitize_leave(co, last)  co, just before it jumps back
 *     coroutine_sanitize_left(co)         enterer, first thing it does after
 *
 * ASan needs to know the bounds of the stack that is jumped to, and keeps a "fake stack" per flow
 * of control. A coroutine that terminates says so (no place to save the fake stack: it is freed),
 * and begins with a new one when it is taken from the pool. TSan calls a flow of control a fiber; a
 * coroutine has one for as long as its stack exists, pooled or not. A switch orders what came
 * before in one fiber with what comes after in the other, as it does in reality.
 */
#ifndef QAIO_COROUTINE_SANITIZER_H
#define QAIO_COROUTINE_SANITIZER_H

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define COROUTINE_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define COROUTINE_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#endif

/* For a function that keeps what another flow of control needs in a local variable (ASan would put
 * it on the fake stack, which does not outlive the coroutine), or whose frame does not end. */
#ifdef COROUTINE_ASAN
#define COROUTINE_REAL_LOCALS __attribute__((no_sanitize_address))
#else
#define COROUTINE_REAL_LOCALS
#endif

/* Inlined always: TSan keeps a call stack per fiber, and a function that was called in one and
 * returns in another upsets both. */
#define COROUTINE_HOOK static inline __attribute__((always_inline))

COROUTINE_HOOK void coroutine_sanitize_enter(Coroutine *co)
{
#ifdef COROUTINE_ASAN
    __sanitizer_start_switch_fiber(&co->asan_outer_fake_stack, co->stack, co->stack_size);
#endif
#ifdef COROUTINE_TSAN
    co->tsan_outer_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(co->tsan_fiber, 0);
#endif
    (void)co;
}

COROUTINE_HOOK void coroutine_sanitize_entered(Coroutine *co)
{
#ifdef COROUTINE_ASAN
    __sanitizer_finish_switch_fiber(co->asan_fake_stack, &co->asan_outer_stack,
                                    &co->asan_outer_stack_size);
#endif
    (void)co;
}

COROUTINE_HOOK void coroutine_sanitize_leave(Coroutine *co, bool last)
{
#ifdef COROUTINE_ASAN
    co->asan_fake_stack = NULL;
    __sanitizer_start_switch_fiber(last ? NULL : &co->asan_fake_stack, co->asan_outer_stack,
                                   co->asan_outer_stack_size);
#endif
#ifdef COROUTINE_TSAN
    __tsan_switch_to_fiber(co->tsan_outer_fiber, 0);
#endif
    (void)co;
    (void)last;
}

COROUTINE_HOOK void coroutine_sanitize_left(Coroutine *co)
{
#ifdef COROUTINE_ASAN
    __sanitizer_finish_switch_fiber(co->asan_outer_fake_stack, NULL, NULL);
#endif
    (void)co;
}

/* The stack of @co has come into being. */
static inline void coroutine_sanitize_stack_new(Coroutine *co)
{
#ifdef COROUTINE_TSAN
    co->tsan_fiber = __tsan_create_fiber(0);
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
    co->valgrind_stack_id = VALGRIND_STACK_REGISTER(co->stack, (char *)co->stack + co->stack_size);
#endif
    (void)co;
}

/* The stack of @co is about to go. Its frames end here, and whoever gets the addresses next must
 * not find their red zones. */
static inline void coroutine_sanitize_stack_free(Coroutine *co)
{
#ifdef COROUTINE_ASAN
    __asan_unpoison_memory_region(co->stack, co->stack_size);
#endif
#ifdef COROUTINE_TSAN
    __tsan_destroy_fiber(co->tsan_fiber);
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
    VALGRIND_STACK_DEREGISTER(co->valgrind_stack_id);
#endif
    (void)co;
}

#endif
