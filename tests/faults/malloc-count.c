/* Counts the process's calls for memory and writes the number to the file MALLOC_COUNT names when
 * the process ends. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Preloaded into fio. It works with jobs that are threads: a forked job leaves by _exit(), which
 * runs no destructor. The allocator is the C library's, reached by the names it keeps for those who
 * stand before it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_ulong count;

static void called(void)
{
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
    called();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    called();
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    called();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    called();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    called();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    called();
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    called();
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

__attribute__((destructor)) static void write_count(void)
{
    const char *path = getenv("MALLOC_COUNT");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;

    if (fd >= 0) {
        dprintf(fd, "%lu\n", atomic_load(&count));
        close(fd);
    }
}
