/* The memory of one coroutine: one mapping, laid out as coroutine-stack.h draws it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "base/osdep.h"
#include "base/atomic.h"
#include "coroutine/coroutine-stack.h"
#include "coroutine/coroutine-ucontext.h"

#include <sys/mman.h>

#ifdef COROUTINE_ASAN
#define STACK_SIZE (256 * 1024) /* frames with red zones are several times as large */
#else
#define STACK_SIZE (64 * 1024)
#endif

#define CACHE_LINE   64
#define COLOURS      64
#define COLOUR_STEP  3
#define COLOUR_SPACE (COLOURS * CACHE_LINE)

/* How far below the end of its mapping the next struct Coroutine ends. */
static size_t next_colour(void)
{
    static unsigned made;

    return qatomic_fetch_inc(&made) * COLOUR_STEP % COLOURS * CACHE_LINE;
}

static void *map_with_guard(size_t size, size_t guard)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE;
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    int saved_errno;

    if (map == MAP_FAILED) {
        return NULL;
    }
    if (mprotect(map, guard, PROT_NONE) < 0) {
        saved_errno = errno;
        munmap(map, size);
        errno = saved_errno;
        return NULL;
    }
    return map;
}

Coroutine *coroutine_stack_new(CoroutineBackend backend)
{
    size_t page = sysconf(_SC_PAGESIZE);
    size_t size = page + QEMU_ALIGN_UP(STACK_SIZE + COLOUR_SPACE + sizeof(Coroutine), page);
    char *map = map_with_guard(size, page);
    Coroutine *co;

    if (!map) {
        return NULL;
    }
    co = (Coroutine *)(map + size - next_colour() - sizeof(Coroutine));
    co->backend = backend;
    co->map = map;
    co->map_size = size;
    co->stack = map + page;
    co->stack_size = (char *)co - (char *)co->stack;
    QSIMPLEQ_INIT(&co->co_queue_wakeup);

#ifdef HAVE_COROUTINE_ASM
    if (backend == COROUTINE_BACKEND_ASM) {
        coroutine_asm_init(&co->points, co);
    }
#endif
    if (backend == COROUTINE_BACKEND_UCONTEXT) {
        coroutine_ucontext_init(co);
    }
    coroutine_sanitize_stack_new(co);
    return co;
}

void coroutine_stack_free(Coroutine *co)
{
    coroutine_sanitize_stack_free(co);
    munmap(co->map, co->map_size);
}
