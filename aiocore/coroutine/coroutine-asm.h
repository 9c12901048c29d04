/* The asm backend: a switch is three loads, three stores and an indirect jump, inlined.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     coroutine_asm_enter(s):          from is s->outer, to is s->self
 *     coroutine_asm_leave(s, action):  from is s->self, to is s->outer
 *
 *         from = { stack pointer, frame pointer, address of label 1 }
 *         stack pointer, frame pointer = to.sp, to.fp
 *         jump to to.pc            ... which is label 1 of the other, or coroutine_asm_start
 *     1:  goes on with the s, and the action, of whoever jumped here
 *
 * Two registers go through the jump, with s and the action. s is what it was when the flow of
 * control left, yet who goes on does not need to find it on the stack that was just changed: that
 * load would wait for two others, and all that follows for it.
 *
 * Every other register is declared as clobbered. So the compiler saves what is live, on the stack
 * that is being left, and nothing else: for the enterer and the coroutine that is less than all
 * that the calling convention calls callee-saved. The frame pointer is moved by hand because
 * compilers do not let it be clobbered. Nothing is pushed, so the red zone below the stack pointer
 * is safe.
 *
 * A jump rather than a return, as the return predictor of the processor pairs calls with returns
 * and would be wrong at each switch; an indirect jump is predicted by its history, and right.
 *
 * Left alone: MXCSR and x87 control word (FPCR on aarch64). They are the thread's modes of rounding
 * and trapping. A coroutine that changes them must put them back before it yields, as it must
 * before it calls any function; saving them would cost more than the whole switch. Also left alone
 * is the hardware shadow stack: a process that turns it on needs the ucontext backend and its libc.
 */
#ifndef QAIO_COROUTINE_ASM_H
#define QAIO_COROUTINE_ASM_H

#include "base/osdep.h"

/* Why somebody jumps. 0 never occurs: siglongjmp would turn it into 1. */
typedef enum CoroutineAction {
    COROUTINE_YIELD = 1,
    COROUTINE_TERMINATE,
    COROUTINE_ENTER,
} CoroutineAction;

/* Where a suspended flow of control goes on. The ucontext backend uses it too: it keeps a
 * sigjmp_buf on the stack and its address in sp. */
typedef struct CoroutinePoint {
    void *sp;
    void *fp;
    void *pc;
} CoroutinePoint;

/* The two ends of a switch. The offsets are known to the assembly. */
typedef struct CoroutineSwitch {
    CoroutinePoint self;  /* where the coroutine goes on when it is entered */
    CoroutinePoint outer; /* where the enterer goes on when it leaves */
} CoroutineSwitch;

#ifdef HAVE_COROUTINE_ASM

/* Where a fresh stack begins: calls coroutine_asm_main with the CoroutineSwitch that it was entered
 * by. Not to be called. */
void coroutine_asm_start(void);

/* The body of every coroutine of this backend. Does not return. */
G_NORETURN void coroutine_asm_main(CoroutineSwitch *s);

/* Make @s begin a fresh stack that ends at @top (64-byte aligned) with coroutine_asm_main. */
static inline void coroutine_asm_init(CoroutineSwitch *s, void *top)
{
    s->self.sp = top;
    s->self.fp = NULL; /* a backtrace ends here */
    s->self.pc = (void *)coroutine_asm_start;
}

/* For each processor: the registers that go through, the rest, and the jump. A point's fields are
 * at 0, 8 and 16; from and to, the offsets of the points, are 0 and 24. */
#if defined(__x86_64__)

#define COROUTINE_ASM_S      "rdi"
#define COROUTINE_ASM_ACTION "rax"

#ifdef __AVX512F__
#define COROUTINE_ASM_CLOBBER_AVX512                                                              \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",   \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", \
        "k7"
#else
#define COROUTINE_ASM_CLOBBER_AVX512
#endif

#define COROUTINE_ASM_CLOBBER                                                                     \
    "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",     \
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", \
        "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)",    \
        "st(6)", "st(7)", "cc", "memory" COROUTINE_ASM_CLOBBER_AVX512

#define COROUTINE_ASM_JUMP(from, to)        \
    "leaq 1f(%%rip), %%rdx\n\t"             \
    "movq %%rsp, " #from " + 0(%%rdi)\n\t"  \
    "movq %%rbp, " #from " + 8(%%rdi)\n\t"  \
    "movq %%rdx, " #from " + 16(%%rdi)\n\t" \
    "movq " #to " + 0(%%rdi), %%rsp\n\t"    \
    "movq " #to " + 8(%%rdi), %%rbp\n\t"    \
    "jmpq *" #to " + 16(%%rdi)\n"           \
    "1:"

#elif defined(__aarch64__)

#define COROUTINE_ASM_S      "x0"
#define COROUTINE_ASM_ACTION "x1"

#define COROUTINE_ASM_CLOBBER                                                                      \
    "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",      \
        "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", \
        "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12",    \
        "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", \
        "v26", "v27", "v28", "v29", "v30", "v31", "cc", "memory"

/* hint #36 is "bti j": label 1 may be jumped to where branch targets are checked. */
#define COROUTINE_ASM_JUMP(from, to)        \
    "adr x3, 1f\n\t"                        \
    "mov x4, sp\n\t"                        \
    "stp x4, x29, [x0, #" #from " + 0]\n\t" \
    "str x3, [x0, #" #from " + 16]\n\t"     \
    "ldp x4, x29, [x0, #" #to " + 0]\n\t"   \
    "ldr x3, [x0, #" #to " + 16]\n\t"       \
    "mov sp, x4\n\t"                        \
    "br x3\n"                               \
    "1:\n\t"                                \
    "hint #36"

#else
#error "There is no asm backend for this processor: configure must not define HAVE_COROUTINE_ASM."
#endif

/* Run the coroutine of *@s until it leaves; returns why it did. Sets *@s to what it was. */
static inline __attribute__((always_inline)) CoroutineAction
coroutine_asm_enter(CoroutineSwitch **s)
{
    register CoroutineSwitch *through __asm__(COROUTINE_ASM_S) = *s;
    register unsigned long action __asm__(COROUTINE_ASM_ACTION);

    __asm__ volatile(COROUTINE_ASM_JUMP(24, 0)
                     : "+r"(through), "=r"(action)
                     :
                     : COROUTINE_ASM_CLOBBER);
    *s = through;
    return action;
}

/* Go back to the enterer and tell it why. Returns @s when the coroutine is entered again. */
static inline __attribute__((always_inline)) CoroutineSwitch *
coroutine_asm_leave(CoroutineSwitch *s, CoroutineAction why)
{
    register CoroutineSwitch *through __asm__(COROUTINE_ASM_S) = s;
    register unsigned long action __asm__(COROUTINE_ASM_ACTION) = why;

    __asm__ volatile(COROUTINE_ASM_JUMP(0, 24)
                     : "+r"(through), "+r"(action)
                     :
                     : COROUTINE_ASM_CLOBBER);
    return through;
}

#endif
#endif
