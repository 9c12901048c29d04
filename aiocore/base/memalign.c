/* Aligned allocation by posix_memalign.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include "base/memalign.h"

void *qemu_try_memalign(size_t alignment, size_t size)
{
    void *ptr;

    g_assert(alignment != 0 && (alignment & (alignment - 1)) == 0);
    /* Size 0 may give NULL, which would look like a failure. */
    if (posix_memalign(&ptr, MAX(alignment, sizeof(void *)), MAX(size, 1)) != 0) {
        return NULL;
    }
    return ptr;
}

void *qemu_memalign(size_t alignment, size_t size)
{
    void *ptr = qemu_try_memalign(alignment, size);

    if (!ptr) {
        fprintf(stderr, "qemu_memalign: cannot allocate %zu bytes aligned to %zu\n", size,
                alignment);
        abort();
    }
    return ptr;
}

void qemu_vfree(void *ptr)
{
    int saved_errno = errno;

    free(ptr);
    errno = saved_errno;
}
