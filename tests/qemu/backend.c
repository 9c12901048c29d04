/* Lets a test of QEMU's run with the coroutine backend that QAIO_COROUTINE names: asm, ucontext.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tests know of no choice, so it is made ahead of main() for the thread that runs them. Without
 * the variable the backend is the thread's ordinary one. */
#include "coroutine/coroutine.h"

__attribute__((constructor)) static void choose_backend(void)
{
    const char *name = g_getenv("QAIO_COROUTINE");
    CoroutineBackend backend = COROUTINE_BACKEND_UCONTEXT;

    if (!name) {
        return;
    }
    if (strcmp(name, "asm") == 0) {
        backend = COROUTINE_BACKEND_ASM;
    } else if (strcmp(name, "ucontext") != 0) {
        g_printerr("QAIO_COROUTINE=%s: say asm or ucontext\n", name);
        exit(1);
    }
    if (!qemu_coroutine_set_backend(backend)) {
        g_printerr("QAIO_COROUTINE=%s: not in this build\n", name);
        exit(77);
    }
}
