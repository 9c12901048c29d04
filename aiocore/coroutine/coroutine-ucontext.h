/* The portable backend: makecontext begins a stack, sigsetjmp and siglongjmp go back and forth.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * swapcontext would do alone, but saves the signal mask with a system call each time. The jumps do
 * not. Only the first entry of a new stack, by setcontext, makes two such calls.
 */
#ifndef QAIO_COROUTINE_UCONTEXT_H
#define QAIO_COROUTINE_UCONTEXT_H

#include "coroutine/coroutine-asm.h"

typedef struct Coroutine Coroutine;

/* Prepare @co's first entry. */
void coroutine_ucontext_init(Coroutine *co);

/* Run @co until it leaves. */
CoroutineAction coroutine_ucontext_enter(Coroutine *co);

/* Back from @co, on whose stack we are, to its enterer. Returns when it is entered again. */
void coroutine_ucontext_leave(Coroutine *co, CoroutineAction action);

#endif
