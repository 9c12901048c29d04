/* Coroutines: functions that can stop in the middle (yield) and be resumed (enter) where they were.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     enterer                          coroutine
 *     qemu_coroutine_enter(co)  -----> entry(opaque) begins, or qemu_coroutine_yield() returns
 *                               <----- qemu_coroutine_yield(), or entry returns
 *     ... co is suspended or gone ...
 *
 * A coroutine is entered by one enterer at a time and always comes back to that one. It may be
 * entered by another thread next time; only the threads must hand it over with the usual care
 * (a lock, or release and acquire). A coroutine may enter another; that nests like a call.
 *
 * A coroutine that is terminated (its entry function has returned) is recycled by the enterer at
 * once: the pointer is dead when the qemu_coroutine_enter that ended it returns.
 *
 * Coroutines that one coroutine wakes by appending them to its co_queue_wakeup (the loop layer does
 * that) are entered by the enterer when it yields or ends: in order, and each one's own wake-ups
 * before the next of its siblings (depth first).
 *
 * Memory: each coroutine has a stack of 64 KiB (256 KiB under ASan) with a guard page below it;
 * overflow is a SIGSEGV, never silent. Of a coroutine with a shallow stack at most two pages are
 * ever touched. Terminated ones go to a pool (see coroutine-pool.c) and cost nothing to make again.
 *
 * Thread-local variables: code in a coroutine must not use the address of one from before a yield.
 */
#ifndef QAIO_COROUTINE_H
#define QAIO_COROUTINE_H

#include "base/osdep.h"
#include "base/current-context.h"

typedef struct Coroutine Coroutine;
typedef void coroutine_fn CoroutineEntry(void *opaque);

/* How coroutines switch. They behave the same. */
typedef enum CoroutineBackend {
    COROUTINE_BACKEND_ASM,      /* a handful of instructions; x86_64 and aarch64 */
    COROUTINE_BACKEND_UCONTEXT, /* makecontext and siglongjmp; anywhere */
} CoroutineBackend;

/* Choose the backend of the coroutines that the calling thread creates from now on; the others keep
 * theirs, and kinds may nest. A thread starts with asm where it is built, else ucontext. Returns
 * false, and changes nothing, if @b is not built in. */
bool qemu_coroutine_set_backend(CoroutineBackend b);

/* The backend of the calling thread. */
CoroutineBackend qemu_coroutine_get_backend(void);

/* Make a coroutine that will run @entry with @opaque once it is entered. Any thread. Never NULL:
 * when the pool is empty and the kernel refuses memory for a stack (ENOMEM: memory, or more than
 * vm.max_map_count / 2 live coroutines) it aborts with a message, as g_malloc does. One that is
 * never entered is never freed. */
Coroutine *qemu_coroutine_create(CoroutineEntry *entry, void *opaque);

/* Run @co until it yields or ends, then what it woke (see above). Aborts with a message that names
 * both sides if @co is entered already or is scheduled to be entered by somebody else. */
static inline void qemu_coroutine_enter(Coroutine *co);

/* The same unless @co is entered already: then do nothing. */
static inline void qemu_coroutine_enter_if_inactive(Coroutine *co);

/* The same as qemu_coroutine_enter with @ctx as the context that @co runs in, rather than the
 * calling thread's current one. */
static inline void qemu_aio_coroutine_enter(AioContext *ctx, Coroutine *co);

/* Stop the running coroutine and go back to the enterer. Returns when it is entered again. Who will
 * do that is the caller's to arrange before. Aborts outside of a coroutine. */
static inline void coroutine_fn qemu_coroutine_yield(void);

/* The running coroutine; outside of one, a stand-in for the thread itself that is good for
 * comparing only. Never NULL. */
Coroutine *qemu_coroutine_self(void);

/* Whether the caller runs in a coroutine. */
bool qemu_in_coroutine(void);

/* Whether @co is running or has entered another coroutine. False once it has yielded. To be asked
 * in the thread that @co runs in. */
bool qemu_coroutine_entered(Coroutine *co);

/* The context that @co was last entered in. Any thread, as long as @co is alive. */
AioContext *qemu_coroutine_get_aio_context(Coroutine *co);

/* Have @co run in @ctx: later, through @ctx's loop, when the caller is in another thread; behind
 * the caller when that is itself a coroutine, unless it is inside an aio_poll() of its own; else
 * now. Any thread. This is what the locks need of contexts, which live in a layer above: that layer
 * defines it (loop/async.c), and it is the only function that this folder calls and does not have.
 */
void aio_co_enter(AioContext *ctx, Coroutine *co);

/* Announce that @n more (fewer) coroutines will be live at once, so that the pool keeps as many.
 * Any thread; balanced by the caller. */
void qemu_coroutine_inc_pool_size(unsigned int n);
void qemu_coroutine_dec_pool_size(unsigned int n);

/* Have @n coroutines at hand for the calling thread, so that creating them later maps no memory.
 * They stay if as many are announced. */
void qemu_coroutine_pool_reserve(unsigned int n);

/* What the calling thread did so far. A coroutine created here and ended in another thread counts
 * as live here until its memory comes back through the shared pool. */
typedef struct CoroutinePoolStats {
    uint64_t created;  /* stacks made because the pools were empty: one memory mapping each */
    uint64_t live;     /* created and not terminated */
    uint64_t live_max; /* the highest that live was */
} CoroutinePoolStats;

void qemu_coroutine_pool_stats(CoroutinePoolStats *stats);

/* struct Coroutine, and the bodies of what is inline above. */
#include "coroutine/coroutine_int.h"

#endif
