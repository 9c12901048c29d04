/* The asm backend: the first instructions on a fresh stack, and the body of the coroutine.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Frame pointer (by coroutine_asm_init) and return address are cleared, and marked so in the unwind
 * table, so that a backtrace ends here.
 */
#include "base/osdep.h"
#include "coroutine/coroutine_int.h"

#ifdef HAVE_COROUTINE_ASM

_Static_assert(offsetof(CoroutineSwitch, self) == 0 && offsetof(CoroutineSwitch, outer) == 24 &&
                   offsetof(CoroutinePoint, fp) == 8 && offsetof(CoroutinePoint, pc) == 16,
               "offsets that the assembly knows");

void coroutine_asm_main(CoroutineSwitch *s)
{
    Coroutine *co = container_of(s, Coroutine, points);

    coroutine_sanitize_entered(co);
    for (;;) {
        co->entry(co->entry_arg);
        coroutine_sanitize_leave(co, true);
        s = coroutine_asm_leave(&co->points, COROUTINE_TERMINATE);
        co = container_of(s, Coroutine, points);
        coroutine_sanitize_entered(co);
    }
}

#if defined(__x86_64__)

__asm__(".text\n"
        ".p2align 4\n"
        ".hidden coroutine_asm_main\n"
        ".hidden coroutine_asm_start\n"
        ".globl coroutine_asm_start\n"
        ".type coroutine_asm_start, @function\n"
        "coroutine_asm_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        "    call coroutine_asm_main\n"
        "    ud2\n"
        ".cfi_endproc\n"
        ".size coroutine_asm_start, . - coroutine_asm_start\n");

#elif defined(__aarch64__)

/* hint #36 is "bti j", as in coroutine-asm.h. */
__asm__(".text\n"
        ".p2align 4\n"
        ".hidden coroutine_asm_main\n"
        ".hidden coroutine_asm_start\n"
        ".globl coroutine_asm_start\n"
        ".type coroutine_asm_start, %function\n"
        "coroutine_asm_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined x30\n"
        "    hint #36\n"
        "    mov x30, #0\n"
        "    bl coroutine_asm_main\n"
        "    brk #1\n"
        ".cfi_endproc\n"
        ".size coroutine_asm_start, . - coroutine_asm_start\n");

#endif
#endif
