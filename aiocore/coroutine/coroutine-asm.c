/* The asm backend: the first instructions on a fresh stack.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * coroutine_asm_init has put the coroutine into the frame pointer. Frame pointer and return address
 * are cleared, and marked so in the unwind table, so that a backtrace ends here.
 */
#include "base/osdep.h"
#include "coroutine/coroutine_int.h"

#ifdef HAVE_COROUTINE_ASM
#if defined(__x86_64__)

__asm__(".text\n"
        ".p2align 4\n"
        ".hidden coroutine_main\n"
        ".hidden coroutine_asm_start\n"
        ".globl coroutine_asm_start\n"
        ".type coroutine_asm_start, @function\n"
        "coroutine_asm_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        "    movq %rbp, %rdi\n"
        "    xorl %ebp, %ebp\n"
        "    call coroutine_main\n"
        "    ud2\n"
        ".cfi_endproc\n"
        ".size coroutine_asm_start, . - coroutine_asm_start\n");

#elif defined(__aarch64__)

/* hint #36 is "bti j", as in coroutine-asm.h. */
__asm__(".text\n"
        ".p2align 4\n"
        ".hidden coroutine_main\n"
        ".hidden coroutine_asm_start\n"
        ".globl coroutine_asm_start\n"
        ".type coroutine_asm_start, %function\n"
        "coroutine_asm_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined x30\n"
        "    hint #36\n"
        "    mov x0, x29\n"
        "    mov x29, #0\n"
        "    mov x30, #0\n"
        "    bl coroutine_main\n"
        "    brk #1\n"
        ".cfi_endproc\n"
        ".size coroutine_asm_start, . - coroutine_asm_start\n");

#endif
#endif
